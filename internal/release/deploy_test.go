package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

const stack = "shop"

// quick are bounds for a Swarm that does in a millisecond what takes a real one
// seconds.
func quick() Settings {
	return Settings{Converge: 2 * time.Second, Settle: 15 * time.Millisecond, Patience: 300 * time.Millisecond,
		Queue: 300 * time.Millisecond, Tell: 20 * time.Millisecond, Poll: 5 * time.Millisecond, Call: time.Second,
		Outage: 30 * time.Millisecond, Glance: 10 * time.Second, Image: 3 * time.Second, Log: time.Second, HandBack: time.Second, Lease: time.Minute, Keep: 4}
}

// newDeployer works on a Swarm in memory; what it says ends up in the test's log.
func newDeployer(t *testing.T, m *memory) *Deployer {
	t.Helper()
	d := NewDeployer(m, Reader{Settings: quick(), Host: m.nodes[0].Description.Hostname, Say: func(format string, args ...any) { t.Logf(format, args...) }})
	d.node, d.run = m.me, fmt.Sprintf("run-%s-%p", m.me, d)
	d.Alive = func(string) bool { return true }
	return d
}

// service is a spec by its image; options change it.
func service(name, image string, options ...func(*swarm.ServiceSpec)) swarm.ServiceSpec {
	return serviceOf(stack, name, image, options...)
}

func serviceOf(stack, name, image string, options ...func(*swarm.ServiceSpec)) swarm.ServiceSpec {
	replicas := uint64(2)
	spec := swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: stack + "_" + name, Labels: map[string]string{labelNamespace: stack}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: image}},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
	}
	for _, option := range options {
		option(&spec)
	}
	return spec
}

func global(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} }

func job(times uint64) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{TotalCompletions: &times, MaxConcurrent: &times}}
		restart(swarm.RestartPolicyConditionOnFailure)(s)
	}
}

func jobOnEveryNode(s *swarm.ServiceSpec) {
	s.Mode = swarm.ServiceMode{GlobalJob: &swarm.GlobalJob{}}
	restart(swarm.RestartPolicyConditionOnFailure)(s)
}

func restart(condition swarm.RestartPolicyCondition) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: condition} }
}

func on(constraint string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{constraint}}
	}
}

func failure(action string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Monitor: time.Millisecond, FailureAction: action}
	}
}

func env(text string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec.Env = []string{text} }
}

// joined has services of the network shop_net, which the specs then name.
func joined(s *swarm.ServiceSpec) {
	s.TaskTemplate.Networks = []swarm.NetworkAttachmentConfig{{Target: "shop_net"}}
}

func withNet(specs stackfile.Specs) stackfile.Specs {
	specs.Networks = map[string]network.CreateOptions{"shop_net": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
	return specs
}

func secret(name string) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) {
		s.TaskTemplate.ContainerSpec.Secrets = []*swarm.SecretReference{{SecretName: name, File: &swarm.SecretReferenceFileTarget{Name: name}}}
	}
}

func specsOf(services ...swarm.ServiceSpec) stackfile.Specs {
	specs := stackfile.Specs{Services: map[string]swarm.ServiceSpec{}}
	for _, s := range services {
		specs.Services[s.Name] = s
	}
	return specs
}

// deploys has specs deployed as `pulumi up` would.
func deploys(d *Deployer, specs stackfile.Specs) Result { return deploysAs(d, stack, specs) }

func deploysAs(d *Deployer, stack string, specs stackfile.Specs) Result {
	return d.change(context.Background(), stack, d.Settings.Queue, func(ctx context.Context, w *work) Result {
		return w.bringUp(ctx, wanted{specs: specs, release: Release{From: FromPulumi, By: ByPulumi}})
	})
}

func expect(t *testing.T, got Result, outcome Outcome, release int, codes ...string) {
	t.Helper()
	var have []string
	for _, p := range got.Problems {
		have = append(have, p.Code)
	}
	if got.Outcome != outcome || got.Release != release || !slices.Equal(have, codes) {
		t.Fatalf("got %s, release %d, codes %v (%s); want %s, %d, %v", got.Outcome, got.Release, have, got.Verdict, outcome, release, codes)
	}
}

