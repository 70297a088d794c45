package cluster

import (
	"encoding/json"
	"slices"

	"averazure/internal/drift"
)

// Last is what the last run left of a Swarm.
type Last struct {
	// Nodes are the names of those that have a VM, and that can wait for the ones before
	// them, in their order.
	Nodes []string
	// Unfinished are those of them that are in the Swarm, while what would take them out of
	// it again is not there yet: a run ended between the two.
	Unfinished []string
	// facts are what a node needs to join. Only a Swarm that lives on without the first
	// manager has any: then the first one needs no other command to join again, and can be
	// built anew before the others are.
	facts *facts
}

// LastOf reads it from the state; nodes are all of this run, so many managers first.
func LastOf(state *drift.Marks, nodes []string, managers int) Last {
	var last Last
	var others []string // managers
	for i, node := range nodes {
		machine, made := state.Machine(node)
		if !made {
			continue
		}
		last.Nodes = append(last.Nodes, node)
		joined := factsOf(state, node, machine)
		if joined != nil && state.Command(node+"-member").Machine != machine {
			last.Unfinished = append(last.Unfinished, node)
		}
		if i == 0 || i >= managers {
			continue
		}
		others = append(others, node)
		if last.facts == nil && joined != nil && joined.Manager != "" {
			last.facts = joined
		}
	}
	if last.facts == nil { // what is to be done on these and on the first depends on each other
		last.Nodes = slices.DeleteFunc(last.Nodes, func(node string) bool { return slices.Contains(others, node) })
	}
	return last
}

// factsOf is what a node's machine printed when it came into the Swarm; nil when it never
// did. The state keeps the commands of a machine that is gone until there is another one.
func factsOf(state *drift.Marks, node, machine string) *facts {
	for _, step := range []string{"-rejoin", "-join", "-init"} {
		var f facts
		made := state.Command(node + step)
		if made.Machine == machine && json.Unmarshal([]byte(made.Said), &f) == nil && f.Node != "" {
			return &f
		}
	}
	return nil
}
