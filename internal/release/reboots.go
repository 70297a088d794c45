package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// orderImage is an empty image that every node makes itself; no registry has it.
const orderImage = "localhost/averazure-reboot"

// maintain makes the next move about reboots, if this manager leads.
func (a *agent) maintain(ctx context.Context, state State) error {
	if !slices.ContainsFunc(state.Nodes, func(node swarm.Node) bool {
		_, held := heldSince(node)
		return held || node.Description.Engine.Labels[labelReboot] != ""
	}) {
		return nil
	}
	w, err := a.ward(ctx, state)
	if err != nil {
		return err
	}
	return a.carryOut(ctx, state, w)
}

// carryOut makes the ward's next move.
func (a *agent) carryOut(ctx context.Context, state State, w ward) error {
	what, node, why := w.next(a.now())
	if what != vacate {
		a.vacated = ""
	}
	name := node.Description.Hostname
	_, held := heldSince(node) // a reboot goes on after the window has ended, and so do its log lines
	if line := name + ": " + why; what == rest && node.ID != "" && line != a.reboots && (held || w.window.Open(a.now())) {
		a.reboots = line
		a.say("reboot of %s", line)
	}
	switch what {
	case begin:
		a.say("reboot of %s: "+journalReboots+", for %s", name, why)
		held, err := a.mark(ctx, node, func(spec *swarm.NodeSpec) { spec.Labels[labelHold] = holdReboot + stamp(a.now()) })
		if err != nil || !held {
			return err
		}
		return a.order(ctx, state, node.ID)
	case rest:
		if _, held := heldSince(node); held && node.Spec.Availability != swarm.NodeAvailabilityDrain && w.ordered != node.ID {
			return a.order(ctx, state, node.ID)
		}
	case vacate:
		return a.vacate(ctx, node)
	case complete, abandon:
		since, _ := heldSince(node)
		if what == complete {
			a.say("reboot of %s: back after %s", name, a.now().Sub(since).Round(time.Second))
		} else {
			a.say("reboot of %s: "+journalNotRebooted+": it %s; it accepts tasks again", name, why)
		}
		return a.release(ctx, state, node)
	}
	return nil
}

// vacate drains a node, after the services that run only there have started elsewhere. The
// agent does not wait for that: until then this is the next move at each look. It begins
// when no stack is being healed, since one process has one claim on a stack.
func (a *agent) vacate(ctx context.Context, node swarm.Node) error {
	switch {
	case a.vacating != "" || a.heals():
		return nil
	case a.vacated == node.ID:
		a.say("reboot of %s: draining it", node.Description.Hostname)
		drained, err := a.mark(ctx, node, func(spec *swarm.NodeSpec) { spec.Availability = swarm.NodeAvailabilityDrain })
		if drained {
			a.vacated = ""
		}
		return err
	}
	paused, err := a.mark(ctx, node, func(spec *swarm.NodeSpec) { spec.Availability = swarm.NodeAvailabilityPause })
	if err != nil || !paused {
		return err
	}
	a.vacating = node.ID
	go func() { a.left <- a.Vacate(ctx, node.ID) }()
	return nil
}

// leave says which services could not start elsewhere. The drain follows all the same.
func (a *agent) leave(result Result) {
	if result.Outcome != Runs {
		a.say("reboot: %s; draining the node all the same", result.Verdict)
	}
	a.vacated, a.vacating = a.vacating, ""
}

// stamp is a time as labels have it.
func stamp(now time.Time) string { return now.UTC().Format(time.RFC3339) }

// ward gathers what the decision needs.
func (d *Reader) ward(ctx context.Context, state State) (ward, error) {
	w := ward{nodes: state.Nodes, window: d.Settings.Window}
	scene := newScene(state.Nodes, state.Tasks)
	for _, service := range state.Services {
		if service.Spec.Name == orderName {
			w.ordered = service.Spec.Labels[labelReboot]
			for _, task := range scene.tasks[service.ID] {
				w.received = w.received || task.NodeID == w.ordered && arrived(task)
			}
			continue
		}
		if f := scene.judge(service, false); f.condition != isUp && f.condition != isPinned && w.unwell == "" {
			w.unwell = fmt.Sprintf("%s, which is %s", f.service, f.condition)
		}
	}
	holders, err := d.Holders(ctx)
	for _, holder := range holders {
		w.busy = "a deployment of " + holder.Stack
	}
	return w, err
}

// order gives a node the order, and removes any other order.
func (a *agent) order(ctx context.Context, state State, node string) error {
	if err := a.withdraw(ctx, state); err != nil {
		return err
	}
	one := uint64(1)
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: orderName, Labels: map[string]string{labelReboot: node}},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: orderImage, Command: []string{"/reboot"}},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionNone},
			Placement:     &swarm.Placement{Constraints: []string{"node.id==" + node}},
		},
	}
	return a.once(ctx, func(ctx context.Context) error {
		_, err := a.Swarm.ServiceCreate(ctx, spec, swarm.ServiceCreateOptions{})
		return err
	})
}

// withdraw removes the order, if there is one.
func (a *agent) withdraw(ctx context.Context, state State) error {
	for _, service := range state.Services {
		if service.Spec.Name == orderName {
			err := a.once(ctx, func(ctx context.Context) error { return a.Swarm.ServiceRemove(ctx, service.ID) })
			if err != nil && !notFound(err) {
				return err
			}
		}
	}
	return nil
}

// release ends a node's turn.
func (a *agent) release(ctx context.Context, state State, node swarm.Node) error {
	if err := a.withdraw(ctx, state); err != nil {
		return err
	}
	_, err := a.mark(ctx, node, func(spec *swarm.NodeSpec) {
		delete(spec.Labels, labelHold)
		spec.Labels[labelRebooted], spec.Availability = stamp(a.now()), swarm.NodeAvailabilityActive
	})
	return err
}

// mark changes a node's spec. It returns false if somebody else changed it at the same
// moment.
func (a *agent) mark(ctx context.Context, node swarm.Node, change func(*swarm.NodeSpec)) (bool, error) {
	spec := node.Spec
	spec.Labels = map[string]string{}
	maps.Copy(spec.Labels, node.Spec.Labels)
	change(&spec)
	return a.specify(ctx, node, spec)
}
