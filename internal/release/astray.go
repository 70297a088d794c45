package release

import (
	"fmt"

	"github.com/docker/docker/api/types/swarm"
)

// astray finds the task that a rolling update waits for and that will never start, because
// its node went down meanwhile. Swarm starts another task in its place, but the update
// still waits for the first one. This was seen with start-first, where the task of the
// former spec then keeps running beside the new one forever.
func (j *judgement) astray() bool {
	for _, task := range j.tasks[j.service.ID] {
		node, known := j.nodes[task.NodeID]
		if j.present(task) && task.DesiredState == swarm.TaskStateShutdown && begun(task) && known && !up(node) {
			j.condition, j.code, j.task = isHomeless, "no-node", &task
			j.reason = fmt.Sprintf("the update waits for %s, whose node is %s", j.taskName(task), stateOf(node))
			return true
		}
	}
	return false
}
