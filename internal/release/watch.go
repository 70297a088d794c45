package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// watch looks at the stack until it runs, and returns why it does not.
type watch struct {
	d       *Deployer
	stack   string
	specs   stackfile.Specs // what is waited for
	changed map[string]bool // services that this deployment gave a new spec
	began   time.Time
	end     time.Time
	told    time.Time
	good    time.Time            // since when everything is up and only has to stay up
	since   map[string]time.Time // since when a service is crashing or homeless
	calm    map[string]time.Time // since when it is no longer so, between two crashes
	forced  map[string]bool
	pinned  map[string]bool // reported already
	warned  map[string]bool // reported already
	leaves  func(swarm.Service) bool
	left    map[string]bool // services that failed before and are to be left alone; nil before the first look
}

// until waits until every service runs what it was asked for. It returns the problems that
// prevent this; none means that everything runs. A service that had failed for good before
// and is to be left alone does not count, unless it is among the changed.
func (d *Deployer) until(ctx context.Context, stack string, specs stackfile.Specs, changed []string, leaves func(swarm.Service) bool) ([]Problem, error) {
	w := &watch{d: d, stack: stack, specs: specs, leaves: leaves, changed: map[string]bool{}, began: d.now(), told: d.now(),
		since: map[string]time.Time{}, calm: map[string]time.Time{}, forced: map[string]bool{}, pinned: map[string]bool{}, warned: map[string]bool{}}
	for _, name := range changed {
		w.changed[name] = true
	}
	w.end = w.began.Add(d.Settings.Converge)
	for {
		findings, err := w.look(ctx)
		if err != nil {
			return nil, err
		}
		if bad, over := w.decide(findings); over {
			return d.problems(ctx, bad), nil
		}
		w.tell(findings)
		if err := d.sleep(ctx, d.Settings.Poll); err != nil {
			return nil, err
		}
	}
}

// look judges every service of the stack at one moment.
func (w *watch) look(ctx context.Context) ([]finding, error) {
	services, err := w.d.services(ctx, w.stack)
	if err != nil {
		return nil, err
	}
	tasks, err := w.d.tasks(ctx, w.stack)
	if err != nil {
		return nil, err
	}
	nodes, err := w.d.nodes(ctx)
	if err != nil {
		return nil, err
	}
	scene, first := newScene(nodes, tasks), w.left == nil
	if first {
		w.left = map[string]bool{}
	}
	var findings []finding
	for _, service := range services {
		if _, wanted := w.specs.Services[service.Spec.Name]; !wanted {
			continue // it goes when the others run
		}
		f := w.judge(scene, service, first)
		findings = append(findings, f)
		w.allow(service, f)
		if f.condition == isHomeless {
			w.help(ctx, scene, service, f)
		}
	}
	for name := range w.specs.Services {
		if !slices.ContainsFunc(findings, func(f finding) bool { return f.service == name }) {
			findings = append(findings, finding{service: name, condition: isFailed, code: "service-gone", reason: "somebody removed it meanwhile"})
		}
	}
	slices.SortFunc(findings, func(a, b finding) int { return strings.Compare(a.service, b.service) })
	return findings, nil
}

// judge returns a service's condition for this deployment. First says that the service was
// not judged before.
func (w *watch) judge(s scene, service swarm.Service, first bool) finding {
	changed := w.changed[service.Spec.Name]
	f := s.judge(service, changed)
	if changed && f.condition == isUp && f.want > 0 && w.brief(service) {
		f.condition, f.reason = isSettling, "runs, and must stay up for a moment"
	}
	if first && f.condition == isFailed && !changed && w.leaves(service) {
		w.left[f.service] = true
	}
	if f.condition == isFailed && w.left[f.service] {
		f.condition = isUp
		f.reason = "failed before and is left so, since nothing changes it (" + f.reason + "); `docker service update --force " + f.service + "` starts it again"
	}
	return f
}

// brief tells whether Swarm itself watched an update for a shorter time than a started
// service has to stay up.
func (w *watch) brief(service swarm.Service) bool {
	config := Normalise(service.Spec).UpdateConfig
	return service.UpdateStatus != nil && config != nil && config.Monitor < w.d.Settings.Settle
}

