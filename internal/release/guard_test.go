package release

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

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

// asked are the trusted specs with one service changed or added; the new service is called
// guest.
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

// outOfStack are ways out of a container: attempts of a leaked key in the scope stack, each
// with the field that the guard has to name. Guest is a new service; the others are in the
// trusted file.
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

	// A service that already controls the node may not get other code to run.
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

// Without its label, a service's volumes are no longer backed up.
func TestGuardKeepsBackups(t *testing.T) {
	trusted, less := trustedSpecs(), trustedSpecs()
	trusted.Services["aver_api"].Labels["averazure.backup"] = "true"
	for scope, refused := range map[string]int{ScopeStack: 0, ScopeImages: 1} {
		if problems := Guard(scope, announced{Specs: trusted}, less); len(problems) != refused {
			t.Errorf("%s: %+v", scope, problems)
		}
	}
}

// An unknown scope, for example from a misspelt setting, allows nothing.
func TestUnknownScope(t *testing.T) {
	for _, scope := range []string{"", "all", "Stack"} {
		if problems := Guard(scope, announced{Specs: trustedSpecs()}, trustedSpecs()); len(problems) != 1 || problems[0].Field != "scope" {
			t.Errorf("scope %q: %+v", scope, problems)
		}
	}
}

// The cost of a stranger's file grows no faster than its size, and the number of reported
// problems is limited.
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
