// Command averazure is a Pulumi program that takes a team from an empty Azure
// subscription to a running, self-healing service on Docker Swarm. Data flows
// one way: infra makes the hosts, cluster makes the Swarm on them, stack runs
// the service on the Swarm, and delivery hands the results on.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/cluster"
	"averazure/delivery"
	"averazure/infra"
	"averazure/internal/build"
	"averazure/internal/drift"
	"averazure/internal/turns"
	"averazure/stack"
)

func main() {
	told := false
	err := pulumi.RunErr(tell(run, &told))
	if err == nil {
		return
	}
	if !told { // an error from outside the program's own steps
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
	}
	os.Exit(constant.ExitStatusLoggedError)
}

// tell lets the engine show the program's error as it is, where pulumi.Run would call it
// unhandled, and records that it did.
func tell(program pulumi.RunFunc, told *bool) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		err := program(ctx)
		*told = err != nil && ctx.Log.Error(err.Error(), nil) == nil
		return err
	}
}

// compiled is the stackctl that the managers get. It is compiled once per process, since
// its sources are part of this program.
var compiled = sync.OnceValues(func() (build.Binary, error) { return build.Stackctl(context.Background(), ".") })

// lookup asks this machine's name servers.
var lookup infra.Lookup = net.DefaultResolver.LookupHost

func run(ctx *pulumi.Context) error {
	c, err := loadConfig(ctx)
	if err != nil {
		return err
	}
	// The managers are asked first, so that they answer while stackctl is compiled.
	marks, err := drift.Ask(ctx, c.infra.Prefix, c.infra.DoorName(), c.stack.Names())
	if err != nil {
		return err
	}
	if err := warn(ctx, marks.News(c.doubts)); err != nil {
		return err
	}
	stackctl, err := compiled()
	if err != nil {
		return err
	}
	if err := marks.Leaving(c.infra.NodeNames()); err != nil {
		return fmt.Errorf("nothing was touched: %w", err)
	}
	last := cluster.LastOf(marks, c.infra.NodeNames(), c.infra.Managers)
	order := turns.New(ctx, c.infra.NodeNames(), last.Nodes, last.Unfinished)
	defer order.Close()
	azure, err := infra.New(ctx, c.infra.Prefix, infra.Args{Config: c.infra, Now: time.Now(), Drift: marks, Turns: order, Leave: last.Leave, ZonesNamed: hasKey(settingsFile(ctx.Stack()), "zones"),
		DataNamed: hasKey(settingsFile(ctx.Stack()), "dataDiskGB"), Lookup: lookup})
	if err != nil {
		return err
	}
	swarm, err := cluster.New(ctx, c.infra.Prefix, cluster.Args{
		Config: c.cluster, Hosts: azure.Hosts, Door: azure.Door, Registry: c.pull,
		Secrets: c.dockerSecrets(azure.Identity), SecretKey: azure.NamesKey,
		DeployPublicKey: azure.DeployKey.Public, AgeKey: azure.AgeKey.Private, Stackctl: stackctl, Drift: marks, Last: last, Turns: order, Backup: nightly(azure.Backup),
	})
	if err != nil {
		return err
	}
	release, err := stack.New(ctx, c.infra.Prefix, stack.Args{
		Config: c.stack, File: c.file, Further: c.further, Manager: swarm.Managers[0], Secrets: swarm.Secrets, Login: swarm.Login, Registry: c.push,
		Entry: azure.Entry, LoadBalancer: c.infra.LoadBalancer,
		Nodes: c.infra.NodeNames(), Bounds: c.cluster.Bounds(), OpenPorts: c.infra.OpenPorts(), Drift: marks, Warned: c.doubts,
	})
	if err != nil {
		return err
	}
	return delivery.New(ctx, c.infra.Prefix, delivery.Args{
		Config: c.delivery, Infra: azure, Cluster: swarm, Stack: release, Push: c.push, Pull: c.pull, StackRepoToken: c.stackRepoToken,
	})
}

// nightly returns the settings of backups for the managers, or nil where no backups are
// made.
func nightly(b *infra.Backup) *cluster.Backup {
	if b == nil {
		return nil
	}
	return &cluster.Backup{Container: b.Container, Recipient: b.Key.Public, Time: b.Time, Days: b.Days}
}
