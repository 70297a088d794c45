package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"

	"averazure/internal/release"
)

// healLimit bounds one healing.
const healLimit = 2 * time.Minute

// change is something that a person does to a service, or to a node.
type change struct {
	name string
	do   func(ctx context.Context, docker *client.Client, service swarm.Service) error
}

// specChange is a change of the service's spec.
func specChange(name string, edit func(*swarm.ServiceSpec)) change {
	return change{name, func(ctx context.Context, docker *client.Client, service swarm.Service) error {
		edit(&service.Spec)
		_, err := docker.ServiceUpdate(ctx, service.ID, service.Version, service.Spec, swarm.ServiceUpdateOptions{})
		return err
	}}
}

// changes are what is done by hand, in turn, to one service after another.
var changes = []change{
	specChange("replicas", func(s *swarm.ServiceSpec) { five := uint64(5); s.Mode.Replicated.Replicas = &five }),
	specChange("variable", func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Env = []string{"BENCH=by hand"} }),
	specChange("limit", func(s *swarm.ServiceSpec) { s.TaskTemplate.Resources.Limits.MemoryBytes = 96 << 20 }),
	specChange("label", func(s *swarm.ServiceSpec) { s.Labels["by.hand"] = "yes" }),
	{"removed", func(ctx context.Context, docker *client.Client, service swarm.Service) error {
		return docker.ServiceRemove(ctx, service.ID)
	}},
	{"drained node", func(ctx context.Context, docker *client.Client, _ swarm.Service) error {
		return changeNode(ctx, docker, func(s *swarm.NodeSpec) { s.Availability = swarm.NodeAvailabilityDrain })
	}},
	{"node's label", func(ctx context.Context, docker *client.Client, _ swarm.Service) error {
		return changeNode(ctx, docker, func(s *swarm.NodeSpec) { delete(s.Labels, "averazure.role") })
	}},
}

func changeNode(ctx context.Context, docker *client.Client, change func(*swarm.NodeSpec)) error {
	nodes, err := docker.NodeList(ctx, swarm.NodeListOptions{})
	at := slices.IndexFunc(nodes, func(n swarm.Node) bool { return n.Spec.Role == swarm.NodeRoleWorker })
	if err != nil || at < 0 {
		return errors.Join(err, errors.New("no worker"))
	}
	change(&nodes[at].Spec)
	return docker.NodeUpdate(ctx, nodes[at].ID, nodes[at].Version, nodes[at].Spec)
}

// healing changes something by hand again and again, and waits for the agent. Each change
// is of another kind, or of another service, than those before. If the same change came
// again and again, the agent would take it for a fight and give up.
func (b *bench) healing(ctx context.Context, times int) error {
	if times == 0 {
		return nil
	}
	if err := b.write(ctx, len(services), 0); err != nil {
		return err
	}
	if _, err := b.node.text(ctx, "stackctl deploy "+ours+" /tmp/bench.yml 2>&1"); err != nil {
		return err
	}
	docker, err := b.node.docker()
	if err != nil {
		return err
	}
	defer docker.Close()
	var back, running []float64
	for i := range times {
		c, name := changes[i%len(changes)], ours+"_"+services[i/len(changes)%len(services)]
		one, err := b.heal(ctx, docker, c, name)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", c.name, name, err)
		}
		fmt.Fprintf(os.Stderr, "%-40s %6.2f s, seen running after %6.2f s\n", c.name+" of "+name, one[0], one[1])
		back, running = append(back, one[0]), append(running, one[1])
	}
	b.note("changed by hand, until it is put back", "s", 5, back...)
	b.note("  until all was seen running", "s", 0, running...)
	return nil
}

// heal changes one thing. It returns how long it took until the change was put back, and
// how long until the agent had seen everything running and held no claim any more. It waits
// for the claims of all stacks, since the healing of any stack can put a node back.
func (b *bench) heal(ctx context.Context, docker *client.Client, c change, name string) (took [2]float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, healLimit)
	defer cancel()
	before, nodes, err := look(ctx, docker, name)
	if err != nil || before == nil {
		return took, errors.Join(err, fmt.Errorf("%s does not run", name))
	}
	// Changed is a second copy, so that before stays unmodified for the comparison.
	changed, _, err := look(ctx, docker, name)
	if err != nil || changed == nil {
		return took, errors.Join(err, fmt.Errorf("%s does not run", name))
	}
	if err := c.do(ctx, docker, *changed); err != nil {
		return took, err
	}
	began := time.Now()
	for i, is := range []func() (bool, error){
		func() (bool, error) {
			now, present, err := look(ctx, docker, name)
			return now != nil && release.SameSpec(now.Spec, before.Spec) && slices.Equal(nodes, present), err
		},
		func() (bool, error) {
			claims, err := docker.ConfigList(ctx, swarm.ConfigListOptions{Filters: filters.NewArgs(filters.Arg("label", "averazure.holder"))})
			return len(claims) == 0, err
		},
	} {
		for {
			yes, err := is()
			if err != nil {
				return took, err
			}
			if yes {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		took[i] = time.Since(began).Seconds()
	}
	return took, nil
}

// look returns a service, or nil where there is none, and the settings of the nodes.
func look(ctx context.Context, docker *client.Client, name string) (*swarm.Service, []string, error) {
	services, err := docker.ServiceList(ctx, swarm.ServiceListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		return nil, nil, err
	}
	var found *swarm.Service
	for i := range services {
		if services[i].Spec.Name == name {
			found = &services[i]
		}
	}
	list, err := docker.NodeList(ctx, swarm.NodeListOptions{})
	var nodes []string
	for _, n := range list {
		nodes = append(nodes, fmt.Sprint(n.ID, n.Spec.Availability, n.Spec.Labels))
	}
	slices.Sort(nodes)
	return found, nodes, err
}
