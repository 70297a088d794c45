package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"averazure/cluster"
	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// Tasks are spread when every node is ready and before anything is deployed, by one node's
// command after another. They are spread again when a node has another VM.
func TestRebalanceWaitsForAllNodes(t *testing.T) {
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(3, 2, func(a *cluster.Args) { a.Rebalance, a.Drift = true, drift.HavingMade("aver-manager-prepare") })); err != nil {
		t.Fatal(err)
	}
	nodes := strings.Fields("aver-manager aver-manager-2 aver-manager-3 aver-worker-1 aver-worker-2")
	before := ""
	for _, node := range nodes {
		made := r.Get(drift.CommandType, node+"-rebalance")
		for _, other := range nodes {
			if !slices.Contains(made.Request.GetDependencies(), r.Get(drift.CommandType, other+"-back").URN) {
				t.Errorf("%s does not wait for %s-back", made.Name, other)
			}
		}
		if !slices.Contains(made.Request.GetDependencies(), r.Get(drift.CommandType, "aver-worker-2-resume").URN) {
			t.Errorf("%s does not wait for Docker's settings", made.Name)
		}
		if before != "" && !slices.Contains(made.Request.GetDependencies(), before) {
			t.Errorf("%s does not wait for the one before it", made.Name)
		}
		if recorder.At(made.Inputs, "triggers.0") != recorder.At(r.Get(drift.CommandType, node+"-back").Inputs, "triggers.0") {
			t.Errorf("%s does not run again for another VM", made.Name)
		}
		if back := r.Get(drift.CommandType, node+"-back"); slices.Contains(back.Request.GetDependencies(), made.URN) {
			t.Errorf("%s's turn does not end before tasks are spread", node)
		}
		before = made.URN
	}
	if secrets := r.Get(drift.CommandType, "aver-secrets"); !slices.Contains(secrets.Request.GetDependencies(), before) {
		t.Error("a deployment does not wait until tasks are spread")
	}
}

func TestNoTaskIsMovedUnasked(t *testing.T) {
	r := &recorder.Recorder{Answers: answers()}
	if err := r.Run(program(1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(r.OfType(drift.CommandType), func(c *recorder.Resource) bool { return strings.HasSuffix(c.Name, "-rebalance") }) {
		t.Error("tasks are spread although nobody asked for it")
	}
}
