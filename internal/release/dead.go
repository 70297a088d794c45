package release

import (
	"context"
	"maps"
	"strconv"

	"github.com/docker/docker/api/types/swarm"
)

// Lease ends of runs that nobody waits for: of a run that ended in the middle and left its
// own record, and of a run that died and could not leave one.
const (
	leaseOver = "0"
	leaseDead = "1"
)

// isOver tells whether somebody ended a lease before its time.
func isOver(labels map[string]string) bool {
	return labels[labelUntil] == leaseOver || labels[labelUntil] == leaseDead
}

// given are the labels with which a dead run's claim is passed on to the next run.
func given(labels map[string]string) map[string]string {
	labels = maps.Clone(labels)
	if labels[labelUntil] != leaseOver {
		labels[labelUntil] = leaseDead
	}
	return labels
}

// isDead tells whether the run behind a claim is gone: its lease is over, its process on
// this host is gone, or the Swarm reports its node down.
func (d *Reader) isDead(ctx context.Context, found swarm.Config) (bool, error) {
	labels := found.Spec.Labels
	until, err := strconv.ParseInt(labels[labelUntil], 10, 64)
	if err != nil || d.now().Unix() > until {
		return true, nil
	}
	if labels[labelHolder] == d.node {
		return !d.alive(labels[labelRun]), nil
	}
	nodes, err := ask(ctx, d, "list the nodes", func(ctx context.Context) ([]swarm.Node, error) {
		return d.Swarm.NodeList(ctx, swarm.NodeListOptions{})
	})
	for _, node := range nodes {
		if node.ID == labels[labelHolder] {
			return gone(node), err
		}
	}
	return err == nil, err // the node is no longer in the Swarm
}

// gone tells whether the Swarm hears nothing from a manager, neither reports of its tasks
// nor its vote. A manager that votes can deploy: for some seconds after a change of leader
// Swarm reports nodes as down that are not.
func gone(node swarm.Node) bool {
	manager := node.ManagerStatus
	return node.Status.State == swarm.NodeStateDown && (manager == nil || manager.Reachability != swarm.ReachabilityReachable)
}

// leftBehind tells whether an interrupted run holds the stack, so its work may be half done.
func (d *Reader) leftBehind(ctx context.Context, stack string) (bool, error) {
	found, err := d.configNamed(ctx, claimName(stack))
	if err != nil || found == nil {
		return false, err
	}
	return d.isDead(ctx, *found)
}

// yield gives up the claims of runs that died on this host, since other managers notice
// only when the lease is over. It ends the lease by compare-and-swap, as a takeover does,
// because another run may be quicker. Removing the claim instead could hit the successor's
// claim.
func (d *Deployer) yield(ctx context.Context) error {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	claims, err := d.labelled(ctx, labelHolder+"="+d.node)
	for _, found := range claims {
		if isOver(found.Spec.Labels) || d.alive(found.Spec.Labels[labelRun]) {
			continue
		}
		found.Spec.Labels = given(found.Spec.Labels)
		if updated := d.Swarm.ConfigUpdate(ctx, found.ID, found.Version, found.Spec); updated == nil {
			d.say("%s: the run that held it on %s died; the next run takes over", found.Spec.Name, d.Host)
		}
	}
	return err
}
