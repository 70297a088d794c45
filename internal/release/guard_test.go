package release

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/recorder"
	"averazure/internal/stackfile"
)

// trustedSpecs are what `pulumi up` deployed: an api without anything special, and
// an edge that reaches out of its container and takes its rules from a writer.
func trustedSpecs() stackfile.Specs {
	edge := aSpec(func(s *swarm.ServiceSpec) {
		s.Name = "aver_edge"
		c := s.TaskTemplate.ContainerSpec
		c.Image, c.Secrets, c.CapabilityAdd = "caddy:2", nil, []string{"CAP_NET_ADMIN"}
		c.Mounts = []mount.Mount{
			{Type: mount.TypeBind, Source: "/var/run/docker.sock", Target: "/sock"},
			{Type: mount.TypeVolume, Source: "aver_etc", Target: "/etc/x", VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Options: map[string]string{"o": "bind", "device": "/etc"}}}},
			volume("aver_rules", nil),
		}
		s.TaskTemplate.Networks = []swarm.NetworkAttachmentConfig{{Target: "host"}, {Target: "aver_lan"}}
		s.EndpointSpec.Ports = []swarm.PortConfig{{TargetPort: 443, PublishedPort: 443, PublishMode: "host"}}
	})
	writer := aSpec(func(s *swarm.ServiceSpec) {
		s.Name = "aver_writer"
		s.TaskTemplate.ContainerSpec.Mounts = []mount.Mount{volume("aver_rules", nil), volume("aver_notes", nil)}
	})
	label := map[string]string{convert.LabelNamespace: "aver"}
	return stackfile.Specs{
		Services: map[string]swarm.ServiceSpec{"aver_api": aSpec(), "aver_edge": edge, "aver_writer": writer},
		Networks: map[string]network.CreateOptions{"aver_default": {Labels: label}, "aver_lan": {Driver: "macvlan", Labels: label}},
		External: []string{"host", "shared"},
	}
}

// asked are the trusted specs with one service changed, or added: guest is a new one.
func asked(service string, change func(*swarm.ServiceSpec)) stackfile.Specs {
	specs := trustedSpecs()
	spec, known := specs.Services[service]
	if !known {
		spec = aSpec(func(s *swarm.ServiceSpec) {
			s.Name = service
			s.TaskTemplate.ContainerSpec.Image, s.TaskTemplate.ContainerSpec.Mounts = "evil", nil
			s.EndpointSpec = nil
		})
	}
	change(&spec)
	specs.Services[service] = spec
	return specs
}

func in(change func(*swarm.ContainerSpec)) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { change(s.TaskTemplate.ContainerSpec) }
}

func mounts(m ...mount.Mount) func(*swarm.ServiceSpec) {
	return in(func(c *swarm.ContainerSpec) { c.Mounts = append(c.Mounts, m...) })
}

func joins(n swarm.NetworkAttachmentConfig) func(*swarm.ServiceSpec) {
	return func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks = append(s.TaskTemplate.Networks, n) }
}

func volume(source string, options *mount.VolumeOptions) mount.Mount {
	return mount.Mount{Type: mount.TypeVolume, Source: source, Target: "/v", VolumeOptions: options}
}

func driver(name string, options map[string]string) *mount.VolumeOptions {
	return &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: name, Options: options}}
}

