package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

// newDeployer works on a Swarm in memory; its messages go to the test's log.
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

// joined puts a service into the network shop_net, which the specs then have to name.
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

func idOf(m *memory, name string) string {
	at := slices.IndexFunc(m.services, func(s swarm.Service) bool { return s.Spec.Name == name })
	return m.services[at].ID
}
