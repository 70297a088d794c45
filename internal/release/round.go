package release

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// Marks of the agent's lines in the journal, by which people and tests find them.
const (
	journalLeads       = "leads the Swarm"
	journalHealed      = "healed in"
	journalNotHealed   = "not healed"
	journalHealsInVain = "HEALING DOES NOT HOLD"
	journalReboots     = "begins"
	journalNotRebooted = "FAILED"
)

// round compares every stack with its release and heals, if this manager leads.
func (a *agent) round(ctx context.Context, alive func()) {
	leads, err := a.isLeader(ctx)
	if err == nil && leads != a.leads {
		a.leads = leads
		if leads {
			a.say("agent: %s "+journalLeads+" now and heals", a.Host)
		}
	}
	if err == nil && !leads {
		a.vacated = ""
	}
	if err == nil && leads {
		alive()
		err = a.tendAll(ctx, alive)
	}
	a.complain(err)
}

// tendAll reads the Swarm once for all stacks, heals the stacks that differ, and reboots
// nodes that are due.
func (a *agent) tendAll(ctx context.Context, alive func()) error {
	releases, err := a.lastReleases(ctx)
	if err != nil {
		return err
	}
	alive()
	state, err := a.state(ctx, "")
	if err != nil {
		return err
	}
	alive()
	pauses, err := a.labelled(ctx, labelPaused)
	if err != nil {
		return err
	}
	alive()
	died, err := a.diedOf(ctx)
	if err != nil {
		return err
	}
	alive()
	var others []Difference
	// The nodes do not belong to a stack: the first stack that can be healed heals them,
	// too. This is skipped during a deployment, which may have paused a node.
	nodes := !slices.Contains(slices.Collect(maps.Values(died)), false)
	for _, stack := range slices.Sorted(maps.Keys(releases)) {
		if a.pauseOf(stack, pauses) == nil && a.tend(ctx, stack, releases[stack], state.of(stack), nodes, died[stack]) {
			nodes = false
		}
		others = append(others, beyondHealing(Differences(releases[stack], state.of(stack)))...)
	}
	a.told = a.tellOnce(a.told, others)
	alive()
	return a.maintain(ctx, state)
}

// diedOf are the stacks with a claim, and whether that claim belongs to a dead run.
func (a *agent) diedOf(ctx context.Context) (map[string]bool, error) {
	claims, err := a.labelled(ctx, labelHolder)
	if err != nil {
		return nil, err
	}
	died := map[string]bool{}
	for _, claim := range claims {
		dead, err := a.isDead(ctx, claim)
		if err != nil {
			return nil, err
		}
		died[strings.TrimSuffix(claim.Spec.Name, claimName(""))] = dead
	}
	return died, nil
}

func (a *agent) complain(err error) {
	if err != nil {
		a.say("agent: %v", err)
	}
}

func (a *agent) isLeader(ctx context.Context) (bool, error) {
	nodes, err := a.nodes(ctx)
	for _, node := range nodes {
		if node.ID == a.node {
			return node.ManagerStatus != nil && node.ManagerStatus.Leader, err
		}
	}
	return false, err
}

// lastReleases are the newest releases by their stacks. What a config holds never
// changes, so each is read once.
func (a *agent) lastReleases(ctx context.Context) (map[string]*Release, error) {
	configs, err := a.labelled(ctx, labelRelease)
	if err != nil {
		return nil, err
	}
	byStack := map[string][]swarm.Config{}
	for _, config := range configs {
		stack := config.Spec.Labels[labelStack]
		byStack[stack] = append(byStack[stack], config)
	}
	found, read := map[string]*Release{}, map[string]*Release{}
	for stack, configs := range byStack {
		kept, _ := standing(configs)
		if len(kept) == 0 {
			continue
		}
		newest := kept[len(kept)-1]
		last, err := a.readOnce(newest)
		if err != nil {
			a.complain(err) // the other stacks are healed all the same
			continue
		}
		found[stack], read[newest.ID] = last, last
	}
	a.read = read
	return found, nil
}

// readOnce is the release in a config. A config cannot change, so it is read only once.
func (a *agent) readOnce(config swarm.Config) (*Release, error) {
	if known := a.read[config.ID]; known != nil {
		return known, nil
	}
	one, err := readRelease(config)
	return &one, err
}

// of is the part of the state that belongs to one stack.
func (s State) of(stack string) State {
	all := s
	s.Services, s.Tasks = nil, nil
	ids := map[string]bool{}
	for _, service := range all.Services {
		if service.Spec.Labels[labelNamespace] == stack {
			s.Services = append(s.Services, service)
			ids[service.ID] = true
		}
	}
	for _, task := range all.Tasks {
		if ids[task.ServiceID] {
			s.Tasks = append(s.Tasks, task)
		}
	}
	return s
}

// schedule makes Swarm schedule tasks again that wait for a node at two looks although a
// node fits; see watch.help.
func (a *agent) schedule(ctx context.Context, stack string, state State) {
	w := &watch{d: a.Deployer, stack: stack, since: a.waiting, forced: map[string]bool{}}
	scene := newScene(state.Nodes, state.Tasks)
	for _, service := range state.Services {
		name := service.Spec.Name
		f := scene.judge(service, false)
		if f.condition != isHomeless {
			delete(a.waiting, name)
			continue
		}
		if _, seen := a.waiting[name]; !seen {
			a.waiting[name] = a.now()
		}
		if holders, err := a.Holders(ctx); err != nil || len(holders) > 0 {
			return
		}
		if w.help(ctx, scene, service, f); w.forced[name] {
			a.waiting[name] = a.now().Add(fightWindow)
		}
	}
}

// healable are the differences that a release can put back.
func healable(all []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(all), Difference.isBeyond)
}

// beyondHealing are the differences that no release can put back.
func beyondHealing(all []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(all), func(d Difference) bool { return !d.isBeyond() })
}

// isBeyond tells whether a difference is one that no release can put back: a node that is
// down or full, or that `pulumi up` has drained; a secret whose value or present version
// only `pulumi up` knows; a network, which Docker cannot change while something uses it.
func (d Difference) isBeyond() bool {
	switch d.Code {
	case CodeNodeDown, CodeNodeDisk, CodeNodeLeaving, CodeSecretMissing, CodeSecretsUnrecorded, CodeNetworkChanged:
		return true
	}
	return false
}
