package release

import (
	"context"
	"maps"
	"strconv"

	"github.com/docker/docker/api/types/swarm"
)

// leaseOver is the end of a lease that nobody waits for.
const leaseOver = "0"

// isDead tells whether nobody is behind a claim any more: its lease is over, the
// process on this host is gone, or the Swarm calls its holder down.
func (d *Deployer) isDead(ctx context.Context, found swarm.Config) (bool, error) {
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
	return err == nil, err // the node is not in the Swarm any more
}

// gone tells whether the Swarm hears nothing of a manager: neither its tasks' reports nor
// its vote. A manager whose vote is heard can deploy: after a change of leader Swarm calls
// nodes down for some seconds that are not.
func gone(node swarm.Node) bool {
	manager := node.ManagerStatus
	return node.Status.State == swarm.NodeStateDown && (manager == nil || manager.Reachability != swarm.ReachabilityReachable)
}

// leftBehind tells whether a run that died holds the stack: what it began may be half.
func (d *Deployer) leftBehind(ctx context.Context, stack string) (bool, error) {
	found, err := d.configNamed(ctx, claimName(stack))
	if err != nil || found == nil {
		return false, err
	}
	return d.isDead(ctx, *found)
}

// yield gives up what runs on this host left behind when they died: nobody else can
// tell before their lease is over. It ends the lease, as a compare-and-swap like the
// takeover, since somebody may be quicker; a removal could hit the successor's claim.
func (d *Deployer) yield(ctx context.Context) error {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	claims, err := d.labelled(ctx, labelHolder+"="+d.node)
	for _, found := range claims {
		labels := maps.Clone(found.Spec.Labels)
		if labels[labelUntil] == leaseOver || d.alive(labels[labelRun]) {
			continue
		}
		labels[labelUntil] = leaseOver
		found.Spec.Labels = labels
		if updated := d.Swarm.ConfigUpdate(ctx, found.ID, found.Version, found.Spec); updated == nil {
			d.say("%s: the run that held it on %s died; the next run takes over", found.Spec.Name, d.Host)
		}
	}
	return err
}