// runningImages are the images of the tasks that run, by service, without digests.
func runningImages(m *memory) map[string]string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	images := map[string]string{}
	for _, s := range m.services {
		name, _, _ := strings.Cut(s.Spec.TaskTemplate.ContainerSpec.Image, "@")
		for _, task := range m.ofService(s.ID) {
			if task.Status.State == swarm.TaskStateRunning && task.Spec.ContainerSpec.Image == s.Spec.TaskTemplate.ContainerSpec.Image {
				images[s.Spec.Name] = name
			}
		}
	}
	return images
}

// TestVerdicts deploys a first release that runs, then another one, and looks at
// what is said and at what runs afterwards.
func TestVerdicts(t *testing.T) {
	good := []swarm.ServiceSpec{service("api", "run:1"), service("db", "run:1")}
	for name, c := range map[string]struct {
		next    []swarm.ServiceSpec
		outcome Outcome
		release int
		codes   []string
		api     string // the image that runs afterwards
	}{
		"another image":                       {[]swarm.ServiceSpec{service("api", "run:2"), good[1]}, Runs, 2, nil, "run:2"},
		"an image that crashes":               {[]swarm.ServiceSpec{service("api", "crash:1", failure("continue")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"Swarm pauses the update":             {[]swarm.ServiceSpec{service("api", "crash:1", failure("pause")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"Swarm rolls the update back":         {[]swarm.ServiceSpec{service("api", "crash:1", failure("rollback")), good[1]}, PutBack, 1, []string{"task-failed"}, "run:1"},
		"a health check that fails":           {[]swarm.ServiceSpec{service("api", "sick:1", failure("continue")), good[1]}, PutBack, 1, []string{"unhealthy"}, "run:1"},
		"an image that no node can pull":      {[]swarm.ServiceSpec{service("api", "missing:1", failure("continue")), good[1]}, PutBack, 1, []string{"image-missing"}, "run:1"},
		"it ends with 0 again and again":      {[]swarm.ServiceSpec{service("api", "end:1", failure("continue")), good[1]}, PutBack, 1, []string{"task-ended"}, "run:1"},
		"it ends and Swarm pauses the update": {[]swarm.ServiceSpec{service("api", "end:1", failure("pause")), good[1]}, PutBack, 1, []string{"task-ended"}, "run:1"},
		"it never starts":                     {[]swarm.ServiceSpec{service("api", "slow:1", failure("continue")), good[1]}, PutBack, 1, []string{"not-running"}, "run:1"},
		"no node fits":                        {[]swarm.ServiceSpec{service("api", "run:2", on("node.labels.gpu == yes")), good[1]}, PutBack, 1, []string{"no-node"}, "run:1"},
		"a one-shot beside it":                {append(good, service("migrate", "end:1", restart(swarm.RestartPolicyConditionOnFailure))), Runs, 2, nil, "run:1"},
		"a one-shot that fails for ever":      {append(good, service("migrate", "crash:1", restart(swarm.RestartPolicyConditionNone))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a global service that runs":          {append(good, service("agent", "run:1", global)), Runs, 2, nil, "run:1"},
		"a global service that crashes":       {append(good, service("agent", "crash:1", global)), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a global one that may not restart":   {append(good, service("agent", "crash:1", global, restart(swarm.RestartPolicyConditionNone))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a job":                               {append(good, service("migrate", "end:1", job(2))), Runs, 2, nil, "run:1"},
		"a job that fails":                    {append(good, service("migrate", "crash:1", job(2))), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a job on every node":                 {append(good, service("migrate", "end:1", jobOnEveryNode)), Runs, 2, nil, "run:1"},
		"one that fails":                      {append(good, service("migrate", "crash:1", jobOnEveryNode)), PutBack, 1, []string{"task-failed"}, "run:1"},
		"a service at 0":                      {append(good, service("later", "crash:1", func(s *swarm.ServiceSpec) { *s.Mode.Replicated.Replicas = 0 })), Runs, 2, nil, "run:1"},
		"a secret that nobody stored":         {[]swarm.ServiceSpec{service("api", "run:2", secret("nobody")), good[1]}, Refused, 0, []string{"secret-missing"}, "run:1"},
		"an external network that is absent":  {good, Refused, 0, []string{"network"}, "run:1"},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager", "worker")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(good...)), Runs, 1)
			next := specsOf(next(c.next)...)
			if slices.Contains(c.codes, "network") {
				next.External = []string{"edge"}
			}
			result := deploys(d, next)
			expect(t, result, c.outcome, c.release, c.codes...)
			if api := runningImages(m)["shop_api"]; api != c.api {
				t.Errorf("api runs %s, want %s", api, c.api)
			}
			if holders, err := d.Holders(context.Background()); err != nil || len(holders) > 0 {
				t.Errorf("the claim is still there: %v %v", holders, err)
			}
		})
	}
}

func next(services []swarm.ServiceSpec) []swarm.ServiceSpec { return services }

// A node may refuse a task for what passes, such as a network that is being set up: that has
// the patience of a crash. What the file causes does not pass.
func TestRefusalThatPassesGetsPatience(t *testing.T) {
	for says, c := range map[string]struct {
		outcome Outcome
		release int
		codes   []string
	}{
		"invalid config for network shop_net: no configured subnet or ip-range contain the IP address": {Runs, 2, nil},
		"invalid mount config for type \"bind\": bind source path does not exist: /srv/data":           {PutBack, 1, []string{"task-rejected"}},
	} {
		virtual(t, says, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			m.refusals, m.refuse = 1, says
			expect(t, deploys(d, specsOf(service("api", "run:2", failure("continue")))), c.outcome, c.release, c.codes...)
		})
	}
}

// A service that goes names the volumes that it leaves, and a volume that Docker will not
// change is named before the deployment.
func TestVolumesAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		file := func(text string) *stackfile.File {
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: text}}})
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		deploy := func(text string) (said string) {
			d.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
			if got := d.Deploy(t.Context(), stack, Order{File: file(text), From: FromPulumi, By: ByPulumi}); got.Outcome != Runs {
				t.Fatalf("%+v", got)
			}
			return said
		}
		const db = "services:\n  api: {image: run}\n  db: {image: run, volumes: ['data:/data']}\n"
		if said := deploy(db + "volumes: {data: {labels: {tier: one}}}\n"); strings.Contains(said, "shop_data") {
			t.Errorf("a new volume: %s", said)
		}
		if said := deploy(db + "volumes: {data: {labels: {tier: two}}}\n"); !strings.Contains(said, "shop_data") && !strings.Contains(said, "volume data") {
			t.Errorf("a changed volume: %s", said)
		}
		if said := deploy("services:\n  api: {image: run}\n"); !strings.Contains(said, "shop_data") {
			t.Errorf("a service with a volume goes: %s", said)
		}
	})
}

// One question is bounded: Docker that takes a connection and says nothing is asked again.
func TestQuestionThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Settings.Outage = 10 * d.Settings.Call
		m.hangs = []string{"NodeList", "NodeUpdate"}
		began := time.Now()
		go func() {
			time.Sleep(d.Settings.Call / 2)
			m.mutex.Lock()
			defer m.mutex.Unlock()
			m.hangs = []string{"NodeUpdate"}
		}()
		nodes, err := d.nodes(context.Background())
		if took := time.Since(began); err != nil || len(nodes) != 1 || took > 2*d.Settings.Call {
			t.Errorf("%d nodes after %s: %v", len(nodes), took, err)
		}
		began = time.Now()
		if _, err := d.specify(context.Background(), nodes[0], nodes[0].Spec); err == nil || time.Since(began) > d.Settings.Call {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestWhatDoesNotChangeIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:1"))), Runs, 1)
		expect(t, deploys(d, specsOf(service("api", "run:2"), service("db", "run:1"))), Runs, 2)
		expect(t, deploys(d, specsOf(service("api", "run:2"), service("db", "run:1"))), Runs, 2)
		if want := map[string]int{"shop_api": 1}; !maps.Equal(m.updates, want) {
			t.Errorf("updates %v, want %v", m.updates, want)
		}
	})
}

func TestFirstDeploymentThatFailsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "crash:1"), service("db", "run:1"))), Failed, 0, "task-failed")
		if images := runningImages(m); images["shop_db"] != "run:1" {
			t.Errorf("what ran was taken away: %v", images)
		}
		result := deploys(d, specsOf(service("api", "run:1"), service("db", "run:1")))
		expect(t, result, Runs, 1)
	})
}

// A service that runs for a moment between two ends is red as soon as one that never
// runs, whether it is new or its rolling update is through.
func TestServiceThatRunsForAMomentIsRed(t *testing.T) {
	for image, code := range map[string]string{"blink:1": "task-failed", "flash:1": "task-ended"} {
		virtual(t, image, func(t *testing.T) {
			d := newDeployer(t, newMemory("manager"))
			d.Settings.Converge = time.Minute
			began := time.Now()
			expect(t, deploys(d, specsOf(service("api", image))), Failed, 0, code)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			expect(t, deploys(d, specsOf(service("api", image, failure("continue")))), PutBack, 1, code)
			if took := time.Since(began); took > d.Settings.Converge/2 {
				t.Errorf("red after %s", took)
			}
		})
	}
}

func TestProblemCarriesNodeAndLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		result := deploys(d, specsOf(service("api", "crash:1")))
		expect(t, result, Failed, 0, "task-failed")
		p := result.Problems[0]
		if p.Service != "shop_api" || p.Node != "manager" || len(p.Log) != 1 || !strings.HasPrefix(p.Log[0], "the last words of task-") {
			t.Errorf("problem %+v", p)
		}
	})
}