// outOfStack are ways out of a container: what a leaked key would try in the scope
// stack, each with the field that the guard has to name. Guest is a new service,
// the others are in the trusted file.
var outOfStack = map[string]struct {
	service, field string
	change         func(*swarm.ServiceSpec)
}{
	"the node's root":         {"aver_guest", "volume /v", mounts(mount.Mount{Type: mount.TypeBind, Source: "/", Target: "/v"})},
	"Docker's socket":         {"aver_api", "volume /v", mounts(mount.Mount{Type: mount.TypeBind, Source: "/run/docker.sock", Target: "/v", ReadOnly: true})},
	"bind by leaving it out":  {"aver_guest", "volume /v", mounts(mount.Mount{Source: "/etc", Target: "/v"})},
	"bind by a driver":        {"aver_guest", "volume /v", mounts(volume("aver_x", driver("local", map[string]string{"type": "none", "o": "bind", "device": "/"})))},
	"a disk by a driver":      {"aver_guest", "volume /v", mounts(volume("aver_x", driver("", map[string]string{"type": "ext4", "device": "/dev/sda1"})))},
	"another volume driver":   {"aver_guest", "volume /v", mounts(volume("aver_x", driver("vieux/sshfs", nil)))},
	"somebody else's bind":    {"aver_guest", "volume /v", mounts(volume("aver_etc", nil))},
	"the same without saying": {"aver_api", "volume /v", mounts(volume("aver_etc", nil))},
	"bind by a template":      {"aver_guest", "volume /v", mounts(volume(`{{index .Service.Labels "x"}}`, nil))},
	"a path as volume":        {"aver_guest", "volume /v", mounts(volume("/etc", nil))},
	"another stack's volume":  {"aver_guest", "volume /v", mounts(volume("other_data", nil))},
	"an image's files":        {"aver_guest", "volume /v", mounts(mount.Mount{Type: mount.TypeImage, Source: "aver_x", Target: "/v"})},
	"a cluster volume":        {"aver_guest", "volume /v", mounts(mount.Mount{Type: mount.TypeCluster, Source: "aver_x", Target: "/v"})},
	"memory with options":     {"aver_guest", "volume /v", mounts(mount.Mount{Type: mount.TypeTmpfs, Target: "/v", TmpfsOptions: &mount.TmpfsOptions{Options: [][]string{{"exec"}}}})},
	"a capability":            {"aver_guest", "cap_add", in(func(c *swarm.ContainerSpec) { c.CapabilityAdd = []string{"CAP_SYS_ADMIN"} })},
	"no seccomp":              {"aver_guest", "security options", in(func(c *swarm.ContainerSpec) { c.Privileges.Seccomp = &swarm.SeccompOpts{Mode: "unconfined"} })},
	"no apparmor":             {"aver_api", "security options", in(func(c *swarm.ContainerSpec) { c.Privileges.AppArmor = &swarm.AppArmorOpts{Mode: "disabled"} })},
	"a credential spec":       {"aver_guest", "security options", in(func(c *swarm.ContainerSpec) { c.Privileges.CredentialSpec = &swarm.CredentialSpec{File: "x"} })},
	"a sysctl":                {"aver_guest", "sysctl", in(func(c *swarm.ContainerSpec) { c.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"} })},
	"never killed":            {"aver_guest", "oom_score_adj", in(func(c *swarm.ContainerSpec) { c.OomScoreAdj = -1000 })},
	"isolation":               {"aver_guest", "isolation", in(func(c *swarm.ContainerSpec) { c.Isolation = container.IsolationProcess })},
	"the node's network":      {"aver_guest", "network host", joins(swarm.NetworkAttachmentConfig{Target: "host"})},
	"the node's bridge":       {"aver_guest", "network docker_gwbridge", joins(swarm.NetworkAttachmentConfig{Target: "docker_gwbridge"})},
	"a network by its id":     {"aver_guest", "network 8fjq2k", joins(swarm.NetworkAttachmentConfig{Target: "8fjq2k"})},
	"somebody's macvlan":      {"aver_guest", "network aver_lan", joins(swarm.NetworkAttachmentConfig{Target: "aver_lan"})},
	"another stack's network": {"aver_guest", "network other_net", joins(swarm.NetworkAttachmentConfig{Target: "other_net"})},
	"sysctls of an interface": {"aver_guest", "network aver_default", func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Networks[0].DriverOpts = map[string]string{"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.forwarding=1"}
	}},
	"the node's port": {"aver_guest", "port 80/tcp", func(s *swarm.ServiceSpec) {
		s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{TargetPort: 80, PublishedPort: 80, PublishMode: "host"}}}
	}},
	"SSH's port": {"aver_guest", "port 22/tcp", func(s *swarm.ServiceSpec) {
		s.EndpointSpec = &swarm.EndpointSpec{Ports: []swarm.PortConfig{{TargetPort: 22, PublishedPort: 22}}}
	}},
	"a plugin":           {"aver_guest", "plugin", func(s *swarm.ServiceSpec) { s.TaskTemplate.PluginSpec = &swarm.RuntimeSpec{Remote: "evil/plugin"} }},
	"the plugin runtime": {"aver_guest", "runtime", func(s *swarm.ServiceSpec) { s.TaskTemplate.Runtime = swarm.RuntimePlugin }},
	"a device": {"aver_guest", "generic_resources", func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Resources = &swarm.ResourceRequirements{Reservations: &swarm.Resources{GenericResources: []swarm.GenericResource{{NamedResourceSpec: &swarm.NamedGenericResource{Kind: "GPU", Value: "0"}}}}}
	}},
	"logs sent away": {"aver_api", "logging driver", func(s *swarm.ServiceSpec) {
		s.TaskTemplate.LogDriver = &swarm.Driver{Name: "gelf", Options: map[string]string{"gelf-address": "udp://192.0.2.1:1"}}
	}},
	"a file of the node as log option": {"aver_guest", "logging option splunk-capath", func(s *swarm.ServiceSpec) {
		s.TaskTemplate.LogDriver = &swarm.Driver{Name: "local", Options: map[string]string{"splunk-capath": "/etc/shadow"}}
	}},
	"stackctl's own record": {"aver_guest", "config other-release-1", in(func(c *swarm.ContainerSpec) {
		c.Configs = []*swarm.ConfigReference{{ConfigName: "other-release-1", File: &swarm.ConfigReferenceFileTarget{Name: "x"}}}
	})},
	"another stack's last attempt": {"aver_guest", "config other-attempt-0123456789ab", in(func(c *swarm.ContainerSpec) {
		c.Configs = []*swarm.ConfigReference{{ConfigName: "other-attempt-0123456789ab", File: &swarm.ConfigReferenceFileTarget{Name: "x"}}}
	})},
	"another stack's variables": {"aver_guest", "config other-trusted-variables-0123456789ab", in(func(c *swarm.ContainerSpec) {
		c.Configs = []*swarm.ConfigReference{{ConfigName: "other-trusted-variables-0123456789ab", File: &swarm.ConfigReferenceFileTarget{Name: "x"}}}
	})},
	"the program's record": {"aver_guest", "config averazure-secrets-1", in(func(c *swarm.ContainerSpec) {
		c.Configs = []*swarm.ConfigReference{{ConfigName: "averazure-secrets-1", File: &swarm.ConfigReferenceFileTarget{Name: "x"}}}
	})},
	"a secret above its place":     {"aver_api", "secret key-1", in(func(c *swarm.ContainerSpec) { c.Secrets[0].File.Name = "../../x" })},
	"another stack's label":        {"aver_guest", "label " + convert.LabelNamespace, func(s *swarm.ServiceSpec) { s.Labels = map[string]string{convert.LabelNamespace: "other"} }},
	"another stack's service":      {"other_api", "name", func(*swarm.ServiceSpec) {}},
	"a name that is not the key's": {"aver_guest", "name", func(s *swarm.ServiceSpec) { s.Name = "aver_edge" }},
	"no container":                 {"aver_guest", "image", func(s *swarm.ServiceSpec) { s.TaskTemplate.ContainerSpec = nil }},

	// Who holds the node already may not be told what else to run.
	"other code beside the socket":      {"aver_edge", "image", in(func(c *swarm.ContainerSpec) { c.Image = "evil" })},
	"another command beside the socket": {"aver_edge", "command", in(func(c *swarm.ContainerSpec) { c.Args = []string{"evil"} })},
	"a variable beside the socket":      {"aver_edge", "variable", in(func(c *swarm.ContainerSpec) { c.Env = []string{"LD_PRELOAD=/v/evil.so"} })},
	"a volume over its program":         {"aver_edge", "volume", mounts(volume("aver_data", nil))},
	"what it reads":                     {"aver_guest", "volume /v", mounts(volume("aver_rules", nil))},
	"what its writer reads":             {"aver_api", "volume /v", mounts(volume("aver_notes", nil))},
	"other code in its writer":          {"aver_writer", "command", in(func(c *swarm.ContainerSpec) { c.Args = []string{"evil"} })},
	"writable where it was not":         {"aver_edge", "volume", in(func(c *swarm.ContainerSpec) { c.Mounts[1].Target = "/usr/bin" })},
}

