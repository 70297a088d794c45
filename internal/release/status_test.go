package release

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// aTask is a task of the service of inSync, with its spec.
func aTask(slot int, node string, state, desired swarm.TaskState) swarm.Task {
	return swarm.Task{
		ServiceID: "s1", Slot: slot, NodeID: "id-" + node, DesiredState: desired,
		Status: swarm.TaskStatus{State: state}, Spec: live(aSpec()).TaskTemplate,
		Meta: swarm.Meta{CreatedAt: time.Unix(int64(slot), 0)},
	}
}

func running(slot int, node string) swarm.Task {
	return aTask(slot, node, swarm.TaskStateRunning, swarm.TaskStateRunning)
}

func TestStatusKeepsTwoQuestionsApart(t *testing.T) {
	for name, c := range map[string]struct {
		inSync, healthy bool
		state           string
		running         int
		change          func(*Release, *State)
	}{
		"all runs":     {true, true, "up", 2, func(_ *Release, s *State) {}},
		"nothing runs": {true, false, "starting", 0, func(_ *Release, s *State) { s.Tasks = nil }},
		"its node stopped answering": {false, false, "starting", 1, func(_ *Release, s *State) {
			s.Nodes[0].Status.State = swarm.NodeStateDown
		}},
		"nobody knows of its node": {false, false, "starting", 1, func(_ *Release, s *State) {
			s.Nodes[0].Status.State = swarm.NodeStateUnknown
		}},
		"scaled": {false, true, "up", 2, func(r *Release, _ *State) {
			spec := r.Live["aver_api"]
			spec.Mode.Replicated = &swarm.ReplicatedService{Replicas: ptr(uint64(1))}
			r.Live["aver_api"] = spec
		}},
		"gone": {false, false, "gone", 0, func(_ *Release, s *State) { s.Services = nil }},
		"crashed": {true, false, "crashing", 1, func(_ *Release, s *State) {
			s.Tasks[1].Status = swarm.TaskStatus{State: swarm.TaskStateFailed, Err: "task: non-zero exit (1)"}
			s.Tasks[1].DesiredState = swarm.TaskStateShutdown
		}},
		"a worker drained": {false, true, "up", 2, func(_ *Release, s *State) { s.Nodes[0].Spec.Availability = swarm.NodeAvailabilityDrain }},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := inSync()
			s.Tasks = []swarm.Task{running(1, "aver-manager"), running(2, "aver-worker-1")}
			c.change(r, &s)
			got := BuildStatus("aver", []Release{*r}, s)
			service := got.Services[0]
			if got.InSync != c.inSync || got.Healthy != c.healthy || service.State != c.state || service.Running != c.running {
				t.Errorf("inSync %v, healthy %v, %+v, differences %+v", got.InSync, got.Healthy, service, got.Differences)
			}
			if service.State != "up" && service.State != "gone" && service.Reason == "" {
				t.Error("there is no reason")
			}
		})
	}
}

// A service whose work is finished counts as done, not as broken.
func TestStatusOfWhatIsDone(t *testing.T) {
	r, s := inSync()
	once := func(spec *swarm.ServiceSpec) {
		spec.Mode.Replicated.Replicas = ptr(uint64(1))
		spec.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionOnFailure}
	}
	spec := live(aSpec(once))
	r.Live["aver_api"], s.Services[0].Spec = Normalise(spec), spec
	s.Tasks = []swarm.Task{aTask(1, "aver-manager", swarm.TaskStateComplete, swarm.TaskStateShutdown)}
	got := BuildStatus("aver", []Release{*r}, s)
	if service := got.Services[0]; !got.Healthy || !got.InSync || service.Done != 1 || service.Running != 0 || service.Desired != 1 {
		t.Errorf("%+v", got)
	}
}

// The token is the mark of the last deployment while everything is as released. Otherwise
// it is another one, always the same for the same differences.
func TestToken(t *testing.T) {
	r, s := inSync()
	r.Token = "made-by-up"
	of := func(change func(*State)) string {
		_, s = inSync()
		change(&s)
		return BuildStatus("aver", []Release{*r}, s).Token
	}
	scale := func(n uint64) func(*State) {
		return func(s *State) { s.Services[0].Spec.Mode.Replicated.Replicas = ptr(n) }
	}
	if got := of(func(*State) {}); got != "made-by-up" {
		t.Errorf("in sync: %s", got)
	}
	if got := of(func(s *State) { s.Nodes[0].Status.State = swarm.NodeStateDown }); got != "made-by-up" {
		t.Errorf("a node is down, which another resource sees to: %s", got)
	}
	five, four := of(scale(5)), of(scale(4))
	if !strings.HasPrefix(five, "drift-") || five == four || five != of(scale(5)) {
		t.Errorf("tokens %s, %s", five, four)
	}
	if got := BuildStatus("aver", nil, State{}); !strings.HasPrefix(got.Token, "drift-") || got.InSync || got.Healthy || got.Release != nil {
		t.Errorf("without a release: %+v", got)
	}
}

