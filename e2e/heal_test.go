package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/release"
)

// healTime is the time within which the agent begins to put a change back.
const healTime = 5 * time.Second

// update changes a service as somebody would by hand.
func (s *smallStack) update(t *testing.T, name string, change func(*swarm.ServiceSpec)) {
	t.Helper()
	service := s.service(t, name)
	change(&service.Spec)
	if _, err := s.docker.ServiceUpdate(t.Context(), service.ID, service.Version, service.Spec, swarm.ServiceUpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// specs is what Docker stores for the stack: its services, networks and configs, by name.
func (s *smallStack) specs(t *testing.T) string {
	t.Helper()
	services, err := s.docker.ServiceList(t.Context(), swarm.ServiceListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for _, service := range services {
		if !strings.HasPrefix(service.Spec.Name, s.name+"_") {
			continue
		}
		service.Spec.TaskTemplate.ForceUpdate = 0
		for i := range service.Spec.TaskTemplate.Networks {
			service.Spec.TaskTemplate.Networks[i].Target = "" // an id
		}
		for _, ref := range service.Spec.TaskTemplate.ContainerSpec.Configs {
			ref.ConfigID = ""
		}
		found[service.Spec.Name] = service.Spec
	}
	networks, err := s.docker.NetworkList(t.Context(), network.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		if strings.HasPrefix(n.Name, s.name+"_") {
			found["network "+n.Name] = []bool{n.Internal, n.Attachable}
		}
	}
	configs, err := s.docker.ConfigList(t.Context(), swarm.ConfigListOptions{Filters: filters.NewArgs(filters.Arg("label", "com.docker.stack.namespace="+s.name))})
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range configs {
		found["config "+config.Spec.Name] = config.Spec
	}
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAgentPutsBackWhatSomebodyChanged tries each kind of change on a separate stack: the
// change is undone at once, and everything else stays untouched.
func TestAgentPutsBackWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent") // forgets what it healed in an earlier run
	ctx := context.Background()
	for name, change := range map[string]func(*testing.T, *smallStack){
		"scaled": func(t *testing.T, s *smallStack) {
			s.update(t, "web", func(spec *swarm.ServiceSpec) { *spec.Mode.Replicated.Replicas = 3 })
		},
		"environment": func(t *testing.T, s *smallStack) {
			s.update(t, "web", func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Env = []string{"LEVEL=debug"} })
		},
		"image": func(t *testing.T, s *smallStack) {
			s.update(t, "web", func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Image = "example.invalid/other:1" })
		},
		"removed": func(t *testing.T, s *smallStack) { s.remove(t, "web") },
		"network": func(t *testing.T, s *smallStack) {
			s.ask(t, "", "pause", s.name, "10m", "--why", "the network cannot go before its service")
			s.remove(t, "web")
			eventually(t, 20*time.Second, "removal of the network", func() (bool, string) {
				err := s.docker.NetworkRemove(ctx, s.name+"_back")
				for _, listed := range networkNames(t, s.docker) { // the node's own copy is removed last
					if listed == s.name+"_back" {
						return false, fmt.Sprint(err)
					}
				}
				return true, ""
			})
			s.ask(t, "", "resume", s.name)
		},
		"config": func(t *testing.T, s *smallStack) {
			s.ask(t, "", "pause", s.name, "10m", "--why", "the config cannot go before its service lets it")
			used := s.service(t, "web").Spec.TaskTemplate.ContainerSpec.Configs
			s.update(t, "web", func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Configs = nil })
			if err := s.docker.ConfigRemove(ctx, used[0].ConfigID); err != nil {
				t.Fatal(err)
			}
			s.ask(t, "", "resume", s.name)
		},
		"added": func(t *testing.T, s *smallStack) {
			spec := s.service(t, "web").Spec
			spec.Name = s.name + "_more"
			if _, err := s.docker.ServiceCreate(ctx, spec, swarm.ServiceCreateOptions{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, "heal"+name)
			web := small{name: "web", more: []string{"networks: [back]", "configs: [{source: page, target: /page}]"}}
			folder := "/root/e2e-heal" + name
			site{
				"stack.yml": fileOf(web, small{name: "beside"}) + "networks: {back: {}}\nconfigs: {page: {file: page}}\n",
				"page":      "what is served",
			}.onManager(t, folder)
			s.expect(t, s.ask(t, "", "deploy", s.name, folder), release.Runs, 1)
			released, beside := s.specs(t), s.service(t, "beside").Version
			change(t, s)
			changed := time.Now()
			eventually(t, healTime, "putting back", func() (bool, string) { now := s.specs(t); return now == released, now })
			t.Logf("put back after %.1f s", time.Since(changed).Seconds())
			eventually(t, time.Minute, "all running", func() (bool, string) {
				status := s.status(t)
				return status.InSync && status.Healthy && status.Deploying == nil && len(status.Releases) == 1, fmt.Sprintf("%+v", status)
			})
			if s.service(t, "beside").Version != beside {
				t.Error("a service that nobody changed was touched")
			}
		})
	}
	t.Run("paused", func(t *testing.T) { t.Parallel(); mustLeaveAlone(t) })
	t.Run("login", func(t *testing.T) { t.Parallel(); mustKeepTheLogin(t) })
}

