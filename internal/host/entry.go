package host

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Entry is where people reach the application.
type Entry struct {
	// Address is the load balancer's, or the first manager's where there is none.
	Address pulumi.StringOutput
	// Names are all domain names that lead there. The first is the one to use: a domain of
	// the user's own, then Azure's. With a balancer the last name leads to the first
	// manager.
	Names []string
	// Needs is every resource that traffic to the entry passes through.
	Needs []pulumi.Resource
}

// Name is the domain name to use; empty if there is none.
func (e Entry) Name() string {
	if len(e.Names) == 0 {
		return ""
	}
	return e.Names[0]
}
