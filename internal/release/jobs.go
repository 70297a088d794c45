package release

import (
	"fmt"

	"github.com/docker/docker/api/types/swarm"
)

// isJob tells whether a service is one-time work.
func isJob(spec swarm.ServiceSpec) bool {
	return spec.Mode.ReplicatedJob != nil || spec.Mode.GlobalJob != nil
}

// job judges a service whose tasks run once and end.
func (j *judgement) job() {
	j.want = j.wanted()
	if job := j.service.Spec.Mode.ReplicatedJob; job != nil {
		j.want = completions(*job)
	}
	for _, task := range j.newest {
		if task.Status.State == swarm.TaskStateComplete {
			j.up++
		}
	}
	switch {
	case j.up >= j.want:
		j.condition = isUp
	case j.pinned():
	case j.broken():
	default:
		j.condition, j.code = isStarting, "not-done"
		j.reason = fmt.Sprintf("the job is running: %d of %d done", j.up, j.want)
	}
}

// completions is how often a job has to be done, as swarmkit counts.
func completions(job swarm.ReplicatedJob) int {
	switch {
	case job.TotalCompletions != nil:
		return int(*job.TotalCompletions)
	case job.MaxConcurrent != nil:
		return int(*job.MaxConcurrent)
	}
	return 1
}
