package host

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Entry is where people reach the application.
type Entry struct {
	// Address is the load balancer's, or the first manager's where there is none.
	Address pulumi.StringOutput
	// Names are all that lead there, the one to use first: a domain of one's own, then
	// Azure's. With a balancer the last leads to the first manager.
	Names []string
	// Needs is everything that the entry runs through.
	Needs []pulumi.Resource
}

// Name is the one to use; empty where there is none.
func (e Entry) Name() string {
	if len(e.Names) == 0 {
		return ""
	}
	return e.Names[0]
}