func TestGuardOfTheScopeStack(t *testing.T) {
	for name, c := range outOfStack {
		t.Run(name, func(t *testing.T) {
			problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, asked(c.service, c.change))
			found := slices.ContainsFunc(problems, func(p Problem) bool {
				return p.Code == CodeDeployKey && p.Service == c.service && (p.Field == c.field || strings.HasPrefix(p.Field, c.field+" "))
			})
			if !found {
				t.Errorf("let through, or not named %s: %+v", c.field, problems)
			}
			for _, p := range problems {
				if !strings.Contains(p.Reason, "`pulumi up`") || strings.Contains(p.Reason, "averazure:deployScope") {
					t.Errorf("the way out is wrong: %s", p.Reason)
				}
			}
			if len(Guard(ScopeImages, announced{Specs: trustedSpecs()}, asked(c.service, c.change))) == 0 {
				t.Error("the scope images lets it through")
			}
		})
	}
}

// What stack-repo is for: none of these may be refused in the scope stack. In the
// scope images all are, and the error names the setting.
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

// What both scopes let through, also beside a way out of the container.
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

// outOfImages are what the scope images must refuse, beside all of the above.
func TestGuardOfTheScopeImages(t *testing.T) {
	for name, c := range map[string]struct {
		field  string
		change func(*swarm.ServiceSpec)
	}{
		"another repository":          {"image", in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/evil/api:1" })},
		"another registry":            {"image", in(func(c *swarm.ContainerSpec) { c.Image = "evil.example/org/api:1" })},
		"a repository that begins so": {"image", in(func(c *swarm.ContainerSpec) { c.Image = "ghcr.io/org/api-evil:1" })},
		"another service's image":     {"image", in(func(c *swarm.ContainerSpec) { c.Image = "caddy:2" })},
		"an image by its id":          {"image", in(func(c *swarm.ContainerSpec) { c.Image = strings.Repeat("ab", 32) })},
		"not an image":                {"image", in(func(c *swarm.ContainerSpec) { c.Image = "" })},
		"an entrypoint":               {"entrypoint", in(func(c *swarm.ContainerSpec) { c.Command = []string{"sh"} })},
		"a value":                     {"variable", in(func(c *swarm.ContainerSpec) { c.Env[0] = "LEVEL=debug" })},
		"a secret less":               {"secret", in(func(c *swarm.ContainerSpec) { c.Secrets = nil })},
		"another secret":              {"secret", in(func(c *swarm.ContainerSpec) { c.Secrets[0].SecretName = "other" })},
		"a health check":              {"healthcheck test", in(func(c *swarm.ContainerSpec) { c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "x"}} })},
		"root":                        {"user", in(func(c *swarm.ContainerSpec) { c.User = "root" })},
		"an alias":                    {"network", func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks[0].Aliases = []string{"db"} }},
		"another mode":                {"mode", func(s *swarm.ServiceSpec) { s.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}} }},
		"a port":                      {"port", func(s *swarm.ServiceSpec) { s.EndpointSpec = nil }},
		"another node":                {"placement constraints", func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement.Constraints = []string{"node.role==manager"} }},
		"a limit":                     {"limits.memory (bytes)", func(s *swarm.ServiceSpec) { s.TaskTemplate.Resources.Limits = &swarm.Limit{MemoryBytes: 1} }},
		"another kind of backup":      {"label averazure.backup", func(s *swarm.ServiceSpec) { s.Labels["averazure.backup"] = "live" }},
		"Docker's label":              {"label com.docker.x", func(s *swarm.ServiceSpec) { s.Labels["com.docker.x"] = "y" }},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Guard(ScopeImages, announced{Specs: trustedSpecs()}, asked("aver_api", c.change))
			if len(problems) != 1 || problems[0].Field != c.field || problems[0].Service != "aver_api" {
				t.Errorf("want %s alone: %+v", c.field, problems)
			}
		})
	}
}

