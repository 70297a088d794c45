package release

import (
	"strings"
	"testing"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// The normal work of stack-repo: none of these changes may be refused in the scope stack.
// In the scope images all are refused, and the error names the setting.
func TestStackRepoMayDoItsWork(t *testing.T) {
	nothing := func(*swarm.ServiceSpec) {}
	for name, specs := range map[string]stackfile.Specs{
		"a new variable":              asked("aver_api", in(func(c *swarm.ContainerSpec) { c.Env = append(c.Env, "REDIS_HOST=redis") })),
		"a new service with a secret": asked("aver_worker", nothing),
		"a longer health check": asked("aver_api", in(func(c *swarm.ContainerSpec) {
			c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "x"}, Interval: 9}
		})),
		"a new volume": asked("aver_api", mounts(volume("aver_cache", &mount.VolumeOptions{NoCopy: true, Labels: map[string]string{"a": "b"}}))),
		"memory":       asked("aver_api", mounts(mount.Mount{Type: mount.TypeTmpfs, Target: "/tmp", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1}})),
		"another command": asked("aver_api", in(func(c *swarm.ContainerSpec) {
			c.Args = []string{"serve"}
			c.User = "1000"
			c.Hosts = []string{"192.0.2.1 x"}
		})),
		"another repository": asked("aver_api", in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/org/other:1" })),
		"a secret at a path": asked("aver_api", in(func(c *swarm.ContainerSpec) { c.Secrets[0].File.Name = "/etc/app/key.pem" })),
		"a config": asked("aver_api", in(func(c *swarm.ContainerSpec) {
			c.Configs = []*swarm.ConfigReference{{ConfigName: "aver_conf", File: &swarm.ConfigReferenceFileTarget{Name: "/c"}}}
		})),
		"a published port": asked("aver_worker", func(s *swarm.ServiceSpec) {
			s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{TargetPort: 80, PublishedPort: 80}}}
		}),
		"a shared network": asked("aver_api", joins(swarm.NetworkAttachmentConfig{Target: "shared", Aliases: []string{"api"}})),
		"placement, policies, limits": asked("aver_api", func(s *swarm.ServiceSpec) {
			s.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{"node.role==worker"}}
			s.UpdateConfig = &swarm.UpdateConfig{Order: "start-first"}
			s.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: "none"}
			s.TaskTemplate.Resources = &swarm.ResourceRequirements{Limits: &swarm.Limit{MemoryBytes: 1}}
		}),
		"global": asked("aver_api", func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} }),
		"log size": asked("aver_api", func(s *swarm.ServiceSpec) {
			s.TaskTemplate.LogDriver = &swarm.Driver{Name: "json-file", Options: map[string]string{"max-size": "1m"}}
		}),
		"less rights":    asked("aver_edge", func(s *swarm.ServiceSpec) { *s = aSpec(); s.Name = "aver_edge" }),
		"a service less": func() stackfile.Specs { s := trustedSpecs(); delete(s.Services, "aver_api"); return s }(),
		"a network of its own": func() stackfile.Specs {
			s := trustedSpecs()
			s.Networks["aver_back"] = network.CreateOptions{Driver: "overlay", Internal: true, Attachable: true, Labels: map[string]string{convert.LabelNamespace: "aver"}, Options: map[string]string{"encrypted": ""}, IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "10.9.0.0/24"}}}}
			return s
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs); len(problems) > 0 {
				t.Errorf("refused: %+v", problems)
			}
			problems := Guard(ScopeImages, announced{Specs: trustedSpecs()}, specs)
			if len(problems) == 0 {
				t.Fatal("the scope images lets it through")
			}
			for _, p := range problems {
				if !strings.Contains(p.Reason, "averazure:deployScope") {
					t.Errorf("the setting is not named: %s", p.Reason)
				}
			}
		})
	}
}

// Both scopes allow these changes, even in a service that also has a way out of its
// container.
func TestImagesReplicasAndLabelsAreFree(t *testing.T) {
	for _, service := range []string{"aver_api", "aver_edge"} {
		for name, change := range map[string]func(*swarm.ServiceSpec){
			"nothing":         func(*swarm.ServiceSpec) {},
			"tag":             in(func(c *swarm.ContainerSpec) { c.Image = repository(c.Image) + ":2" }),
			"digest":          in(func(c *swarm.ContainerSpec) { c.Image = repository(c.Image) + "@sha256:" + strings.Repeat("ab", 32) }),
			"replicas":        func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(9)) },
			"label":           func(s *swarm.ServiceSpec) { s.Labels["a"] = "b" },
			"container label": in(func(c *swarm.ContainerSpec) { c.Labels["a"] = "b" }),
			"a secret's version": in(func(c *swarm.ContainerSpec) {
				for _, s := range c.Secrets {
					s.SecretName += "-0123456789ab"
				}
			}),
		} {
			for _, scope := range []string{ScopeStack, ScopeImages} {
				if problems := Guard(scope, announced{Specs: trustedSpecs()}, asked(service, change)); len(problems) > 0 {
					t.Errorf("%s of %s in the scope %s: %+v", name, service, scope, problems)
				}
			}
		}
	}
}
