package release

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// Every node's Docker keeps its own records of which task has which address under which
// service's name, and the nodes exchange them. Swarm does not look after these records.
// Docker may lose some when another node leaves. Then the name does not work on this node,
// although every task runs, until the tasks are restarted.
// https://github.com/moby/moby/issues/53141

// nameDifferences are services that this node's Docker does not know by name, and stale
// records, in every network that this node has. A network that cannot be read is only
// logged.
func (d *Reader) nameDifferences(ctx context.Context, services []swarm.Service) []Difference {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	nodes, err := d.nodes(ctx)
	var tasks []swarm.Task
	if err == nil {
		tasks, err = d.tasks(ctx, "")
	}
	if err != nil {
		d.say("service names are not checked: %v", err)
		return nil
	}
	return d.namesAmong(ctx, State{Services: services, Tasks: tasks, Nodes: nodes})
}

// namesAmong is nameDifferences for a caller that has all tasks and nodes already.
func (d *Reader) namesAmong(ctx context.Context, all State) []Difference {
	ids := networksHere(all.Tasks, d.node)
	shown, errs := make([]network.Inspect, len(ids)), make([]error, len(ids))
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() {
			// Ask once: if its records are damaged, Docker may fail each time.
			errs[i] = d.once(ctx, func(ctx context.Context) (err error) {
				shown[i], err = d.Swarm.NetworkInspect(ctx, id, network.InspectOptions{Verbose: true})
				return err
			})
		})
	}
	group.Wait()
	var found []Difference
	for i, id := range ids {
		if err := errs[i]; err != nil && !notFound(err) {
			d.say("service names on the network %s are not checked: %v", id, err)
		}
		// Of a network that is not on this node Docker knows no peers.
		if errs[i] == nil && len(shown[i].Peers) > 0 {
			found = append(found, readRecords(shown[i], all.Services, newScene(all.Nodes, all.Tasks), d.now()).differences(d.Host)...)
		}
	}
	return found
}

// lost are the services of which this node's Docker does not know the name, or not all
// addresses, at two looks.
func (d *Reader) lost(ctx context.Context, services []swarm.Service) []Difference {
	missing := func() []Difference {
		return slices.DeleteFunc(d.nameDifferences(ctx, services), func(d Difference) bool { return d.Code != CodeNameMissing })
	}
	first := missing()
	if len(first) == 0 || d.sleep(ctx, d.Settings.Settle) != nil {
		return nil
	}
	return slices.DeleteFunc(missing(), func(d Difference) bool { return !slices.ContainsFunc(first, d.isOf) })
}

// isOf tells whether two differences are of the same thing.
func (d Difference) isOf(other Difference) bool {
	return d.Code == other.Code && d.Name == other.Name && d.Path == other.Path
}

// eachMinute is what every manager's agent does, whether or not it leads.
func (a *agent) eachMinute(ctx context.Context, alive func()) {
	services, err := a.services(ctx, "")
	alive()
	if err != nil {
		a.complain(err)
		return
	}
	a.seeNames(ctx, services, alive)
	alive()
	a.complain(a.shares.look(ctx, services, a.leads, alive))
}

// seeNames looks at the names on this node. It heals names that are missing at two looks.
// Healing checks once more. It gives way to a deployment, and to another manager that
// misses the same name.
func (a *agent) seeNames(ctx context.Context, services []swarm.Service, alive func()) {
	before := a.names
	a.names = a.nameDifferences(ctx, services)
	twice := slices.DeleteFunc(slices.Clone(a.names), func(d Difference) bool { return !slices.ContainsFunc(before, d.isOf) })
	a.tellStale(twice)
	if !slices.ContainsFunc(twice, func(d Difference) bool { return d.Code == CodeNameMissing }) {
		return
	}
	alive()
	a.healNames(ctx, alive, twice)
}

// healNames heals the stacks with names that were missing twice.
func (a *agent) healNames(ctx context.Context, alive func(), twice []Difference) {
	releases, err := a.lastReleases(ctx)
	if err != nil {
		a.complain(err)
		return
	}
	for _, stack := range slices.Sorted(maps.Keys(releases)) {
		alive()
		missing := missingOf(releases[stack], twice)
		h := a.healing(stack)
		if len(missing) == 0 || h.busy || a.vacating != "" || a.now().Before(h.until) {
			continue
		}
		if paused, err := a.paused(ctx, stack); err != nil || paused != nil {
			a.complain(err)
			continue
		}
		a.heal(ctx, stack, missing)
		// Two new looks are needed to see whether the healing lasted.
		a.names = slices.DeleteFunc(a.names, func(d Difference) bool { return slices.ContainsFunc(missing, d.isOf) })
	}
}

// missingOf are the missing names of a release's services.
func missingOf(r *Release, found []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(found), func(d Difference) bool {
		_, released := r.Live[d.Name]
		return d.Code != CodeNameMissing || !released
	})
}

// tellStale logs stale records: the agent may not do what would remove them.
func (a *agent) tellStale(found []Difference) {
	a.stale = a.tellOnce(a.stale, slices.DeleteFunc(slices.Clone(found), func(d Difference) bool { return d.Code != codeNameStale }))
}

// tellOnce logs the differences that the agent cannot put back and has not logged yet, and
// returns them.
func (a *agent) tellOnce(said map[string]bool, found []Difference) map[string]bool {
	now := map[string]bool{}
	for _, d := range found {
		if !said[d.Text] && !now[d.Text] {
			a.say("%s; the agent cannot repair this", d.Text)
		}
		now[d.Text] = true
	}
	return now
}