// Without its label a service's volumes are backed up no more.
func TestGuardKeepsBackups(t *testing.T) {
	trusted, less := trustedSpecs(), trustedSpecs()
	trusted.Services["aver_api"].Labels["averazure.backup"] = "true"
	for scope, refused := range map[string]int{ScopeStack: 0, ScopeImages: 1} {
		if problems := Guard(scope, announced{Specs: trusted}, less); len(problems) != refused {
			t.Errorf("%s: %+v", scope, problems)
		}
	}
}

// A volume stays on the nodes as it was made, whatever a later trusted file says of it.
func TestGuardRemembersVolumesThatReachOut(t *testing.T) {
	virtual(t, "", func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		file := func(mounted, volume string) *stackfile.File {
			text := "services: {api: {image: run%s}}\nvolumes: {etc: %s}\n"
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: fmt.Sprintf(text, mounted, volume)}}})
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
		const mounted, bind, plain = ", volumes: ['etc:/x']", "{driver_opts: {type: none, o: bind, device: /etc}}", "{}"
		trust := func(file *stackfile.File) { expect(t, d.Trust(t.Context(), stack, Order{File: file}), Runs, 0) }
		push := Order{File: file(mounted, plain), From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}
		trust(file(mounted, bind))
		for range 2 { // the second file is read from the first one's record
			trust(file("", plain))
		}
		expect(t, d.Deploy(t.Context(), stack, push), Refused, 0, CodeDeployKey)
		trust(file(mounted, plain))
		expect(t, d.Deploy(t.Context(), stack, push), Runs, 1)
		push.File = file(", command: evil"+mounted, plain)
		expect(t, d.Deploy(t.Context(), stack, push), Refused, 0, CodeDeployKey)
	})
}