func TestServiceOnANodeThatIsDownIsNamedAndNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		pinned := service("db", "run:1", on("node.hostname == worker"))
		expect(t, deploys(d, specsOf(service("api", "run:1"), pinned)), Runs, 1)
		m.node(t, "worker").Status.State = swarm.NodeStateDown
		expect(t, deploys(d, specsOf(service("api", "run:2"), pinned)), Runs, 2)
		if m.updates["shop_db"] != 0 {
			t.Error("the service that waits for its node got a new spec version")
		}
	})
}

// A global service has no task where its constraints fit no node: that is as asked, and said.
func TestAGlobalServiceWithoutANodeIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, warnings := newDeployer(t, newMemory("manager", "worker")), 0
		d.Say = func(format string, args ...any) { warnings += strings.Count(format, "warning") }
		expect(t, deploys(d, specsOf(service("log", "run:1", global, on("node.labels.disk==fast")), service("api", "run:1"))), Runs, 1)
		status, err := d.Status(t.Context(), stack)
		if err != nil || warnings != 1 || status.Services[0].Reason != "" || status.Services[1].Reason == "" {
			t.Errorf("%d warnings; %+v, %v", warnings, status.Services, err)
		}
	})
}

func TestTasksThatWaitAlthoughANodeFitsAreForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		m.dropped = "run:2" // as Swarm's scheduler does after an outage
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
		if m.updates["shop_api"] < 2 {
			t.Error("nobody told Swarm to schedule it again")
		}
	})
}

func TestFileNoLongerNamesAServiceAndANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		first := specsOf(service("api", "run:1"), service("old", "run:1"))
		first.Networks = map[string]network.CreateOptions{"shop_old": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, first), Runs, 1)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 2)
		if len(m.services) != 1 || len(m.networks) != 0 {
			t.Errorf("left: %d services, %d networks", len(m.services), len(m.networks))
		}
	})
}

// Somebody who reads along can still stop what is about to be removed.
func TestWhatGoesIsNamedBeforeItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		first := specsOf(service("api", "run:1"), service("old", "run:1"), service("older", "run:1"))
		first.Networks = map[string]network.CreateOptions{"shop_past": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, first), Runs, 1)
		var said, gone []string
		d.Say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		m.before = func(method string) error {
			names := map[string][]string{"ServiceRemove": {"shop_old", "shop_older"}, "NetworkRemove": {"shop_past"}}[method]
			for _, name := range names {
				if !slices.ContainsFunc(said, func(line string) bool {
					return slices.Contains(strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ,;:", r) }), name)
				}) {
					t.Errorf("%s before %s was named; said was %q", method, name, said)
				}
			}
			gone = append(gone, names...)
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 2)
		if len(gone) != 5 {
			t.Errorf("of what goes there were asked %q", gone)
		}
	})
}

