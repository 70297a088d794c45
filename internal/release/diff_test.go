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
	for name, c := range map[string]struct {
		after stackfile.Specs
		want  []string
	}{
		"nothing":        {service(func(*swarm.ServiceSpec) {}), nil},
		"an image":       {service(in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/org/api:2" })), []string{"service api: image ghcr.io/org/api:1 -> ghcr.io/org/api:2"}},
		"replicas":       {service(func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = ptr(uint64(4)) }), []string{"service api: replicas 2 -> 4"}},
		"variables":      {service(in(func(c *swarm.ContainerSpec) { c.Env = []string{"LEVEL=debug", "REDIS_HOST=redis"} })), []string{"service api: variable LEVEL changed", "service api: variable PASSWORD removed", "service api: variable REDIS_HOST new"}},
		"a port":         {service(func(s *swarm.ServiceSpec) { s.EndpointSpec.Ports[0].PublishedPort = 80 }), []string{"service api: port 80/tcp new (to 9090, ingress)", "service api: port 9090/tcp removed (to 9090, ingress)"}},
		"a secret":       {service(in(func(c *swarm.ContainerSpec) { c.Secrets = nil })), []string{"service api: secret key-1 removed"}},
		"its version":    {service(in(func(c *swarm.ContainerSpec) { c.Secrets[0].SecretName = "key-1-0123456789ab" })), nil},
		"a health check": {service(in(func(c *swarm.ContainerSpec) { c.Healthcheck = &container.HealthConfig{Interval: 5e9} })), []string{"service api: healthcheck interval 0s -> 5s"}},
		"a new service": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Services["aver_hello"] = hello
			return s
		}(), []string{"service hello: new (image hello:1, volume aver_data at /data, secret key, variable LEVEL, variable PASSWORD, port 9090, replicas 2)"}},
		"a service less": {stackfile.Specs{Networks: service(func(*swarm.ServiceSpec) {}).Networks}, []string{"service api: removed; its volumes stay: aver_data"}},
		"a new network": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Networks["aver_back"] = network.CreateOptions{Labels: map[string]string{"com.docker.stack.namespace": "aver"}}
			return s
		}(), []string{"network back: new"}},
		"network options": {func() stackfile.Specs {
			s := service(func(*swarm.ServiceSpec) {})
			s.Networks["aver_default"] = network.CreateOptions{Internal: true}
			return s
		}(), []string{"network aver_default: changed; Docker cannot change the options of an existing network"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := inSync()
			var got []string
			for _, change := range Changes(r, c.after) {
				got = append(got, change.Text)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
	if got := Changes(nil, service(func(*swarm.ServiceSpec) {})); len(got) != 2 || got[0].Code != CodeNew || got[1].Kind != "network" {
		t.Errorf("without a release: %+v", got)
	}
}

// Docker keeps a volume as it was first made, and says nothing.
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

// What programs read of a change: the code and where it is, and values that may be shown.
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