func TestGuardOnNetworks(t *testing.T) {
	label := map[string]string{convert.LabelNamespace: "aver"}
	for name, options := range map[string]network.CreateOptions{
		"another driver":    {Driver: "macvlan", Labels: label},
		"its parent":        {Driver: "overlay", Options: map[string]string{"parent": "eth0"}, Labels: label},
		"another's vxlan":   {Options: map[string]string{"com.docker.network.driver.overlay.vxlanid_list": "4097"}, Labels: label},
		"the mesh":          {Ingress: true, Labels: label},
		"made of another":   {ConfigFrom: &network.ConfigReference{Network: "x"}, Labels: label},
		"another scope":     {Scope: "local", Labels: label},
		"an address driver": {IPAM: &network.IPAM{Driver: "evil"}, Labels: label},
		"no label":          {},
	} {
		specs := trustedSpecs()
		specs.Networks["aver_x"] = options
		if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs); len(problems) != 1 || problems[0].Field != "network aver_x" {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	specs := trustedSpecs()
	specs.Networks["other_net"] = network.CreateOptions{Labels: label}
	if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs); len(problems) != 1 {
		t.Errorf("another stack's network: %+v", problems)
	}
	// A default network that is special is joined by saying nothing.
	if problems := Guard(ScopeStack, announced{Specs: trustedSpecs()}, asked("aver_guest", func(s *swarm.ServiceSpec) { s.TaskTemplate.Networks[0].Target = "host" })); len(problems) != 1 {
		t.Errorf("the default network: %+v", problems)
	}
}

// An unknown scope, such as of a misspelt setting, lets nothing through.
func TestUnknownScope(t *testing.T) {
	for _, scope := range []string{"", "all", "Stack"} {
		if problems := Guard(scope, announced{Specs: trustedSpecs()}, trustedSpecs()); len(problems) != 1 || problems[0].Field != "scope" {
			t.Errorf("scope %q: %+v", scope, problems)
		}
	}
}

// What a stranger's file costs grows with its size and no faster, and what is said
// of it is bounded.
func TestGuardOnALargeFile(t *testing.T) {
	specs := asked("aver_guest", func(s *swarm.ServiceSpec) {
		s.EndpointSpec = &swarm.EndpointSpec{}
		for port := range uint32(60000) {
			s.EndpointSpec.Ports = append(s.EndpointSpec.Ports, swarm.PortConfig{TargetPort: port, PublishedPort: port, PublishMode: "host"})
		}
	})
	guest := asked("aver_x", func(*swarm.ServiceSpec) {}).Services["aver_x"]
	for i := range 300 {
		guest.Name = fmt.Sprintf("aver_x%d", i)
		specs.Services[guest.Name] = guest
	}
	for _, scope := range []string{ScopeStack, ScopeImages} {
		began := time.Now()
		problems := Guard(scope, announced{Specs: trustedSpecs()}, specs)
		if len(problems) != problemLimit+1 || problems[problemLimit].Field != "" {
			t.Errorf("%s: %d problems", scope, len(problems))
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %s", scope, took)
		}
	}
}