// A service that waits for its node is not started anew, whatever became of its update: it
// would not find back to the node.
func TestUpdateThatStandsStillWaitsForItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager", "worker")
		d := newDeployer(t, m)
		db := service("db", "run:1", on("node.hostname == worker"))
		expect(t, deploys(d, specsOf(service("api", "run:1"), db)), Runs, 1)
		for i := range m.services {
			if m.services[i].Spec.Name == "shop_db" {
				m.services[i].UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStatePaused}
			}
		}
		m.node(t, "worker").Status.State = swarm.NodeStateDown
		expect(t, deploys(d, specsOf(service("api", "run:2"), db)), Runs, 2)
		if n := m.updates["shop_db"]; n != 0 {
			t.Errorf("it was touched %d times", n)
		}
	})
}

// Docker says that a network is not found with the status of an internal error.
func TestNetworkThatGoesAwayMeanwhileIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		removed := false
		m.before = func(method string) error {
			if method == "ServiceCreate" && !removed {
				m.networks, removed = nil, true
			}
			if method == "ServiceCreate" && len(m.networks) == 0 {
				return errors.New("Error response from daemon: network shop_net not found")
			}
			return nil
		}
		specs := specsOf(service("api", "run:1"))
		specs.Networks = map[string]network.CreateOptions{"shop_net": {Driver: "overlay", Labels: map[string]string{labelNamespace: stack}}}
		expect(t, deploys(d, specs), Runs, 1)
		if !removed || len(m.networks) != 1 {
			t.Errorf("%d networks", len(m.networks))
		}
	})
}

func TestNetworkOptionsThatDockerWouldIgnoreAreRefused(t *testing.T) {
	subnet := func(subnets ...string) *network.IPAM {
		ipam := &network.IPAM{}
		for _, one := range subnets {
			ipam.Config = append(ipam.Config, network.IPAMConfig{Subnet: one})
		}
		return ipam
	}
	mtu := map[string]string{"com.docker.network.driver.mtu": "1400"}
	ours := map[string]string{"tier": "back"}
	for name, c := range map[string]struct {
		was, is network.CreateOptions
		runs    bool
	}{
		"the same":                      {network.CreateOptions{Driver: "overlay", Options: mtu, Labels: ours, IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{Options: mtu, Labels: ours, IPAM: subnet("10.9.0.0/24")}, true},
		"a subnet in another spelling":  {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.9.0.7/24")}, true},
		"any subnet will do":            {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{}, true},
		"the usual driver of addresses": {network.CreateOptions{}, network.CreateOptions{IPAM: &network.IPAM{Driver: "default"}}, true},
		"internal":                      {network.CreateOptions{}, network.CreateOptions{Internal: true}, false},
		"no longer internal":            {network.CreateOptions{Internal: true}, network.CreateOptions{}, false},
		"attachable":                    {network.CreateOptions{}, network.CreateOptions{Attachable: true}, false},
		"another driver":                {network.CreateOptions{}, network.CreateOptions{Driver: "macvlan"}, false},
		"a subnet":                      {network.CreateOptions{}, network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, false},
		"another subnet":                {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.8.0.0/24")}, false},
		"one more subnet":               {network.CreateOptions{IPAM: subnet("10.9.0.0/24")}, network.CreateOptions{IPAM: subnet("10.9.0.0/24", "10.8.0.0/24")}, false},
		"another driver of addresses":   {network.CreateOptions{}, network.CreateOptions{IPAM: &network.IPAM{Driver: "plugin"}}, false},
		"an option":                     {network.CreateOptions{}, network.CreateOptions{Options: mtu}, false},
		"an option without a value":     {network.CreateOptions{}, network.CreateOptions{Options: map[string]string{"encrypted": ""}}, false},
		"an option that is dropped":     {network.CreateOptions{Options: mtu}, network.CreateOptions{}, false},
		"encryption that is dropped":    {network.CreateOptions{Options: map[string]string{"encrypted": ""}}, network.CreateOptions{}, false},
		"a label":                       {network.CreateOptions{}, network.CreateOptions{Labels: ours}, false},
		"a label that is dropped":       {network.CreateOptions{Labels: ours}, network.CreateOptions{}, false},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			specs := specsOf(service("api", "run:1"))
			specs.Networks = map[string]network.CreateOptions{"shop_net": c.was}
			expect(t, deploys(d, specs), Runs, 1)
			specs.Networks = map[string]network.CreateOptions{"shop_net": c.is}
			result := deploys(d, specs)
			if c.runs != (result.Outcome == Runs) {
				t.Fatalf("%+v", result)
			}
			if !c.runs {
				expect(t, result, Refused, 0, "network")
			}
			if status, err := d.Status(t.Context(), stack); err != nil || !status.InSync {
				t.Errorf("%v: %+v", err, status.Differences)
			}
		})
	}
}

// A network that was there before the stack has no release that tolerates it.
func TestNetworkOfAFirstDeploymentThatIsThereOtherwise(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		if _, err := m.NetworkCreate(t.Context(), "shop_net", network.CreateOptions{Driver: "overlay"}); err != nil {
			t.Fatal(err)
		}
		expect(t, deploys(d, withNet(specsOf(service("api", "run:1", joined)))), Refused, 0, "network")
	})
}

