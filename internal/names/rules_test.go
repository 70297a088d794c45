package names

import (
	"fmt"
	"regexp"
)

// Kind is a sort of Azure resource with its own naming rule.
type Kind string

// The kinds of names that the program gives.
const (
	ResourceGroup  Kind = "resource group"
	VirtualNetwork Kind = "virtual network"
	Subnet         Kind = "subnet"
	SecurityGroup  Kind = "network security group"
	SecurityRule   Kind = "security rule"
	PublicIP       Kind = "public IP address"
	NIC            Kind = "network interface"
	VM             Kind = "virtual machine"
	StorageAccount Kind = "storage account"
	BlobContainer  Kind = "blob container"
	KeyVault       Kind = "key vault"
	VaultSecret    Kind = "key vault secret"
	Plan           Kind = "app service plan"
	FunctionApp    Kind = "function app"
	Balancer       Kind = "load balancer"
	DNSLabel       Kind = "DNS label"
)

// rule is what Azure accepts as a name of one kind.
type rule struct {
	min, max int
	pattern  *regexp.Regexp
	says     string
}

// rules are those of "Naming rules and restrictions for Azure resources"
// (Azure Resource Manager documentation), a little tighter where that keeps two
// kinds alike: lower case only, and a VM's name must do as its host name.
var rules = map[Kind]rule{
	ResourceGroup: {1, 90, regexp.MustCompile(`^[A-Za-z0-9_.()-]*[A-Za-z0-9_()-]$`),
		"letters, digits, underscores, hyphens, periods and parentheses, not ending in a period"},
	VirtualNetwork: network(2, 64),
	Subnet:         network(1, 80),
	SecurityGroup:  network(1, 80),
	SecurityRule:   network(1, 80),
	PublicIP:       network(1, 80),
	NIC:            network(1, 80),
	Balancer:       network(1, 80),
	DNSLabel: {3, 63, regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`),
		"lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen"},
	VM: {1, 63, regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`),
		"lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen"},
	StorageAccount: {3, 24, regexp.MustCompile(`^[a-z0-9]+$`), "lower-case letters and digits"},
	BlobContainer: {3, 63, regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`),
		"lower-case letters, digits and single hyphens between them"},
	KeyVault: {3, 24, regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`),
		"letters, digits and single hyphens between them, beginning with a letter"},
	VaultSecret: {1, 127, regexp.MustCompile(`^[A-Za-z0-9-]+$`), "letters, digits and hyphens"},
	Plan:        {1, 60, regexp.MustCompile(`^[A-Za-z0-9-]+$`), "letters, digits and hyphens"},
	// Longer names are possible, but the Functions host cuts its identifier at
	// 32 characters and two apps that share it disturb each other.
	FunctionApp: {2, 32, regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`),
		"letters, digits and hyphens, neither beginning nor ending in a hyphen"},
}

// network is the rule that Microsoft.Network's resources share.
func network(shortest, longest int) rule {
	return rule{shortest, longest, regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`),
		"letters, digits, underscores, periods and hyphens, beginning with a letter or digit and not ending in a period or hyphen"}
}

// public tells which kinds appear in a public address.
var public = map[Kind]bool{StorageAccount: true, KeyVault: true, FunctionApp: true, DNSLabel: true}

// check says why Azure would refuse a name of a kind; nil if it would not.
func check(kind Kind, name string) error {
	r, ok := rules[kind]
	switch {
	case !ok:
		return fmt.Errorf("unknown kind %s", kind)
	case len(name) < r.min || len(name) > r.max:
		return fmt.Errorf("%s name %q has %d characters: Azure accepts %d to %d", kind, name, len(name), r.min, r.max)
	case !r.pattern.MatchString(name):
		return fmt.Errorf("%s name %q: Azure accepts %s", kind, name, r.says)
	case public[kind]:
		return checkReserved(name)
	}
	return nil
}

// all is every kind of name that depends on the prefix.
func (n Names) all() map[Kind]string {
	return map[Kind]string{
		ResourceGroup:  n.ResourceGroup(),
		VirtualNetwork: n.VirtualNetwork(),
		Subnet:         n.Subnet(),
		SecurityGroup:  n.SecurityGroup(),
		PublicIP:       n.PublicIP(n.Manager(1)),
		NIC:            n.NIC(n.Manager(1)),
		VM:             n.Worker(100),
		StorageAccount: n.StorageAccount(),
		KeyVault:       n.prefix + "-vault" + n.unique[:8], // the resource's name and 8 hex digits that the provider adds
		Plan:           n.Plan(),
		FunctionApp:    n.FunctionApp(),
		Balancer:       n.Balancer(),
		DNSLabel:       n.BalancerLabel(n.Label()),
	}
}
