package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// quorumError says that too few managers are left to decide anything. For about ten seconds
// after the others died, a leader answers with what it knew last. After that, Docker itself
// reports that there is no leader.
type quorumError struct {
	silent []string
	total  int
}

func (q quorumError) Error() string {
	return fmt.Sprintf("the Swarm has no quorum: %s of %d managers do not answer; until most of them are back, nothing can be changed and the state is unknown",
		strings.Join(q.silent, ", "), q.total)
}

// quorum fails when the list of nodes itself says that most managers are gone.
func quorum(nodes []swarm.Node) error {
	q := quorumError{}
	for _, node := range nodes {
		if node.ManagerStatus == nil {
			continue
		}
		q.total++
		if node.ManagerStatus.Reachability != swarm.ReachabilityReachable {
			q.silent = append(q.silent, node.Description.Hostname)
		}
	}
	if q.total == 0 || 2*(q.total-len(q.silent)) > q.total {
		return nil
	}
	slices.Sort(q.silent)
	return q
}

// stateOf is a node's state; that of a manager which does not vote is unreachable. The other managers
// notice within seconds that one died, and call it down some seconds later.
func stateOf(node swarm.Node) string {
	if manager := node.ManagerStatus; node.Status.State == swarm.NodeStateReady &&
		manager != nil && manager.Reachability == swarm.ReachabilityUnreachable {
		return string(swarm.ReachabilityUnreachable)
	}
	return string(node.Status.State)
}

// awayError ends a look at a Docker that does not answer.
type awayError struct{ after time.Duration }

func (a awayError) Error() string { return fmt.Sprintf("no answer within %s", a.after) }

// glance bounds a look at the Swarm, all its questions together: to somebody who waits
// for it, "Docker does not answer" is an answer too.
func (d *Reader) glance(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d.Settings.Glance, awayError{d.Settings.Glance})
}
