package release

import (
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// attached is a running task of the service of inSync with an address on the network n1.
func attached(node, address string, change ...func(*swarm.Task)) swarm.Task {
	task := running(1, node)
	task.Status.Timestamp = time.Now().Add(-time.Hour)
	task.NetworksAttachments = []swarm.NetworkAttachment{{Network: swarm.Network{ID: "n1"}, Addresses: []string{address + "/24"}}}
	for _, one := range change {
		one(&task)
	}
	return task
}

// ago sets for how long a task has been in its state.
func ago(since time.Duration) func(*swarm.Task) {
	return func(t *swarm.Task) { t.Status.Timestamp = time.Now().Add(-since) }
}

func inState(state, desired swarm.TaskState) func(*swarm.Task) {
	return func(t *swarm.Task) { t.Status.State, t.DesiredState = state, desired }
}

// knows are a service's records, as Docker shows them.
func knows(index int, addresses ...string) network.ServiceInfo {
	info := network.ServiceInfo{VIP: "10.0.0.2", LocalLBIndex: index}
	for _, address := range addresses {
		info.Tasks = append(info.Tasks, network.Task{EndpointIP: address})
	}
	return info
}

func TestRecordsAreComparedWithTasks(t *testing.T) {
	const a, b = "10.0.1.3", "10.0.1.4"
	shutdown := inState(swarm.TaskStateShutdown, swarm.TaskStateShutdown)
	dnsrr := knows(256, a)
	dnsrr.VIP = "<nil>" // as Docker writes it
	for name, c := range map[string]struct {
		known    map[string]network.ServiceInfo
		tasks    []swarm.Task
		partial  []partial
		leftover []leftover
	}{
		"all is known": {known: map[string]network.ServiceInfo{"aver_api": knows(256, a, b)},
			tasks: []swarm.Task{attached("aver-manager", a), attached("aver-worker-1", b)}},
		"without a VIP": {known: map[string]network.ServiceInfo{"aver_api": dnsrr}, tasks: []swarm.Task{attached("aver-manager", a)}},
		"one task is unknown": {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)},
			tasks: []swarm.Task{attached("aver-manager", a), attached("aver-worker-1", b)}, partial: []partial{{"aver_api", 1, 2}}},
		"the service is unknown": {tasks: []swarm.Task{attached("aver-manager", a)}, partial: []partial{{"aver_api", 0, 1}}},
		"records without a name": {known: map[string]network.ServiceInfo{"aver_api": knows(0, a)},
			tasks: []swarm.Task{attached("aver-manager", a)}, partial: []partial{{"aver_api", 0, 1}}},
		"under another service's name": {known: map[string]network.ServiceInfo{"aver_db": knows(256, a)},
			tasks: []swarm.Task{attached("aver-manager", a)}, partial: []partial{{"aver_api", 0, 1}}},
		"a young task":              {tasks: []swarm.Task{attached("aver-manager", a, ago(nameGrace-time.Second))}},
		"a task that does not run":  {tasks: []swarm.Task{attached("aver-manager", a, inState(swarm.TaskStateStarting, swarm.TaskStateRunning))}},
		"a task that shall end":     {tasks: []swarm.Task{attached("aver-manager", a, inState(swarm.TaskStateRunning, swarm.TaskStateShutdown))}},
		"of a node that is down":    {tasks: []swarm.Task{attached("gone", a)}},
		"known of a node gone":      {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)}, tasks: []swarm.Task{attached("gone", a)}},
		"on another network":        {tasks: []swarm.Task{attached("aver-manager", a, func(t *swarm.Task) { t.NetworksAttachments[0].Network.ID = "n2" })}},
		"a plain container":         {known: map[string]network.ServiceInfo{"": knows(0, "10.0.1.9")}},
		"another service's":         {known: map[string]network.ServiceInfo{"web": knows(256, b)}, tasks: []swarm.Task{attached("aver-manager", b, func(t *swarm.Task) { t.ServiceID = "s9" })}},
		"known, and stops slowly":   {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)}, tasks: []swarm.Task{attached("aver-manager", a, inState(swarm.TaskStateRunning, swarm.TaskStateShutdown))}},
		"known, and just over":      {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)}, tasks: []swarm.Task{attached("aver-manager", a, shutdown, ago(time.Second))}},
		"known, and long over":      {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)}, tasks: []swarm.Task{attached("aver-manager", a, shutdown)}, leftover: []leftover{{"aver_api", a}}},
		"its address taken again":   {known: map[string]network.ServiceInfo{"aver_api": knows(256, a)}, tasks: []swarm.Task{attached("aver-manager", a), attached("aver-manager", a, shutdown)}},
		"a record that no task had": {known: map[string]network.ServiceInfo{"aver_old": knows(256, b)}, leftover: []leftover{{"aver_old", b}}},
		"one left and one lost": {known: map[string]network.ServiceInfo{"aver_api": knows(256, b)},
			tasks: []swarm.Task{attached("aver-manager", a)}, partial: []partial{{"aver_api", 0, 1}}, leftover: []leftover{{"aver_api", b}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := inSync()
			got := readRecords(network.Inspect{ID: "n1", Name: "aver_net", Services: c.known}, s.Services, newScene(s.Nodes, c.tasks), time.Now())
			if !slices.Equal(got.partial, c.partial) || !slices.Equal(got.leftover, c.leftover) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestOnlyNetworksOfTheNodeAreAsked(t *testing.T) {
	on := func(id string, ingress bool) func(*swarm.Task) {
		return func(t *swarm.Task) {
			t.NetworksAttachments[0].Network = swarm.Network{ID: id, Spec: swarm.NetworkSpec{Ingress: ingress}}
		}
	}
	tasks := []swarm.Task{
		attached("aver-manager", "10.0.1.3", on("here", false)), attached("aver-manager", "10.0.1.4", on("here", false)),
		attached("aver-manager", "10.0.1.5", on("ended", false), inState(swarm.TaskStateFailed, swarm.TaskStateShutdown)),
		attached("aver-worker-1", "10.0.1.6", on("elsewhere", false)), attached("aver-worker-1", "10.0.0.7", on("ingress", true)),
	}
	if got := networksHere(tasks, "id-aver-manager"); !slices.Equal(got, []string{"here", "ingress"}) {
		t.Errorf("asked for %q", got)
	}
}

func TestFaultsOfNamesAreDifferences(t *testing.T) {
	r, s := inSync()
	s.Names = append(records{"aver_net", []partial{{"aver_api", 0, 2}, {"web_api", 0, 1}}, []leftover{{"aver_old", "10.0.1.9"}}}.differences("aver-manager"),
		records{"ingress", []partial{{"aver_api", 1, 2}}, nil}.differences("aver-manager")...)
	want := []Difference{
		{Code: CodeNameMissing, Kind: "service", Name: "aver_api", Path: "aver-manager.aver_net", Released: "2", Live: "0"},
		{Code: CodeNameMissing, Kind: "service", Name: "aver_api", Path: "aver-manager.ingress", Released: "2", Live: "1"},
	}
	if stale := s.Names[2]; stale.Code != codeNameStale || stale.Name != "aver-manager" || stale.Path != "aver_net.aver_old" || stale.Live != "10.0.1.9" {
		t.Errorf("%+v", stale)
	}
	got := Differences(r, s)
	if healed := healable(got); !slices.EqualFunc(healed, want, Difference.isOf) {
		t.Errorf("healed: %+v", healed)
	}
	for i := range got {
		if got[i].Text == "" {
			t.Errorf("%+v has no words", got[i])
		}
		got[i].Text = ""
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
