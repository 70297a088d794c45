// Package cluster is the second layer: it makes a Docker Swarm of hosts that
// it reaches over SSH, from the Docker package to the account that deploys.
package cluster

import (
	"fmt"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/build"
	"averazure/internal/drift"
	"averazure/internal/host"
	"averazure/internal/registry"
	"averazure/internal/turns"
)

// Args is what New needs.
type Args struct {
	Config
	// Hosts are all hosts, managers first.
	Hosts []host.Host
	// Door is the name of the manager that runs everything that concerns the whole Swarm;
	// empty for the first one.
	Door string
	// Secrets are the values of the Docker secrets, by name.
	Secrets map[string]pulumi.StringInput
	// SecretKey keys the hashes in the secrets' versioned names. A new key is a
	// new version of every secret.
	SecretKey pulumi.StringInput
	// Registry is where the nodes pull the application's image, and as whom. They
	// keep the token on their disks, so it should be one that cannot push.
	Registry registry.Registry
	// Stackctl is the program that deploys, compiled for the managers.
	Stackctl build.Binary
	// Drift marks the commands whose nodes have changed since the commands ran.
	Drift *drift.Marks
	// Last is what the last run left. Turns says when each node is rebuilt or restarted.
	Last  Last
	Turns *turns.Turns
	// DeployPublicKey is the public half of the key with which stack-repo's pipeline logs
	// in.
	DeployPublicKey pulumi.StringInput
	// AgeKey is the private key, in OpenSSH's form, with which the managers decrypt the
	// secrets that are stored beside a stack file.
	AgeKey pulumi.StringInput
	// Backup says where and when the managers back up; nil for no backups.
	Backup *Backup
}

// Cluster is the second layer.
type Cluster struct {
	pulumi.ResourceState

	// Managers are the hosts to deploy on, the door first. They are ready as soon as every
	// node is in the Swarm, the secrets are stored and stackctl is installed.
	Managers []host.Ready
	// Secrets are the current versioned name of every Docker secret, by its
	// logical name. They are not secret.
	Secrets map[string]pulumi.StringOutput
	// DeployUser is the account of stack-repo's pipeline.
	DeployUser string
	// Login is a public name for the login at the registry. It changes when the token
	// changes, and is empty where nobody logs in.
	Login pulumi.StringOutput
}

// New makes the second layer. The name begins its children's names.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Cluster, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	c := &Cluster{DeployUser: args.DeployUser}
	if err := ctx.RegisterComponentResource(clusterType, name, c, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, parent: c, name: name, args: args, mounted: map[string][]pulumi.Resource{}, prepared: map[string]*remote.Command{}, beforeRestart: map[string][]pulumi.Resource{}, equipped: map[string][]pulumi.Resource{}}
	for _, step := range []func() error{b.data, b.prepare, b.equip, b.swarm, b.enrol, b.back, b.settings, b.rebalance, b.secrets} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("cluster %s: %w", name, err)
		}
	}
	c.Secrets = b.names
	c.tell(ctx, name, args)
	c.Login = login(args.Registry, args.SecretKey)
	for _, manager := range b.doorFirst() {
		c.Managers = append(c.Managers, host.Ready{Host: manager, After: b.ready})
	}
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{
		"deployUser": pulumi.String(c.DeployUser),
		"secrets":    toMap(c.Secrets),
	})
}

func toMap(names map[string]pulumi.StringOutput) pulumi.StringMap {
	m := pulumi.StringMap{}
	for name, version := range names {
		m[name] = version
	}
	return m
}
