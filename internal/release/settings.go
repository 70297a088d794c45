package release

import (
	"time"

	"averazure/internal/stackfile"
)

// Settings are all bounds of a deployment, in one place. The program, the pipeline
// and the manager take theirs from here.
type Settings struct {
	// Converge is how long a deployment may take until everything runs, image pulls
	// included. A rolling update whose own pace is slower gets what its spec asks for.
	Converge time.Duration
	// Settle is how long a started service has to stay up before it counts.
	Settle time.Duration
	// Patience is how long tasks may crash, be refused or find no node before that counts
	// as a failure: they may wait for one another.
	Patience time.Duration
	// Queue is how long a deployment waits for the one before it.
	Queue time.Duration
	// Tell is the time between two reports of what a deployment waits for.
	Tell time.Duration
	// Poll is the time between two looks at the Swarm.
	Poll time.Duration
	// Call bounds one question to Docker; Outage is how long Docker may be away (it
	// restarts, or the managers elect a leader) before that is a failure.
	Call, Outage time.Duration
	// Image is how long a registry may take to answer about an image in a diff. It is
	// shorter than a preview waits for one of several managers.
	Image time.Duration
	// Log limits the time for reading a failed task's log.
	Log time.Duration
	// Glance is how long Docker may be away for a caller that only looks.
	Glance time.Duration
	// HandBack is the time that remains, after a signal, to make Docker run the last good
	// release again.
	HandBack time.Duration
	// Lease is how long a claim holds without a sign of life from its holder.
	Lease time.Duration
	// Keep is the number of releases to which a rollback can go back.
	Keep int
	// Window is the time in which nodes may reboot.
	Window Window
}

// Defaults are the bounds in production.
func Defaults() Settings {
	return Settings{
		Converge: 10 * time.Minute, Settle: 5 * time.Second, Patience: 40 * time.Second,
		Queue: 5 * time.Minute, Tell: 10 * time.Second, Poll: 500 * time.Millisecond,
		Call: 30 * time.Second, Outage: 90 * time.Second, Glance: 10 * time.Second,
		Image: 3 * time.Second, Log: 15 * time.Second,
		HandBack: 25 * time.Second, Lease: 2 * time.Minute, Keep: 10,
	}
}

// Longest is the longest time that a deployment of an ordinary file takes if it waits for
// the one before it, does not come up, and is put back.
func (s Settings) Longest() time.Duration { return s.LongestOf(stackfile.Specs{}, 0) }

// LongestOf is the same for specs whose rolling updates take longer by their own
// settings, in a Swarm of so many nodes.
func (s Settings) LongestOf(specs stackfile.Specs, nodes int) time.Duration {
	return s.Queue + 2*s.back(specs, nodes)
}

// back is how long the specs, or the former ones, take to come up. It rounds the number of
// nodes up to tens, so that a new node seldom changes the limit.
func (s Settings) back(specs stackfile.Specs, nodes int) time.Duration {
	var slowest time.Duration
	for _, spec := range specs.Services {
		tasks := (nodes + 9) / 10 * 10
		if replicated := spec.Mode.Replicated; replicated != nil && replicated.Replicas != nil {
			tasks = int(*replicated.Replicas)
		}
		slowest = max(slowest, pace(spec, tasks, s.Patience))
	}
	return s.Converge + s.Outage + slowest
}
