package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"averazure/internal/drift"
	"averazure/internal/host"
)

// Last is what the last run left of a Swarm.
type Last struct {
	// Nodes are, in their order, the names of the nodes that have a VM, that were once in
	// the Swarm, and that can wait for the nodes before them.
	Nodes []string
	// Unfinished are those of Nodes that are in the Swarm, but without the command that
	// would take them out of it again: a run ended between the two.
	Unfinished []string
	// facts are what a node needs to join. They are there only if the Swarm lives on
	// without the first manager: then the first manager needs no other command to join
	// again, and can be rebuilt before the others.
	facts *facts
	nodes map[string]place // the nodes that are in the Swarm, by their names
	state *drift.Marks
}

// place is a node in the Swarm.
type place struct{ id, role string }

// LastOf reads from the state what the last run left. nodes are all nodes of this run, and
// managers says how many of them, at the front, are managers.
func LastOf(state *drift.Marks, nodes []string, managers int) Last {
	last := Last{nodes: map[string]place{}, state: state}
	var others []string // managers
	for i, node := range nodes {
		vm, made := state.VM(node)
		if !made {
			continue
		}
		if !cameIn(state, node) {
			continue // its first `pulumi up` ended early: no other node waits for it
		}
		last.Nodes = append(last.Nodes, node)
		joined := factsOf(state, node, vm)
		if joined != nil && !departs(state, node, vm) {
			last.Unfinished = append(last.Unfinished, node)
		}
		if joined != nil {
			last.nodes[node] = place{joined.Node, string(roleOf(i, managers))}
		}
		if i == 0 || i >= managers {
			continue
		}
		others = append(others, node)
		if last.facts == nil && joined != nil && joined.Manager != "" {
			last.facts = joined
		}
	}
	if last.facts == nil { // the work on the other managers and the work on the first one depend on each other
		last.Nodes = slices.DeleteFunc(last.Nodes, func(node string) bool { return slices.Contains(others, node) })
	}
	return last
}

// departs tells whether a command drains the node before its VM is deleted: the command
// that takes it out of the Swarm or, where a data disk keeps it a member, the command that
// only drains it.
func departs(state *drift.Marks, node, vm string) bool {
	return slices.ContainsFunc([]string{"-member", "-drain"}, func(step string) bool { return state.Command(node+step).VM == vm })
}

func roleOf(i, managers int) host.Role {
	if i < managers {
		return host.Manager
	}
	return host.Worker
}

// Leave lets a manager drain a node that is about to restart. It fails where the managers
// cannot do without the node. A node that is not in the Swarm has nothing to leave. The
// node is added again when it is back.
func (l Last) Leave(ctx context.Context, node string) error {
	m, in := l.nodes[node]
	if !in {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, (leaveLimit+30)*time.Second)
	defer cancel()
	if err := l.state.Run(ctx, node, commandLine("member", leaveLimit, node, "drain", m.id, m.role), script("member")); err != nil {
		return fmt.Errorf("%s has to leave its tasks to others before it restarts: %w", node, err)
	}
	return nil
}

// entrances are the commands by which a node comes into the Swarm, the last one first.
var entrances = []string{"-rejoin", "-join", "-init"}

// cameIn tells whether a node was ever in the Swarm, with its present VM or another.
func cameIn(state *drift.Marks, node string) bool {
	return slices.ContainsFunc(entrances, func(step string) bool { return state.Command(node+step) != drift.Command{} })
}

// factsOf is what a node's VM printed when it came into the Swarm; nil when it never
// did. The state keeps the commands of a VM that is gone until there is another one.
func factsOf(state *drift.Marks, node, vm string) *facts {
	for _, step := range entrances {
		var f facts
		made := state.Command(node + step)
		if made.VM == vm && json.Unmarshal([]byte(made.Said), &f) == nil && f.Node != "" {
			return &f
		}
	}
	return nil
}