// What a network does not have at all is not shown as an empty value.
func TestWordsOfWhatANetworkLacks(t *testing.T) {
	for _, options := range []network.CreateOptions{{Labels: map[string]string{"team": "a"}}, {Options: map[string]string{"team": "a"}}} {
		if got := differentOptions(network.Summary{Driver: defaultDriver}, options); !strings.Contains(got, "team") || strings.Contains(got, `""`) {
			t.Errorf("it %s", got)
		}
	}
}

// A network that somebody made again with other options is made once more as it was where
// nothing uses it. Otherwise it is said, and the services are healed all the same.
func TestNetworkThatWasChangedByHand(t *testing.T) {
	for name, c := range map[string]struct {
		used bool
		want []string // what differs afterwards
	}{
		"nothing uses it":             {false, nil},
		"a service of the stack does": {true, []string{CodeNetworkChanged}},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			specs := withNet(specsOf(service("api", "run:1", joined), service("web", "run:1", joined)))
			expect(t, deploys(d, specs), Runs, 1)
			for _, s := range slices.Clone(m.services) {
				if !c.used || s.Spec.Name == "shop_api" {
					if err := m.ServiceRemove(t.Context(), s.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			m.networks[0].Internal = true
			expect(t, d.Reconcile(t.Context(), stack), Runs, 1)
			var codes []string
			status, err := d.Status(t.Context(), stack)
			for _, difference := range status.Differences {
				codes = append(codes, difference.Code)
			}
			if err != nil || !slices.Equal(codes, c.want) || len(m.services) != 2 || len(m.networks) != 1 {
				t.Errorf("%v: differs %v, with %d services and %d networks", err, codes, len(m.services), len(m.networks))
			}
			if left := healable(status.Differences); len(left) > 0 {
				t.Errorf("the agent would try %v again and again", left)
			}
			// Whoever deploys did not change it, and one who wants it otherwise is told what to do.
			specs.Services["shop_web"] = service("web", "run:2", joined)
			expect(t, deploys(d, specs), Runs, 2)
			if c.used {
				status, err := d.Status(t.Context(), stack)
				if err != nil || len(status.Differences) != 1 || status.Differences[0].Code != CodeNetworkChanged {
					t.Errorf("%v: differs %v", err, status.Differences)
				}
				specs.Networks = map[string]network.CreateOptions{"shop_net": {Attachable: true, Labels: map[string]string{labelNamespace: stack}}}
				expect(t, deploys(d, specs), Refused, 0, "network")
			}
		})
	}
}

func TestRegistryThatIsAway(t *testing.T) {
	away := errdefs.ErrUnavailable
	for name, c := range map[string]struct {
		next    string
		answer  error
		outcome Outcome
		release int
		codes   []string
		runs    string
	}{
		"what runs keeps its digest":       {"run:1", away, Runs, 1, nil, "run:1"},
		"another image is refused":         {"run:2", away, Refused, 0, []string{"image-missing"}, "run:1"},
		"one that it does not have, too":   {"run:2", errdefs.ErrNotFound, Refused, 0, []string{"image-missing"}, "run:1"},
		"the nodes may have it themselves": {"run:2", errdefs.ErrUnauthenticated, Runs, 2, nil, "run:2"},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
			digested := m.services[0].Spec.TaskTemplate.ContainerSpec.Image
			m.registry[c.next] = c.answer
			expect(t, deploys(d, specsOf(service("api", c.next))), c.outcome, c.release, c.codes...)
			if image := m.services[0].Spec.TaskTemplate.ContainerSpec.Image; c.next == "run:1" && image != digested {
				t.Errorf("%s became %s", digested, image)
			}
			if runs := runningImages(m)["shop_api"]; runs != c.runs {
				t.Errorf("runs %s, want %s", runs, c.runs)
			}
		})
	}
}

