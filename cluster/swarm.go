package cluster

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// facts are what swarm.sh prints: where the node is in the Swarm and, on a
// manager, what others join with.
type facts struct {
	Node    string `json:"node"`
	Swarm   string `json:"swarm"`
	Worker  string `json:"worker"`
	Manager string `json:"manager"`
}

// membership is a node's place in the Swarm.
type membership struct {
	host     host.Host
	commands []pulumi.Resource
	facts    pulumi.AnyOutput // facts; secret
}

func newMembership(h host.Host, made *remote.Command, before ...pulumi.Resource) *membership {
	known := made.Stdout.ApplyT(func(text string) (any, error) {
		var f facts
		if text == "" {
			return f, nil
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return nil, fmt.Errorf("%s: what it said about its Swarm cannot be read: %w", h.Name, err)
		}
		return f, nil
	}).(pulumi.AnyOutput)
	return &membership{host: h, commands: append(before, made), facts: known}
}

// or is the membership of a node that uses facts from elsewhere while it has none itself: a
// rebuilt first manager prints none when it finds the others alive.
func (m *membership) or(elsewhere facts) *membership {
	known := m.facts.ApplyT(func(own any) any {
		if f := own.(facts); f.Manager != "" {
			return f
		}
		return elsewhere
	}).(pulumi.AnyOutput)
	return &membership{host: m.host, commands: m.commands, facts: known}
}

// swarm is the Swarm's id; not secret.
func (m *membership) swarm() pulumi.StringOutput {
	return m.public(func(f facts) string { return f.Swarm })
}

// node is the node's id in the Swarm; not secret.
func (m *membership) node() pulumi.StringOutput {
	return m.public(func(f facts) string { return f.Node })
}

func (m *membership) public(field func(facts) string) pulumi.StringOutput {
	return pulumi.Unsecret(m.facts.ApplyT(func(f any) string { return field(f.(facts)) })).(pulumi.StringOutput)
}

// swarm starts the Swarm on the first manager and joins the other nodes, all at the same
// time. When the first manager was rebuilt while others kept the Swarm, it joins them
// instead. It uses what the last run left, so that it is back before another node is
// rebuilt, or else the token of the second manager, which needs none itself.
func (b *builder) swarm() error {
	managers := b.managers()
	first := managers[0]
	initialise, err := b.run(command{
		name: first.Name + "-init", script: "swarm", on: first, limit: swarmLimit, quiet: true,
		args:  words(first.Name, "init", first.Address),
		input: pulumi.String(encode(map[string]any{"pool": b.args.SwarmPool, "managers": addresses(managers[1:])})),
		after: []pulumi.Resource{b.prepared[first.Name]},
	})
	if err != nil {
		return err
	}
	source := newMembership(first, initialise)
	if b.args.Last.facts != nil {
		if source, err = b.rejoin(first, source.or(*b.args.Last.facts), managers); err != nil {
			return err
		}
	}
	var others []*membership
	for _, h := range b.args.Hosts[1:] {
		joined, err := b.join(h, source, managers, "-join")
		if err != nil {
			return err
		}
		others = append(others, joined)
		if h.Role == host.Manager && len(others) == 1 && b.args.Last.facts == nil {
			if source, err = b.rejoin(first, joined, managers); err != nil {
				return err
			}
			source.commands = append(source.commands, initialise)
		}
	}
	b.joined = append([]*membership{source}, others...)
	return nil
}

// rejoin makes the first manager join the Swarm that others have kept.
func (b *builder) rejoin(first host.Host, source *membership, managers []host.Host) (*membership, error) {
	return b.join(first, source, managers, "-rejoin")
}

// join makes a node join the Swarm that source belongs to.
func (b *builder) join(h host.Host, source *membership, managers []host.Host, suffix string) (*membership, error) {
	input := source.facts.ApplyT(func(known any) string {
		f := known.(facts)
		token := f.Worker
		if h.Role == host.Manager {
			token = f.Manager
		}
		return encode(map[string]any{"swarm": f.Swarm, "token": token, "role": h.Role, "managers": addresses(managers, h.Name)})
	}).(pulumi.StringOutput)
	made, err := b.run(command{
		name: h.Name + suffix, script: "swarm", on: h, limit: swarmLimit, quiet: true,
		args: words(h.Name, "join", h.Address), input: pulumi.ToSecret(input).(pulumi.StringOutput),
		after: append([]pulumi.Resource{b.prepared[h.Name]}, source.commands...),
	})
	if err != nil {
		return nil, err
	}
	return newMembership(h, made), nil
}

// enrol waits for every node to be ready and labels it. Before a node's VM is removed, it
// takes the node out of the Swarm again. It runs on another manager. Destroying everything
// takes no node out of the Swarm, since the manager that would do it is deleted too.
func (b *builder) enrol() error {
	for _, m := range b.joined {
		keeper := b.keeper(m.host)
		about := func(verb string) []pulumi.StringInput {
			return append(words(m.host.Name, verb), m.node(), pulumi.String(m.host.Role))
		}
		after := m.commands
		for _, other := range b.joined {
			if other.host.Name == keeper.Name {
				after = join(after, other.commands)
			}
		}
		made, err := b.run(command{
			name: m.host.Name + "-member", script: "member", on: keeper, boundTo: &m.host, deleteBeforeReplace: true,
			limit: memberLimit, args: about("add"), updateArgs: about("keep"), removeArgs: about("remove"), after: after, fixed: m.host.DataGB > 0,
		})
		if err != nil {
			return err
		}
		b.ready = append(b.ready, made)
		b.beforeRestart[m.host.Name] = append(b.beforeRestart[m.host.Name], made)
		if m.host.DataGB > 0 {
			if err := b.drain(m, keeper, about, join(after, []pulumi.Resource{made})); err != nil {
				return err
			}
		}
	}
	return nil
}

// back ends a node's turn: the node is in the Swarm and takes tasks, and every service runs
// as many tasks as it should. A manager reports this about itself, since commands about the
// first manager run on one whose turn is yet to come. The door reports it about a worker.
// It is reported again when the VM is rebuilt or restarts.
func (b *builder) back() error {
	var before []string // whose turns come first
	for _, m := range b.joined {
		on, after := b.door().host, join(b.door().commands, b.beforeRestart[m.host.Name])
		if m.host.Role == host.Manager {
			on, after = m.host, b.equipped[m.host.Name]
			if slices.Contains(before, b.keeper(m.host).Name) {
				after = b.beforeRestart[m.host.Name]
			}
		}
		before = append(before, m.host.Name)
		made, err := b.run(command{
			name: m.host.Name + "-back", script: "member", on: on, boundTo: &m.host, limit: backLimit,
			args:  append(words(m.host.Name, "back"), m.node(), pulumi.String(m.host.Role), pulumi.String(m.host.Size)),
			after: join(after, m.commands),
		})
		if err != nil {
			return err
		}
		b.args.Turns.Ends(m.host.Name, made)
		b.ready = append(b.ready, made)
		b.backs = append(b.backs, made)
	}
	return nil
}

// addresses are the hosts' private addresses, except those of some names.
func addresses(hosts []host.Host, except ...string) []string {
	list := []string{}
	for _, h := range hosts {
		skip := false
		for _, name := range except {
			skip = skip || h.Name == name
		}
		if !skip {
			list = append(list, h.Address)
		}
	}
	return list
}
