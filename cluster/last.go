package cluster

import (
	"encoding/json"
	"slices"

	"averazure/internal/drift"
)

// Last is what the last run left of a Swarm.
type Last struct {
	// Nodes are the names of those that have a VM and a place in the Swarm, in their order.
	Nodes []string
	// facts are what a node needs to join. Only a Swarm that lives on without the first
	// manager has any: then the first one needs no other command to join again, and can be
	// built anew before the others are.
	facts *facts
}

// LastOf reads it from the state; nodes are all of this run, so many managers first.
func LastOf(state *drift.Marks, nodes []string, managers int) Last {
	var last Last
	var alive []string // managers
	for i, node := range nodes {
		_, made := state.Zone(node)
		if _, member := state.Said(node + "-member"); !made || !member {
			continue
		}
		last.Nodes = append(last.Nodes, node)
		if i < managers {
			alive = append(alive, node)
		}
	}
	others := slices.DeleteFunc(slices.Clone(alive), func(node string) bool { return node == nodes[0] })
	if len(others) == 0 {
		return last
	}
	last.facts = factsOf(state, alive)
	if last.facts == nil { // they depend on each other, and nobody can wait
		last.Nodes = slices.DeleteFunc(last.Nodes, func(node string) bool { return slices.Contains(others, node) })
	}
	return last
}

// factsOf are those that one of the nodes printed last.
func factsOf(state *drift.Marks, nodes []string) *facts {
	for _, node := range nodes {
		for _, step := range []string{"-rejoin", "-join", "-init"} {
			var f facts
			text, _ := state.Said(node + step)
			if json.Unmarshal([]byte(text), &f) == nil && f.Manager != "" {
				return &f
			}
		}
	}
	return nil
}