// help makes Swarm schedule tasks again that wait although a node fits and accepts tasks.
// This was seen after an outage in which the service's spec got a new version: its tasks
// then wait forever. Scheduling again restarts all tasks of the service, so help does
// nothing if the waiting task says what it lacks.
func (w *watch) help(ctx context.Context, scene scene, service swarm.Service, f finding) {
	name := service.Spec.Name
	began, seen := w.since[name]
	if !seen || w.forced[name] || w.d.now().Sub(began) < w.d.Settings.Patience/4 || lacks(f.reason) && scene.isThere(service) && !scene.isOld(f.reason) {
		return
	}
	for _, node := range scene.nodes {
		if accepts(service.Spec.TaskTemplate.Placement, node) {
			w.forced[name] = true
			w.d.say("%s waits although it fits %s; telling Swarm to schedule it again", name, node.Description.Hostname)
			if err := w.d.force(ctx, service.ID); err != nil {
				w.d.say("%s: %s", name, firstLine(err))
			}
			w.since[name] = w.d.now() // new tasks, new patience
			return
		}
	}
}

// lacks tells whether a task waits for something that no node can give it, such as memory,
// and not for a node. Docker has words for it, but no code.
func lacks(reason string) bool {
	for _, words := range []string{"insufficient resources", "max replicas per node", "host-mode port already in use", "unsupported platform", "missing plugin"} {
		if strings.Contains(reason, words) {
			return true
		}
	}
	return false
}

// decide tells whether the wait is over, and with which findings. Tasks may crash because
// they need a service that is still pulled or started. So crashes count only when nothing
// else is still starting, and after some patience.
func (w *watch) decide(findings []finding) (bad []finding, over bool) {
	now := w.d.now()
	by := map[condition][]finding{}
	for _, f := range findings {
		by[f.condition] = append(by[f.condition], f)
		w.mark(f, now)
		switch f.condition {
		case isPinned:
			w.name(f)
		case isUp:
			w.warn(f)
		}
	}
	settling := len(by[isSettling]) > 0
	switch open := len(findings) - len(by[isUp]) - len(by[isSettling]) - len(by[isPinned]); {
	case len(by[isFailed]) > 0:
		return by[isFailed], true
	case open == 0 && !settling:
		return nil, true
	case open == 0 && w.good.IsZero():
		w.good = now
		fallthrough
	case open == 0:
		return nil, now.Sub(w.good) >= w.d.Settings.Settle
	}
	w.good = time.Time{}
	if bad = w.stuck(findings, len(by[isStarting]) > 0, now); len(bad) > 0 {
		return bad, true
	}
	if now.Before(w.end) {
		return nil, false
	}
	return w.unfinished(findings, now), true
}

// unfinished are the services that do not run when the time is over.
func (w *watch) unfinished(findings []finding, now time.Time) (bad []finding) {
	for _, f := range findings {
		if f.condition != isUp && f.condition != isSettling && f.condition != isPinned {
			f.reason = fmt.Sprintf("not running after %s: %s", now.Sub(w.began).Round(time.Second), f.reason)
			bad = append(bad, f)
		}
	}
	return bad
}

// stuck are the services that have crashed for too long while nothing else is starting, and
// those that no node has accepted for too long.
func (w *watch) stuck(findings []finding, starting bool, now time.Time) (bad []finding) {
	for _, f := range findings {
		began, marked := w.since[f.service]
		if marked && now.Sub(began) >= w.d.Settings.Patience && (f.condition == isHomeless || f.condition == isCrashing && !starting) {
			bad = append(bad, f)
		}
	}
	return bad
}

// mark records since when a service is crashing or homeless. A service that runs for a
// moment between two crashes still counts as crashing.
func (w *watch) mark(f finding, now time.Time) {
	if f.condition == isCrashing || f.condition == isHomeless {
		delete(w.calm, f.service)
		if _, seen := w.since[f.service]; !seen {
			w.since[f.service] = now
		}
		return
	}
	if _, seen := w.calm[f.service]; !seen {
		w.calm[f.service] = now
	}
	if now.Sub(w.calm[f.service]) >= w.d.Settings.Settle {
		delete(w.since, f.service)
	}
}
