package release

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// allow gives a rolling update the time that its own settings require.
func (w *watch) allow(service swarm.Service, f finding) {
	if !w.changed[f.service] || f.condition != isStarting {
		return
	}
	if end := w.began.Add(pace(service.Spec, f.want, w.d.Settings.Patience) + w.d.Settings.Converge); end.After(w.end) {
		w.end = end
	}
}

// pace is how long a rolling update takes by its own settings, including the time in which
// each step starts.
func pace(spec swarm.ServiceSpec, tasks int, start time.Duration) time.Duration {
	if spec.UpdateConfig == nil || spec.UpdateConfig.Parallelism == 0 {
		return 0
	}
	config := Normalise(spec).UpdateConfig
	steps := (tasks + int(config.Parallelism) - 1) / int(config.Parallelism)
	step := config.Delay + config.Monitor + start
	if c := spec.TaskTemplate.ContainerSpec; c != nil && c.StopGracePeriod != nil {
		step += *c.StopGracePeriod
	}
	return time.Duration(steps) * step
}

// name says once that a service cannot run now because it waits for its node.
func (w *watch) name(f finding) {
	if !w.pinned[f.service] {
		w.pinned[f.service] = true
		w.d.say("%s cannot run now and does not count: %s", f.service, f.reason)
	}
}

// warn says once what is odd about a service that is up.
func (w *watch) warn(f finding) {
	if f.reason != "" && !w.warned[f.service] {
		w.warned[f.service] = true
		w.d.say("warning: %s: %s", f.service, f.reason)
	}
}

// tell reports what a deployment waits for.
func (w *watch) tell(findings []finding) {
	if w.d.now().Sub(w.told) < w.d.Settings.Tell {
		return
	}
	w.told = w.d.now()
	for _, f := range findings {
		if f.condition != isUp && f.condition != isPinned {
			w.d.say("waiting for %s: %s", f.service, excerpt(f.reason, 300))
		}
	}
}

// problems turns findings into Problems, each with the end of its task's output.
func (d *Reader) problems(ctx context.Context, bad []finding) []Problem {
	var problems []Problem
	for _, f := range bad {
		p := Problem{Code: f.code, Service: f.service, Reason: excerpt(f.reason, 1000)}
		if f.task != nil {
			p.Node = d.hostOf(ctx, f.task.NodeID)
			p.Log = d.logOf(ctx, *f.task)
		}
		problems = append(problems, p)
	}
	return problems
}

func (d *Reader) hostOf(ctx context.Context, id string) string {
	nodes, err := d.nodes(ctx)
	if err != nil {
		return ""
	}
	for _, node := range nodes {
		if node.ID == id {
			return node.Description.Hostname
		}
	}
	return ""
}
