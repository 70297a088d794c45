// Package infra is the first layer: everything in Azure that the Swarm and its
// application run on, from the network to the application's own identity.
package infra

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/host"
	"averazure/internal/names"
	"averazure/internal/turns"
)

// Args is what New needs.
type Args struct {
	Config
	// Now decides which client secret is current; see slots.
	Now time.Time
	// Drift marks the VMs whose nodes are down: the VMs may be gone.
	Drift *drift.Marks
	// Turns say when a VM that exists may be rebuilt or restarted.
	Turns *turns.Turns
	// Leave is called before a VM restarts; nil does nothing.
	Leave func(ctx context.Context, node string) error
	// ZonesNamed says that the settings file itself sets Zones, even if to none: VMs are
	// then rebuilt where these zones require it.
	ZonesNamed bool
	// DataNamed says that the settings file itself sets the size of the managers' data
	// disks: managers that were made without a data disk then get one.
	DataNamed bool
	// Lookup looks up names; with nil no names are looked up.
	Lookup Lookup
}

// KeyPair is an ed25519 key as SSH writes it.
type KeyPair struct {
	// Private is an OpenSSH PEM block; a secret.
	Private pulumi.StringOutput
	// Public is in authorized_keys form, without a line end.
	Public pulumi.StringOutput
}

// Identity is the identity with which the application signs in to Azure.
type Identity struct {
	TenantID pulumi.StringOutput
	ClientID pulumi.StringOutput
	// ClientSecret is the current one; a secret. The one before stays valid.
	ClientSecret pulumi.StringOutput
}

// Infra is the first layer.
type Infra struct {
	pulumi.ResourceState

	// Hosts are the nodes, managers first.
	Hosts []host.Host
	// Entry is where the application is reached.
	Entry host.Entry
	// Door is the name of the manager through which everything else is reached.
	Door string
	// AdminKey logs in to every node as the admin user.
	AdminKey KeyPair
	// DeployKey is for stack-repo's pipeline.
	DeployKey KeyPair
	// AgeKey is the key for which the secrets in stack-repo's files are encrypted. Only the
	// managers have its private half.
	AgeKey KeyPair
	// NamesKey is the key of the hashes in the names of the Docker secrets; a secret.
	NamesKey pulumi.StringOutput
	// Identity is the application's.
	Identity Identity
	// DeployerClientID is the client id of the application as which the workflows of
	// OIDCSubjects sign in; empty when there are none.
	DeployerClientID pulumi.StringOutput
	// SubscriptionID is the subscription in which everything was made.
	SubscriptionID pulumi.StringOutput
	// StorageAccount is the name of the application's storage account.
	StorageAccount pulumi.StringOutput
	// KeyVaultURI is the address of the vault, https://….
	KeyVaultURI pulumi.StringOutput
	// Backup is where backups go; nil where none are made.
	Backup *Backup
	// FunctionHost is the function app's host name.
	FunctionHost pulumi.StringOutput
}

// New makes the first layer. The name begins its children's names.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Infra, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("infra %s: %w", name, err)
	}
	infra := &Infra{}
	if err := ctx.RegisterComponentResource(names.Project+":infra:Infra", name, infra, opts...); err != nil {
		return nil, err
	}
	b, err := newBuilder(ctx, name, args, infra)
	if err != nil {
		return nil, fmt.Errorf("infra %s: %w", name, err)
	}
	for _, provision := range []func(*Infra) error{b.vms, b.services, b.deployer} {
		if err := provision(infra); err != nil {
			return nil, fmt.Errorf("infra %s: %w", name, err)
		}
	}
	return infra, ctx.RegisterResourceOutputs(infra, pulumi.Map{
		"clientId":       infra.Identity.ClientID,
		"functionHost":   infra.FunctionHost,
		"keyVaultUri":    infra.KeyVaultURI,
		"storageAccount": infra.StorageAccount,
	})
}

// check refuses arguments that would fail in the middle of an update.
func (a Args) check() error {
	problems := a.Validate()
	if a.Now.IsZero() {
		problems = append(problems, errors.New("the time is not set; it decides which client secret is current"))
	}
	return errors.Join(problems...)
}
