package release

import (
	"cmp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// nodeDifferences are nodes that are down, nearly full, or not as the program set them. A
// held node was drained on purpose, unless the run that held it ended early.
func nodeDifferences(nodes []swarm.Node) []Difference {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b swarm.Node) int {
		return cmp.Or(strings.Compare(a.Description.Hostname, b.Description.Hostname), strings.Compare(a.ID, b.ID))
	})
	names := map[string]int{}
	for _, node := range nodes {
		names[node.Description.Hostname]++
	}
	var found []Difference
	for _, node := range nodes {
		found = append(found, differencesOf(node, names[node.Description.Hostname] == 1)...)
	}
	return found
}

// differencesOf are a node's differences. If the name is not the node's alone, its labels do
// not count: when managers come and go while the Swarm elects a leader, Docker may list one
// under another one's name for some seconds.
func differencesOf(node swarm.Node, alone bool) []Difference {
	var found []Difference
	d := Difference{Kind: "node", Name: node.Description.Hostname}
	_, held := node.Spec.Labels[labelHold]
	if !up(node) {
		d.Code, d.Released, d.Live = CodeNodeDown, string(swarm.NodeStateReady), stateOf(node)
		found = append(found, d.say("%s", d.Live))
	}
	if a := node.Spec.Availability; a != swarm.NodeAvailabilityActive && !held {
		d.Code, d.Released, d.Live = CodeNodeAvailability, string(swarm.NodeAvailabilityActive), string(a)
		found = append(found, d.say("%s", cmp.Or(map[swarm.NodeAvailability]string{"drain": "drained", "pause": "paused"}[a], string(a))))
	}
	if node.Spec.Labels[labelHold] == holdLeaving && node.Spec.Availability != swarm.NodeAvailabilityActive && up(node) {
		d.Code, d.Released, d.Live = CodeNodeLeaving, string(swarm.NodeAvailabilityActive), string(node.Spec.Availability)
		found = append(found, d.say("drained by a `pulumi up` that is under way, or ended early"))
	}
	if !held && alone {
		found = append(found, labelDifferences(d, node)...)
	}
	if used := node.Description.Engine.Labels[labelDisk]; used != "" && up(node) {
		d.Code, d.Path, d.Released, d.Live = CodeNodeDisk, "", "", used
		found = append(found, d.say("disk %s %% full", used))
	}
	return found
}

func labelDifferences(d Difference, node swarm.Node) []Difference {
	var found []Difference
	for _, label := range []string{labelNode, labelRole} {
		want := node.Description.Hostname
		if label == labelRole {
			want = string(node.Spec.Role)
		}
		if have := node.Spec.Labels[label]; have != want {
			d.Code, d.Path, d.Released, d.Live = CodeNodeLabel, label, want, have
			found = append(found, d.say("label %s %s, set to %s", label, cmp.Or(have, "missing"), want))
		}
	}
	return found
}
