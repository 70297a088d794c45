package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// What made a release.
const (
	ByPulumi    = "pulumi"
	ByStackRepo = "stack-repo"
	ByPerson    = "person"
	ByRollback  = "rollback"
	ByHeal      = "heal"
)

// The labels that the program gives to every node. labelHold keeps the agent off
// a node: somebody drained it on purpose, or it is about to leave. Its value says why.
const (
	labelNode = "averazure.node"
	labelRole = "averazure.role"
	labelHold = "averazure.hold"
)

// labelDisk is a label of a node's engine, which the node itself sets while its disk is
// nearly full (cluster/scripts/disk.sh): how full, in percent.
const labelDisk = "averazure.disk"

// Reconcile puts back what somebody changed by hand. It gives way to a deployment and to a
// pause. If nothing differs, the outcome is Runs, too.
func (d *Deployer) Reconcile(ctx context.Context, stack string) Result {
	began := d.now()
	result := d.reconcile(ctx, stack)
	result.Stack, result.Seconds = stack, d.now().Sub(began).Seconds()
	return result
}

func (d *Deployer) reconcile(ctx context.Context, stack string) Result {
	w := &work{Deployer: d, stack: stack, began: d.now()}
	look, cancel := d.glance(ctx)
	defer cancel()
	if err := d.know(look); err != nil {
		return w.fail("docker", err)
	}
	last, differences, err := d.compare(look, stack)
	switch {
	case err != nil:
		return w.fail(CodeOf(err), err)
	case last == nil:
		return Result{Outcome: Runs, Verdict: stack + ": the stack has no release, so there is nothing to put back"}
	}
	left, err := d.leftBehind(look, stack)
	switch {
	case err != nil:
		return w.fail("docker", err)
	case len(healable(differences)) == 0 && !left:
		return Result{Outcome: Runs, Release: last.Number, Verdict: fmt.Sprintf("%s: as released (%d)", stack, last.Number)}
	}
	if paused, err := d.paused(ctx, stack); err != nil || paused != nil {
		if err != nil {
			return w.fail("docker", err)
		}
		return Result{Outcome: Busy, Release: last.Number, Problems: []Problem{{Code: "paused", Reason: paused.Why}},
			Verdict: fmt.Sprintf("%s: paused until %s: %s", stack, paused.Until.Format("15:04 MST"), paused.Why)}
	}
	return d.change(ctx, stack, 0, func(ctx context.Context, w *work) Result { return w.heal(ctx) })
}

// compare compares the stack with its last release. While another stack is deployed, the
// nodes do not count: that deployment may have set one aside (see aside).
func (d *Reader) compare(ctx context.Context, stack string) (*Release, []Difference, error) {
	h, err := d.load(ctx, stack)
	last := h.last()
	if err != nil || last == nil {
		return nil, nil, err
	}
	state, err := d.state(ctx, stack)
	if err == nil {
		err = quorum(state.Nodes)
	}
	if err != nil {
		return nil, nil, err
	}
	state.Names = d.lost(ctx, state.Services)
	holders, err := d.Holders(ctx)
	if err != nil {
		return nil, nil, err
	}
	found := Differences(last, state)
	if slices.ContainsFunc(holders, func(h Holder) bool { return h.Stack != stack }) {
		found = slices.DeleteFunc(found, Difference.isOfNode)
	}
	return last, found, nil
}

// heal puts back everything that differs. It compares again once it has the claim: the
// difference may have been a deployment.
func (w *work) heal(ctx context.Context) Result {
	w.heals = true
	last, differences, err := w.compare(ctx, w.stack)
	if err != nil {
		return w.fail("docker", err)
	}
	differences = healable(differences)
	if last == nil || len(differences) == 0 && !w.held.taken() {
		return Result{Outcome: Runs, Verdict: w.stack + ": as released"}
	}
	if w.held.taken() {
		w.say("%s: finishing an interrupted deployment", w.stack)
	}
	for _, difference := range differences {
		w.say("%s: %s", w.stack, difference.Text)
	}
	ctx, _, cancel, err := w.within(ctx, last.Specs)
	if err != nil {
		return w.fail("docker", err)
	}
	defer cancel()
	if err := w.healNodes(ctx, differences); err != nil {
		return w.fail("docker", err)
	}
	if err := w.freeNetworks(ctx, last); err != nil {
		return w.fail("docker", err)
	}
	number, problems, err := w.again(ctx, *last, ByHeal)
	switch {
	case ctx.Err() != nil:
		return w.lost(context.Cause(ctx))
	case err != nil:
		problems = append(problems, problemOf(err))
	}
	if len(problems) > 0 {
		w.explain(problems)
		return Result{Outcome: Failed, Release: last.Number, Problems: problems,
			Verdict: fmt.Sprintf("%s: release %d could not be put back: %s", w.stack, last.Number, reasons(problems))}
	}
	w.changed = false
	w.died(number)
	return Result{Outcome: Runs, Release: number,
		Verdict: fmt.Sprintf("%s: put back to release %d: %s", w.stack, number, texts(differences))}
}

func (d Difference) isOfNode() bool { return d.Kind == "node" }

func texts(differences []Difference) string {
	if len(differences) == 0 {
		return "a deployment was interrupted"
	}
	var all []string
	for _, difference := range differences {
		all = append(all, difference.Text)
	}
	return excerpt(strings.Join(all, "; "), 500)
}

// healNodes gives every node that differs the settings from the program again.
func (w *work) healNodes(ctx context.Context, differences []Difference) error {
	if !slices.ContainsFunc(differences, Difference.isOfNode) {
		return nil
	}
	nodes, err := w.nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		spec, differs := asSet(node)
		if !differs {
			continue
		}
		if _, err := w.specify(ctx, node, spec); err != nil {
			return err
		}
	}
	return nil
}

// specify gives a node another spec. It returns false if somebody else changed the node at
// the same moment; then the next look handles it.
func (d *Deployer) specify(ctx context.Context, node swarm.Node, spec swarm.NodeSpec) (bool, error) {
	err := d.once(ctx, func(ctx context.Context) error { return d.Swarm.NodeUpdate(ctx, node.ID, node.Version, spec) })
	switch {
	case outOfSequence(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("node %s: %w", node.Description.Hostname, err)
	}
	return true, nil
}

// asSet is a node's spec as the program set it, and whether it differs from that.
func asSet(node swarm.Node) (swarm.NodeSpec, bool) {
	spec := node.Spec
	if _, held := spec.Labels[labelHold]; held || !up(node) {
		return spec, false
	}
	wanted := map[string]string{labelNode: node.Description.Hostname, labelRole: string(spec.Role)}
	differs := spec.Availability != swarm.NodeAvailabilityActive
	labels := map[string]string{}
	maps.Copy(labels, spec.Labels)
	for key, value := range wanted {
		differs = differs || labels[key] != value
		labels[key] = value
	}
	spec.Labels, spec.Availability = labels, swarm.NodeAvailabilityActive
	return spec, differs
}
