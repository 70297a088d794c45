// Package names derives the name of every Azure resource from the prefix, the stack and the
// subscription, and knows which names Azure accepts. Names are explicit: the provider's own
// naming keeps neither to lower case nor to the length that storage accounts allow. Only
// the vault and the disks are not named here: the remains of an earlier one may still
// occupy its name.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Project is the project's name in Pulumi.yaml. It begins every configuration key and
// the type of every component.
const Project = "averazure"

// Names gives names to one stack's resources.
type Names struct {
	prefix string
	stack  string
	unique string
}

// prefixPattern allows fewer characters than every single rule of Azure's, so that every
// name below keeps to its own rule.
var prefixPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,9}$`)

// stackPattern finds characters that a resource group's name cannot have.
var stackPattern = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// CheckPrefix says why a prefix cannot begin the names; nil if it can. A test makes sure
// that Azure then accepts all names.
func CheckPrefix(prefix string) error {
	if !prefixPattern.MatchString(prefix) {
		return fmt.Errorf("Azure's rules for storage accounts and key vaults leave room for 2 to 10 lower-case letters and digits, beginning with a letter")
	}
	return checkReserved(prefix)
}

// New derives the names of one stack. Subscription and salt determine the part of the
// globally unique names that tells stacks apart worldwide.
func New(prefix, stack, subscription, salt string) Names {
	parts := []string{prefix, stack, subscription}
	if salt != "" {
		parts = append(parts, salt)
	}
	digest := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return Names{prefix: prefix, stack: cleanStack(stack), unique: hex.EncodeToString(digest[:])}
}

// cleanStack makes a stack's name fit for the name of a resource group: it may
// be anything up to 100 characters.
func cleanStack(stack string) string {
	clean := strings.Trim(stackPattern.ReplaceAllString(stack, "-"), "-")
	const longest = 40
	if len(clean) > longest {
		clean = strings.TrimRight(clean[:longest], "-")
	}
	return clean
}

// Manager is the n-th manager's name, from 1; the first has no number.
func (n Names) Manager(number int) string {
	if number == 1 {
		return n.prefix + "-manager"
	}
	return fmt.Sprintf("%s-manager-%d", n.prefix, number)
}

// Worker is the n-th worker's name, from 1.
func (n Names) Worker(number int) string { return fmt.Sprintf("%s-worker-%d", n.prefix, number) }

// ResourceGroup is unique in a subscription: it carries the stack's name.
func (n Names) ResourceGroup() string { return n.prefix + "-" + n.stack }

// VirtualNetwork is the name of the network of all nodes.
func (n Names) VirtualNetwork() string { return n.prefix + "-net" }

// Subnet is the name of the nodes' part of that network.
func (n Names) Subnet() string { return n.prefix + "-nodes" }

// SecurityGroup filters what reaches the subnet.
func (n Names) SecurityGroup() string { return n.prefix + "-nodes" }

// PublicIP is a node's public address.
func (n Names) PublicIP(node string) string { return node + "-ip" }

// NIC is a node's network interface.
func (n Names) NIC(node string) string { return node + "-nic" }

// EntryIP is the balancer's public address.
func (n Names) EntryIP() string { return n.PublicIP(n.prefix + "-entry") }

// Balancer is the load balancer in front of the nodes.
func (n Names) Balancer() string { return n.prefix + "-balancer" }

// Label is the first manager's DNS label; unique in a region.
func (n Names) Label() string { return n.prefix + "-" + n.unique[:12] }

// BalancerLabel is the balancer's DNS label beside the first manager's.
func (n Names) BalancerLabel(label string) string { return label + "-lb" }

// StorageAccount holds the application's blobs; unique in the world.
func (n Names) StorageAccount() string { return n.prefix + n.unique[:12] }

// FunctionStorage holds what the Functions host keeps; unique in the world.
func (n Names) FunctionStorage() string { return n.prefix + "fn" + n.unique[:12] }

// BackupStorage holds the managers' backups; unique in the world.
func (n Names) BackupStorage() string { return n.prefix + "bk" + n.unique[:12] }

// Plan is the function app's plan.
func (n Names) Plan() string { return n.prefix + "-plan" }

// FunctionApp is unique in the world.
func (n Names) FunctionApp() string { return n.prefix + "-fn-" + n.unique[:12] }

// Application is the display name of the stack's application in Entra ID.
func (n Names) Application() string { return n.prefix + "-" + n.stack }

// Deployer is the display name of the application that workflows sign in to.
func (n Names) Deployer() string { return n.prefix + "-" + n.stack + "-deployer" }
