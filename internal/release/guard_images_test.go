package release

import (
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// The scope images must refuse these changes, in addition to all of the above.
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

// FuzzGuard: whatever the two files are, nothing panics. Whatever the scope images lets
// through differs from the trusted file only in tags, replicas and labels.
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

// withoutImages are the parts that the scope images may not change.
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
