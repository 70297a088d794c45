package cluster

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// The longest time that each script may take, in seconds. A script ends its waits and its
// further attempts before that. Where a wait must not be cut short, the limit is as long as
// all of the script's waits together.
const (
	prepareLimit  = 1500 // cloud-init and several runs of apt
	swarmLimit    = 420
	memberLimit   = 1340 // a node that leaves is drained
	equipLimit    = 300
	secretsLimit  = 300
	dataLimit     = 1200 // a disk appears, is formatted, or grows
	moveLimit     = 3600 // Docker's directory is copied
	leaveLimit    = 1220 // another manager leaves first, and then this one is drained
	backLimit     = 870  // Docker starts, and then its tasks
	settingsLimit = 1000 // Docker restarts, is in the Swarm again and runs its tasks again
	spreadLimit   = 3600 // one service after the other restarts its tasks
)

// builder carries what one step makes for the next.
type builder struct {
	ctx    *pulumi.Context
	parent pulumi.Resource
	name   string
	args   Args

	mounted       map[string][]pulumi.Resource // data disks, by node
	prepared      map[string]*remote.Command   // Docker runs, by node
	joined        []*membership                // in the order of the hosts
	names         map[string]pulumi.StringOutput
	ready         []pulumi.Resource            // all that a deployment waits for
	beforeRestart map[string][]pulumi.Resource // what a node's restart waits for, by node
	equipped      map[string][]pulumi.Resource // stackctl is installed, by node
	backs         []pulumi.Resource            // every node's turn is over
}

func (b *builder) managers() []host.Host {
	var managers []host.Host
	for _, h := range b.args.Hosts {
		if h.Role == host.Manager {
			managers = append(managers, h)
		}
	}
	return managers
}

// doorFirst are the managers, the door first.
func (b *builder) doorFirst() []host.Host {
	managers := b.managers()
	for i, h := range managers {
		if h.Name == b.args.Door {
			return append([]host.Host{h}, slices.Delete(managers, i, i+1)...)
		}
	}
	return managers
}

// keeper is the manager that adds a node to the Swarm and removes it: the door, and for the
// door another manager. For the first manager it is always the second one. For any other
// door it is never the first manager: while another manager is the door, the first may be
// down, and its commands must not change because of that.
func (b *builder) keeper(of host.Host) host.Host {
	managers := b.managers()
	door := b.doorFirst()[0]
	if len(managers) == 1 || of.Name != door.Name && of.Name != managers[0].Name {
		return door
	}
	for _, h := range managers[1:] {
		if h.Name != of.Name && !h.Silent {
			return h
		}
	}
	return door
}

// door is the membership of the manager that runs everything that concerns the whole Swarm.
func (b *builder) door() *membership {
	at := slices.IndexFunc(b.joined, func(m *membership) bool { return m.host.Name == b.doorFirst()[0].Name })
	return b.joined[at]
}

func (b *builder) run(c command) (*remote.Command, error) {
	return c.run(b.ctx, b.parent, b.args.Drift.Of(c.name))
}

// prepare installs Docker on every host, on all of them at the same time.
func (b *builder) prepare() error {
	for _, h := range b.args.Hosts {
		made, err := b.run(command{
			name: h.Name + prepareStep, script: "prepare", on: h, limit: prepareLimit,
			args:  words(h.Name, yesOrNo(b.args.MaintenanceWindow != "")),
			input: pulumi.String(strings.Join([]string{b.args.daemonJSON(), script("disk"), script("reboot")}, "\n---\n")),
			after: b.mounted[h.Name],
		})
		if err != nil {
			return err
		}
		b.prepared[h.Name] = made
	}
	return nil
}

// rebalance spreads tasks over a node that is new or was rebuilt, when all nodes are ready.
// The command of the first such node does it for all; the others find nothing to do.
func (b *builder) rebalance() error {
	if !b.args.Rebalance {
		return nil
	}
	door, after := b.door(), b.ready
	for _, h := range b.args.Hosts {
		made, err := b.run(command{
			name: h.Name + "-rebalance", script: "rebalance", on: door.host, boundTo: &h, limit: spreadLimit,
			args: words(h.Name), after: join(door.commands, after),
		})
		if err != nil {
			return err
		}
		b.ready, after = append(b.ready, made), join(b.ready, []pulumi.Resource{made})
	}
	return nil
}

// secrets stores the Docker secrets. In a new Swarm it does so at once, and later not while
// Docker restarts.
func (b *builder) secrets() error {
	names, input := versions(b.args.Secrets, b.args.SecretKey)
	b.names = names
	door := b.door()
	after := door.commands
	if !b.isNew(door.host) {
		after = join(after, b.ready)
	}
	made, err := b.run(command{
		name: b.name + "-secrets", script: "secrets", on: door.host, limit: secretsLimit,
		args: append(words(door.host.Name), door.swarm()), input: input,
		quiet: true, after: after,
	})
	if err != nil {
		return err
	}
	b.ready = append(b.ready, made)
	return nil
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// words are arguments that are known from the start.
func words(texts ...string) []pulumi.StringInput {
	inputs := make([]pulumi.StringInput, len(texts))
	for i, text := range texts {
		inputs[i] = pulumi.String(text)
	}
	return inputs
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of texts always encode
	}
	return string(text)
}
