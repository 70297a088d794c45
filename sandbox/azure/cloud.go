// Package azure emulates Azure, Entra ID and GitHub, as far as the program's
// azure-native, azuread and github resources need them.
//
// Every resource type is a row of a table (kind): its name rule, required inputs,
// references, the effect of a change, and the service's outputs. The cloud records every
// resource and refuses what the original refuses, with the original's error code.
// [Hosts] makes virtual networks, public addresses, VMs and security rules real.
package azure

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/blobs"
	"averazure/sandbox/fabric"
	"averazure/sandbox/hosts"
	"averazure/sandbox/nameserver"
	"averazure/sandbox/plugin"
)

// Hosts makes the cloud's resources real. All ids are those of the cloud.
type Hosts interface {
	CreateNetwork(ctx context.Context, id, cidr string) error
	DeleteNetwork(ctx context.Context, id string) error
	AllocatePublicIP(ctx context.Context, id string) (string, error)
	ReleasePublicIP(ctx context.Context, id string) error
	Boot(ctx context.Context, vm hosts.VM) error
	Running(ctx context.Context, vmID string) (bool, error)
	Restart(ctx context.Context, vmID string) error
	Remove(ctx context.Context, vmID string) error
	SizeDisk(ctx context.Context, id string, gb int) error
	RemoveDisk(ctx context.Context, id string) error
	Attach(ctx context.Context, vmID string, disks []hosts.Disk) error
	Filter(ctx context.Context, vmID string, rules []hosts.Rule) error
	SetNames(zones []string, records []nameserver.Record) error
	Connect(ctx context.Context, vm hosts.VM) error
	Balance(ctx context.Context, config fabric.Config) error
	Identify(ctx context.Context, vmID string, identity hosts.Identity) error
	BlobAddress() string
	Blobs(ctx context.Context, table blobs.Table) error
}

// Cloud is one emulated subscription, directory and GitHub.
type Cloud struct {
	hosts    Hosts
	stateDir string // directory of the delivered Actions secrets

	late Late

	mu     sync.Mutex // guards record and tried
	record *record
	tried  map[resource.URN]int // how often the directory was late
	broken error                // why the record could not be read

	filters sync.Mutex // one update of packet filters at a time
}

// New opens the cloud recorded in stateFile, or a new one. If the record is unreadable,
// every operation fails.
func New(made Hosts, stateFile string) *Cloud {
	c := &Cloud{hosts: made, stateDir: filepath.Dir(stateFile)}
	if c.record, c.broken = openRecord(stateFile); c.broken != nil {
		return c
	}
	c.record.publish, c.record.blobAddress = made.SetNames, made.BlobAddress()
	c.broken = errors.Join(c.record.openZones(), made.SetNames(c.record.names()))
	return c
}

// Plugins returns the providers of this cloud, in the versions that the program's SDKs
// request. The program requests two versions of azure-native; the engine accepts the
// later one for both.
func (c *Cloud) Plugins() []*plugin.Plugin {
	return []*plugin.Plugin{
		{Name: "azure-native", Version: "3.28.0", Types: c.types(nativeKinds()), Parameterize: parameterize, Functions: map[string]plugin.Function{
			"azure-native:authorization:getClientConfig": c.clientConfig,
			"azure-native:network/v20180501:getZone":     c.zone,
		}},
		{Name: "azuread", Version: "5.47.0", Types: c.types(directoryKinds())},
		byOwner(&plugin.Plugin{Name: "github", Version: "6.7.0", Types: c.types(githubKinds())}),
	}
}

// clientConfig returns the identity that the program is signed in with.
func (c *Cloud) clientConfig(context.Context, resource.PropertyMap) (resource.PropertyMap, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	return toEngine(object{
		"clientId": c.record.ClientID, "objectId": c.record.ObjectID,
		"subscriptionId": c.record.Subscription, "tenantId": c.record.Tenant,
	}), nil
}

// ready takes the lock, or returns why the cloud cannot work.
func (c *Cloud) ready() error {
	if c.broken != nil {
		return c.broken
	}
	c.mu.Lock()
	return nil
}