// A new part of Docker's types has to be looked at by somebody: the guard refuses
// what it does not know, but what lies within a part that is free, it lets through.
func TestEveryFieldOfDockersTypesIsKnown(t *testing.T) {
	var all []string
	var walk func(t reflect.Type, path string, deep int)
	walk = func(kind reflect.Type, path string, deep int) {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice || kind.Kind() == reflect.Array {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct || kind.NumField() == 0 || deep > 20 {
			all = append(all, path+" "+kind.String())
			return
		}
		for i := range kind.NumField() {
			if !kind.Field(i).IsExported() {
				t.Errorf("%s.%s is not exported: it cannot be copied", path, kind.Field(i).Name)
			}
			walk(kind.Field(i).Type, below(path, kind.Field(i)), deep+1)
		}
	}
	walk(reflect.TypeFor[swarm.ServiceSpec](), "", 0)
	walk(reflect.TypeFor[stackfile.Specs](), "Specs", 0)
	walk(reflect.TypeFor[network.CreateOptions](), "Network", 0)
	recorder.Golden(t, "fields.txt", strings.Join(all, "\n")+"\n")

	eachField(reflect.Zero(reflect.TypeFor[swarm.ServiceSpec]()), "", func(path string, _ reflect.Value) {
		if _, known := fields[path]; !known {
			t.Errorf("%s is not in the table of fields", path)
		}
	})
	for path := range fields {
		if _, there := fieldsOf(swarm.ServiceSpec{})[path]; !there {
			t.Errorf("%s is in the table of fields and not in Docker's types", path)
		}
	}
}

// FuzzGuard: whatever the two files are, nothing panics, and what the scope images
// lets through differs from the trusted file in tags, replicas and labels alone.
func FuzzGuard(f *testing.F) {
	add := func(specs stackfile.Specs) {
		data, err := json.Marshal(specs)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	add(trustedSpecs())
	for _, c := range outOfStack {
		add(asked(c.service, c.change))
	}
	add(asked("aver_api", func(s *swarm.ServiceSpec) {
		s.Labels["a"], s.TaskTemplate.ContainerSpec.Image = "b", "ghcr.io/org/api:2"
		s.Mode.Replicated.Replicas = ptr(uint64(7))
	}))
	f.Add([]byte(`{"services":{"aver_api":{"TaskTemplate":{"ContainerSpec":{"Secrets":[null],"Configs":[null],"Ulimits":[null]}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var specs stackfile.Specs
		if json.Unmarshal(data, &specs) != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Guard(ScopeStack, announced{Specs: specs}, trustedSpecs())
		Guard(ScopeStack, announced{Specs: trustedSpecs()}, specs)
		Changes(&Release{Specs: trustedSpecs()}, specs)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > hostileBytes {
			t.Errorf("%d bytes took %d MiB", len(data), took>>20)
		}
		if len(Guard(ScopeImages, announced{Specs: trustedSpecs()}, specs)) > 0 {
			return
		}
		if got, want := withoutImages(t, specs), withoutImages(t, trustedSpecs()); !reflect.DeepEqual(got, want) {
			t.Errorf("let through:\n%s\ntrusted:\n%s", canonical(got), canonical(want))
		}
	})
}

// withoutImages is what the scope images may not change.
func withoutImages(t *testing.T, specs stackfile.Specs) map[string]swarm.ServiceSpec {
	left := map[string]swarm.ServiceSpec{}
	for name, spec := range specs.Services {
		spec = unversioned(spec)
		spec.Labels, spec.TaskTemplate.ContainerSpec.Labels = nil, nil
		spec.TaskTemplate.ContainerSpec.Image = repository(spec.TaskTemplate.ContainerSpec.Image)
		if spec.Mode.Replicated != nil {
			spec.Mode.Replicated.Replicas = nil
		}
		left[name] = spec
	}
	return left
}