func (s *smallStack) remove(t *testing.T, name string) {
	t.Helper()
	if err := s.docker.ServiceRemove(t.Context(), s.name+"_"+name); err != nil {
		t.Fatal(err)
	}
}

// mustLeaveAlone pauses a stack, checks that the agent does not touch it, and resumes it.
func mustLeaveAlone(t *testing.T) {
	s := newStack(t, "healpaused")
	s.deploy(t, fileOf(small{name: "web"}), release.Runs, 1)
	p := follow(t, "Try something by hand", 0, "pause aver", "pause "+s.name, "resume aver", "resume "+s.name)
	p.next(first)
	s.update(t, "web", func(spec *swarm.ServiceSpec) { *spec.Mode.Replicated.Replicas = 3 })
	// An explicit `reconcile` reports the pause, too.
	s.expect(t, s.ask(t, "", "reconcile", s.name), release.Busy, 1, "paused")
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		if *s.service(t, "web").Spec.Mode.Replicated.Replicas != 3 {
			t.Fatal("a paused stack was put back")
		}
	}
	status := s.status(t)
	if status.Paused == nil || status.Paused.Why != "trying another limit" || status.InSync || len(status.Differences) != 1 || status.Differences[0].Code != release.CodeField {
		t.Errorf("status %+v", status)
	}
	p.on(first)
	eventually(t, healTime, "putting back", func() (bool, string) { return *s.service(t, "web").Spec.Mode.Replicated.Replicas == 1, "" })
}

// mustKeepTheLogin makes the agent put back a service whose node does not have its image:
// the agent creates the service with the registry login.
func mustKeepTheLogin(t *testing.T) {
	const node = "aver-worker-1"
	s := newStack(t, "heallogin")
	ref := box.outputs(t).ImageDigest
	file := "services:\n  web:\n    image: " + ref + "\n    deploy: {placement: {constraints: [node.hostname == " + node + "]}}\n"
	s.deploy(t, file, release.Runs, 1)
	s.ask(t, "", "pause", s.name, "10m", "--why", "its image goes")
	s.remove(t, "web")
	box.exec(t, node, "docker", "image", "rm", "--force", ref)
	s.ask(t, "", "resume", s.name)
	eventually(t, time.Minute, "all running", func() (bool, string) {
		status := s.status(t)
		return status.InSync && status.Healthy && len(s.running(t, "web")) == 1, fmt.Sprintf("%+v", status)
	})
	if found := box.exec(t, node, "docker", "image", "inspect", "--format", "{{.RepoDigests}}", ref); !strings.Contains(found, ref) {
		t.Errorf("%s was not pulled: %s", ref, found)
	}
}