// A new service of an image that another one runs does not take that one's digest
// away, although its name comes first.
func TestRegistryThatIsAwayWithANewServiceOfAnImageThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("web", "run:1"))), Runs, 1)
		digested := m.services[0].Spec.TaskTemplate.ContainerSpec.Image
		m.registry["run:1"] = errdefs.ErrUnavailable
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("web", "run:1"))), Runs, 2)
		for _, s := range m.services {
			if image := s.Spec.TaskTemplate.ContainerSpec.Image; image != digested {
				t.Errorf("%s runs %s, want %s", s.Spec.Name, image, digested)
			}
		}
	})
}

// A registry takes its time, so it is asked for several images at once: here it
// answers none before it was asked for both.
func TestRegistriesAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		var both sync.WaitGroup
		both.Add(2)
		m.inspect = func() { both.Done(); both.Wait() }
		expect(t, deploys(d, specsOf(service("api", "run:1"), service("db", "run:2"))), Runs, 1)
	})
}

func TestSomebodyElseChangesTheServiceMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		times := 0
		m.before = func(method string) error {
			if method == "ServiceUpdate" && times < 2 {
				times++
				m.services[0].Version = m.next()
			}
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:2"))), Runs, 2)
	})
}

func TestDockerThatIsAwayForAMomentIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Settings.Outage = time.Second
		fails := 3
		m.before = func(string) error {
			if fails--; fails >= 0 {
				return errors.New("connection refused")
			}
			return nil
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
	})
}

func TestDockerThatStaysAwayIsSaidAsThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		m.before = func(string) error { return errors.New("connection refused") }
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Failed, 0, "claim")
	})
}

func TestNewLoginReachesTheServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Auth = func(string) (string, error) { return "first", nil }
		d.Key = func() ([]byte, error) { return []byte("key"), nil }
		specs := specsOf(service("api", "run:1"))
		expect(t, deploys(d, specs), Runs, 1)
		expect(t, deploys(d, specs), Runs, 1)
		d.Auth = func(string) (string, error) { return "second", nil }
		expect(t, deploys(d, specs), Runs, 2)
		if m.updates["shop_api"] != 1 {
			t.Errorf("%d updates, want 1", m.updates["shop_api"])
		}
		// The release says which login it was only to who has the managers' key.
		h, err := d.load(t.Context(), stack)
		if err != nil || h.last().Logins["shop_api"] == "" || h.last().Logins["shop_api"] == digest([]byte("second")) {
			t.Errorf("%v, %v", h.last().Logins, err)
		}
	})
}

// TestFailedDeploymentTakesNothingAway that the file no longer names: it runs on
// until the rest runs, unless the two could not run side by side.
func TestFailedDeploymentTakesNothingAway(t *testing.T) {
	onPort := func(s *swarm.ServiceSpec) {
		s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{Protocol: "tcp", TargetPort: 80, PublishedPort: 8080}}}
	}
	for name, c := range map[string]struct {
		next    swarm.ServiceSpec
		removed bool
	}{
		"another service":         {service("web", "crash:1"), false},
		"one that takes its port": {service("web", "crash:1", onPort), true},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			expect(t, deploys(d, specsOf(service("api", "run:1", onPort))), Runs, 1)
			id := m.services[0].ID
			expect(t, deploys(d, specsOf(c.next)), PutBack, 1, "task-failed")
			if len(m.services) != 1 || m.services[0].Spec.Name != "shop_api" || runningImages(m)["shop_api"] != "run:1" {
				t.Errorf("%d services, %v run", len(m.services), runningImages(m))
			}
			if removed := m.services[0].ID != id; removed != c.removed {
				t.Errorf("removed %v, want %v", removed, c.removed)
			}
		})
	}
}

