package release

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/golden"
	"averazure/internal/stackfile"
)

func aHealthcheck(command string) *container.HealthConfig {
	return &container.HealthConfig{Test: []string{"CMD", command}}
}

func TestChanges(t *testing.T) {
	service := func(change func(*swarm.ServiceSpec)) stackfile.Specs {
		return stackfile.Specs{
			Services: map[string]swarm.ServiceSpec{"aver_api": aSpec(in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/org/api:1" }), change)},
			Networks: map[string]network.CreateOptions{"aver_default": {Attachable: true}},
		}
	}
	hello := aSpec(func(s *swarm.ServiceSpec) {
		s.Name, s.TaskTemplate.ContainerSpec.Image = "aver_hello", "hello:1"
		s.TaskTemplate.ContainerSpec.Secrets[0].SecretName = "key-0123456789ab"
	})
	said := map[string]string{} // the changes in words
	for name, c := range map[string]struct {
		after stackfile.Specs
		want  []string
	}{
		"nothing":        {service(func(*swarm.ServiceSpec) {}), nil},
		"an image":       {service(in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/org/api:2" })), []string{"field service aver_api TaskTemplate.ContainerSpec.Image ghcr.io/org/api:1 -> ghcr.io/org/api:2"}},
		"replicas":       {service(func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(4)) }), []string{"field service aver_api Mode.replicas 2 -> 4"}},
		"variables":      {service(in(func(c *swarm.ContainerSpec) { c.Env = []string{"LEVEL=debug", "REDIS_HOST=redis"} })), []string{"field service aver_api TaskTemplate.ContainerSpec.Env.LEVEL  -> ", "field service aver_api TaskTemplate.ContainerSpec.Env.PASSWORD  -> ", "field service aver_api TaskTemplate.ContainerSpec.Env.REDIS_HOST  -> "}},
		"a port":         {service(func(s *swarm.ServiceSpec) { s.EndpointSpec.Ports[0].PublishedPort = 80 }), []string{"field service aver_api EndpointSpec.Ports.80/tcp  -> to 9090, ingress", "field service aver_api EndpointSpec.Ports.9090/tcp to 9090, ingress -> "}},
		"a secret":       {service(in(func(c *swarm.ContainerSpec) { c.Secrets = nil })), []string{"field service aver_api TaskTemplate.ContainerSpec.Secrets.key-1 key-1 -> "}},
		"its version":    {service(in(func(c *swarm.ContainerSpec) { c.Secrets[0].SecretName = "key-1-0123456789ab" })), nil},
		"a health check": {service(in(func(c *swarm.ContainerSpec) { c.Healthcheck = &container.HealthConfig{Interval: 5e9} })), []string{"field service aver_api TaskTemplate.ContainerSpec.Healthcheck.Interval 0s -> 5s"}},
		"a new service": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Services["aver_hello"] = hello
			return s
		}(), []string{"new service aver_hello   -> "}},
		"a service less": {stackfile.Specs{Networks: service(func(*swarm.ServiceSpec) {}).Networks}, []string{"removed service aver_api   -> "}},
		"a new network": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Networks["aver_back"] = network.CreateOptions{Labels: map[string]string{"com.docker.stack.namespace": "aver"}}
			return s
		}(), []string{"new network aver_back   -> "}},
		"network options": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Networks["aver_default"] = network.CreateOptions{Internal: true}
			return s
		}(), []string{"field network aver_default   -> "}},
	} {
		r, _ := inSync()
		var got []string
		for _, c := range Changes(r, c.after) {
			said[name] += "  " + c.Text + "\n"
			got = append(got, strings.Join([]string{c.Code, c.Kind, c.Name, c.Path, c.Before + " -> " + c.After}, " "))
		}
		t.Run(name, func(t *testing.T) {
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
	golden.Compare(t, "changes.txt", inWords(said))
	if got := Changes(nil, service(func(*swarm.ServiceSpec) {})); len(got) != 2 || got[0].Code != CodeNew || got[1].Kind != "network" {
		t.Errorf("without a release: %+v", got)
	}
}

// Docker silently keeps a volume as it was first made.
func TestChangesOfVolumes(t *testing.T) {
	with := func(target string, options *mount.VolumeOptions) stackfile.Specs {
		return specsOf(service("db", "run", func(s *swarm.ServiceSpec) {
			s.TaskTemplate.ContainerSpec.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "shop_data", Target: target, VolumeOptions: options}}
		}))
	}
	nfs := &mount.VolumeOptions{DriverConfig: &mount.Driver{Options: map[string]string{"type": "nfs"}}}
	for name, test := range map[string]struct {
		before, after stackfile.Specs
		said          bool
	}{
		"the same":       {with("/a", nfs), with("/a", nfs), false},
		"another target": {with("/a", nfs), with("/b", nfs), false},
		"nocopy":         {with("/a", nil), with("/a", &mount.VolumeOptions{NoCopy: true}), false},
		"options":        {with("/a", nil), with("/a", nfs), true},
		"labels":         {with("/a", nil), with("/a", &mount.VolumeOptions{Labels: map[string]string{"a": "b"}}), true},
		"new":            {stackfile.Specs{}, with("/a", nfs), false},
	} {
		said := slices.ContainsFunc(Changes(&Release{Specs: test.before}, test.after), func(c Change) bool {
			return c.Kind == "volume" && c.Name == "shop_data" && c.Code == CodeChanged
		})
		if said != test.said {
			t.Errorf("%s: said %t", name, said)
		}
	}
}

// Programs read from a change its code, its place, and the values that may be shown.
func TestChangesHaveCodesAndFields(t *testing.T) {
	before := specsOf(service("web", "run:1", env("LEVEL=info")), service("old", "run:1"))
	after := specsOf(service("web", "run:1", env("LEVEL=debug"), func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(3)) }), service("more", "run:1"))
	after.Networks = map[string]network.CreateOptions{"shop_back": {}}
	got := map[string]string{}
	for _, c := range Changes(&Release{Specs: before}, after) {
		got[strings.Join([]string{c.Code, c.Kind, c.Name, c.Path}, " ")] = c.Before + " -> " + c.After
	}
	want := map[string]string{
		"field service shop_web Mode.replicas":                        "2 -> 3",
		"field service shop_web TaskTemplate.ContainerSpec.Env.LEVEL": " -> ", // the values may be secret
		"new service shop_more ":                                      " -> ",
		"removed service shop_old ":                                   " -> ",
		"new network shop_back ":                                      " -> ",
	}
	if !maps.Equal(got, want) {
		t.Errorf("it says %v, want %v", got, want)
	}
}