func TestStatusListsReleasesNodesAndSecrets(t *testing.T) {
	r, s := inSync()
	s.Secrets[0].Spec.Labels = map[string]string{labelSecret: "key"}
	s.Nodes[1].ManagerStatus = &swarm.ManagerStatus{Leader: true, Reachability: swarm.ReachabilityReachable}
	s.Nodes[0].Spec.Labels = map[string]string{labelHold: "a new disk"}
	older := *r
	older.Number, older.From, older.By, older.Actor = 2, FromStackRepo, ByStackRepo, "ada"
	got := BuildStatus("aver", []Release{older, *r}, s)
	if len(got.Releases) != 2 || got.Release.Number != 3 || got.Releases[0].Actor != "ada" || got.Releases[1].Images["aver_api"] == "" {
		t.Errorf("releases %+v", got.Releases)
	}
	if len(got.Nodes) != 2 || got.Nodes[0].Name != "aver-manager" || !got.Nodes[0].Leader || !got.Nodes[0].Reachable || !got.Nodes[0].LabelsOK ||
		got.Nodes[1].LabelsOK || got.Nodes[1].Held != "a new disk" || !got.InSync {
		t.Errorf("nodes %+v, differences %+v", got.Nodes, got.Differences)
	}
	if len(got.Secrets) != 1 || got.Secrets[0] != (SecretStatus{"key", "key-1"}) {
		t.Errorf("secrets %+v", got.Secrets)
	}
}

// The status of a running Swarm, with who is deploying and for how long the stack is
// paused.
func TestStatusOfASwarm(t *testing.T) {
	m := newMemory("manager", "worker")
	d := newDeployer(t, m)
	expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	before, err := d.Status(t.Context(), stack)
	if err != nil || !before.InSync || !before.Healthy || before.Deploying != nil || before.Paused != nil || before.Release.Number != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	if err := d.Pause(t.Context(), stack, time.Hour, "a test"); err != nil {
		t.Fatal(err)
	}
	holds(t, m, "worker", nil)
	byHand(m, "shop_api", scaled(5))
	after, err := d.Status(t.Context(), stack)
	if err != nil || after.InSync || after.Deploying == nil || after.Paused == nil || after.Paused.Why != "a test" || after.Token == before.Token {
		t.Errorf("%+v, %v", after, err)
	}
}

// Each question takes Docker some milliseconds. A status takes two rounds, however much is
// asked: within a round, all questions are asked at the same time.
func TestStatusAsksInTwoRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		m.nodes[1].Description.Engine.Labels = map[string]string{labelReboot: "a kernel"}
		d := newDeployer(t, m)
		d.Settings.Window = Window{Day: time.Sunday, Length: time.Hour}
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("web", "run:1"))), Runs, 1)
		d.node, m.takes = "", time.Millisecond
		began := time.Now()
		status, err := d.Status(t.Context(), stack)
		if err != nil || !status.InSync || status.Reboots == nil {
			t.Fatalf("%+v, %v", status, err)
		}
		if rounds := time.Since(began) / m.takes; rounds != 2 {
			t.Errorf("it asked in %d rounds, want 2", rounds)
		}
	})
}

// A port without a fixed published number is chosen by Docker, and no firewall rule opens
// it.
func TestStatusNamesPublishedPorts(t *testing.T) {
	r, s := inSync()
	s.Services[0].Spec.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{
		{TargetPort: 80, PublishedPort: 8080}, {TargetPort: 53, PublishedPort: 53, Protocol: swarm.PortConfigProtocolUDP, PublishMode: swarm.PortConfigPublishModeHost}, {TargetPort: 99},
	}}
	got := slices.Sorted(slices.Values(BuildStatus("aver", []Release{*r}, s).Services[0].Ports))
	if want := []string{"53/udp", "8080/tcp"}; !slices.Equal(got, want) {
		t.Errorf("they are %q, want %q", got, want)
	}
}