// What could not be kept as a release is refused before anything is touched.
func TestTooLargeForARelease(t *testing.T) {
	m := newMemory("manager")
	d := newDeployer(t, m)
	noise := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 500<<10 {
		fmt.Fprintf(&text, "%x", noise.Uint64())
	}
	expect(t, deploys(d, specsOf(service("api", "run", env("A="+text.String())))), Refused, 0, "too-large")
	if len(m.services) > 0 {
		t.Error("a service was made")
	}
}

// A service whose restarts are used up is restarted by the next deployment, whatever
// that changes: else nothing could be deployed beside it any more.
func TestStoppedServiceIsStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		limited := func(s *swarm.ServiceSpec) {
			one := uint64(1)
			s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, MaxAttempts: &one}
		}
		expect(t, deploys(d, specsOf(service("api", "run:1", limited), service("web", "run:1"))), Runs, 1)
		for i := range m.tasks { // long ago, and more often than that
			if strings.HasPrefix(m.tasks[i].Spec.ContainerSpec.Image, "run:1") && m.tasks[i].ServiceID == idOf(m, "shop_api") {
				for range 2 {
					m.tasks = append(m.tasks, m.tasks[i])
				}
			}
		}
		for i := range m.tasks {
			if m.tasks[i].ServiceID == idOf(m, "shop_api") {
				m.tasks[i].DesiredState, m.tasks[i].Status.State = swarm.TaskStateShutdown, swarm.TaskStateFailed
			}
		}
		expect(t, deploys(d, specsOf(service("api", "run:1", limited), service("web", "run:2"))), Runs, 2)
		if m.updates["shop_api"] != 1 {
			t.Errorf("updates %v", m.updates)
		}
	})
}

// What was to be done once, and failed for good after its release, is not done again because
// something else changes, and keeps nobody from deploying or healing. A deployment starts
// only what may be meant to last.
func TestWhatFailedForGoodIsNotDoneAgainUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		seed func(*swarm.ServiceSpec)
	}{
		"job": {seed: func(s *swarm.ServiceSpec) {
			restart(swarm.RestartPolicyConditionNone)(s)
			s.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{}}
		}},
		"one-shot": {seed: func(s *swarm.ServiceSpec) { restart(swarm.RestartPolicyConditionNone)(s); once(s) }},
	} {
		virtual(t, name, func(t *testing.T) {
			m := newMemory("manager")
			d := newDeployer(t, m)
			fail := func() {
				for i := range m.tasks {
					if m.tasks[i].ServiceID == idOf(m, "shop_seed") {
						m.tasks[i].DesiredState, m.tasks[i].Status.State, m.tasks[i].Status.Err = swarm.TaskStateShutdown, swarm.TaskStateFailed, "task: non-zero exit (1)"
					}
				}
			}
			expect(t, deploys(d, specsOf(service("seed", "end:1", c.seed), service("web", "run:1"))), Runs, 1)
			fail()
			byHand(m, "shop_web", scaled(5))
			if expect(t, d.Reconcile(t.Context(), stack), Runs, 1); replicasOf(m, "shop_web") == 5 || m.updates["shop_seed"] != 0 {
				t.Errorf("after healing: updates %v", m.updates)
			}
			if name == "one-shot" { // what a deployment does: TestStoppedServiceIsStartedAnew
				return
			}
			expect(t, deploys(d, specsOf(service("seed", "end:1", c.seed), service("web", "run:2"))), Runs, 2)
			if m.updates["shop_seed"] != 0 {
				t.Errorf("after a deployment: updates %v", m.updates)
			}
			fail()
			expect(t, deploys(d, specsOf(service("seed", "end:2", c.seed), service("web", "run:2"))), Runs, 3)
			if m.updates["shop_seed"] != 1 {
				t.Errorf("after another seed: updates %v", m.updates)
			}
		})
	}
}

func idOf(m *memory, name string) string {
	at := slices.IndexFunc(m.services, func(s swarm.Service) bool { return s.Spec.Name == name })
	return m.services[at].ID
}
