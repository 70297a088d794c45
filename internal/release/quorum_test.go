package release

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// silence makes managers unreachable, as the leader sees them some seconds after they died:
// Swarm still reports them as ready.
func silence(t *testing.T, m *memory, names ...string) {
	t.Helper()
	for _, name := range names {
		m.node(t, name).ManagerStatus.Reachability = swarm.ReachabilityUnreachable
	}
}

func TestStatusWithoutAQuorumIsAnError(t *testing.T) {
	m := newMemory("manager", "manager-2", "manager-3", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	silence(t, m, "manager-2")
	status, err := d.Status(t.Context(), "shop")
	if err != nil || status.InSync || status.Nodes[1].State != "unreachable" || status.Differences[0].Code != CodeNodeDown {
		t.Errorf("one of three managers is silent: %+v, %v", status, err)
	}
	expect(t, d.Reconcile(t.Context(), "shop"), Runs, 1)

	silence(t, m, "manager-3")
	if _, err := d.Status(t.Context(), "shop"); err == nil || CodeOf(err) != "no-quorum" {
		t.Errorf("two of three managers are silent: %v", err)
	}
	got := d.Reconcile(t.Context(), "shop")
	if got.Outcome != Failed || got.Problems[0].Code != "no-quorum" {
		t.Errorf("reconcile: %+v", got)
	}
}

// A node that is no longer a manager reports so, and the caller asks another one.
func TestStatusOfNoManager(t *testing.T) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	m.outside, d.node = true, ""
	if _, err := d.Status(t.Context(), "shop"); err == nil || CodeOf(err) != "not-a-manager" {
		t.Errorf("status: %v", err)
	}
}

// A task on an unreachable manager does not count, although Swarm reports the node as
// ready.
func TestTasksOnAnUnreachableManagerDoNotCount(t *testing.T) {
	r, s := inSync()
	s.Tasks = []swarm.Task{running(1, "aver-manager"), running(2, "aver-worker-1")}
	for i := range s.Nodes {
		if s.Nodes[i].Description.Hostname == "aver-manager" {
			s.Nodes[i].ManagerStatus = &swarm.ManagerStatus{Reachability: swarm.ReachabilityUnreachable}
		}
	}
	if got := BuildStatus("aver", []Release{*r}, s); got.Healthy || got.Services[0].Running != 1 {
		t.Errorf("%+v", got.Services)
	}
}

// A caller that only looks gets an answer within seconds, however long Docker is away. The
// answer contains Docker's last error.
func TestLookingIsBounded(t *testing.T) {
	m := newMemory("manager")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	d.Settings.Outage, d.Settings.Glance = time.Hour, 300*time.Millisecond
	m.before = func(string) error { return errors.New("the swarm does not have a leader") }
	began := time.Now()
	_, err := d.Status(t.Context(), "shop")
	_, releasesErr := d.Releases(t.Context(), "shop")
	_, diffErr := d.Diff(t.Context(), "shop", Order{File: fileOf(t, "run:1")})
	for _, err := range []error{releasesErr, diffErr} {
		if !errors.As(err, new(awayError)) {
			t.Errorf("not bounded: %v", err)
		}
	}
	got := d.Reconcile(t.Context(), "shop")
	if err == nil || !strings.Contains(err.Error(), "does not have a leader") || got.Outcome != Failed {
		t.Errorf("status: %v; reconcile: %+v", err, got)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
