package survey

import (
	"fmt"
	"slices"
	"time"

	"averazure/internal/release"
)

// Difference is one thing that is not as the program left it.
type Difference struct {
	Resource string // the name of the resource that repairs it; empty if none does
	Text     string
}

// differences are those of a stack, each with the resource that repairs it. For the main
// stack they include those of the nodes.
func (c Cluster) differences(status release.Status, prefix, stack string, main bool) []Difference {
	found := assign(status, prefix, stack, main)
	if main {
		found = append(found, c.gone(status)...)
		found = append(found, backups(status, time.Now())...)
	}
	return found
}

// assign gives every difference to the resource that repairs it. Every stack's status has
// the differences of the nodes; they count only for the main one.
func assign(status release.Status, prefix, stack string, main bool) []Difference {
	var found []Difference
	for _, d := range status.Differences {
		if d.Kind == "node" && !main {
			continue
		}
		resource := prefix + "-deploy"
		if !main {
			resource = prefix + "-" + stack + "-deploy"
		}
		switch d.Kind {
		case "secret":
			resource = prefix + "-secrets"
		case "node":
			resource = d.Name + "-member"
			switch d.Code {
			case release.CodeNodeDown: // its VM may be gone
				resource = d.Name
			case release.CodeNodeDisk:
				resource = "" // no update repairs that
			}
		}
		found = append(found, Difference{resource, d.Text})
	}
	return found
}

// backups are the problems with backups, which no update repairs.
func backups(status release.Status, now time.Time) []Difference {
	var found []Difference
	for _, one := range status.Backups {
		if trouble := one.Trouble(now); trouble != "" {
			found = append(found, Difference{"", trouble})
		}
	}
	return found
}

// gone are the nodes that the Swarm no longer knows.
func (c Cluster) gone(status release.Status) []Difference {
	var found []Difference
	for _, n := range c.Nodes {
		if !slices.ContainsFunc(status.Nodes, func(have release.NodeStatus) bool { return have.Name == n.Name }) {
			text := fmt.Sprintf("node %s: gone from the Swarm", n.Name)
			found = append(found, Difference{n.Name + "-join", text}, Difference{n.Name + "-member", text})
		}
	}
	return found
}
