package cluster

import (
	"strings"
	"testing"
	"time"

	"averazure/internal/release"

	"averazure/internal/names"
)

func TestDefaultsAreValid(t *testing.T) {
	if problems := Defaults().Validate(); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestEveryKeyIsCheckedAndNamed(t *testing.T) {
	for _, test := range []struct {
		key   string
		spoil func(*Config)
	}{
		{"registryMirrors[1]", func(c *Config) { c.RegistryMirrors = []string{"https://fine.example", "bare.example"} }},
		{"registryMirrors[0]", func(c *Config) { c.RegistryMirrors = []string{"https://mirror.example/path"} }},
		{"registryMirrors[0]", func(c *Config) { c.RegistryMirrors = []string{"https://user:pass@mirror.example"} }},
		{"swarmPool", func(c *Config) { c.SwarmPool = "everything" }},
		{"swarmPool", func(c *Config) { c.SwarmPool = "10.254.1.0/16" }},
		{"swarmPool", func(c *Config) { c.SwarmPool = "10.254.0.0/24" }},
		{"swarmPool", func(c *Config) { c.SwarmPool = "fd00::/16" }},
		{"deployUser", func(c *Config) { c.DeployUser = "root" }},
		{"deployUser", func(c *Config) { c.DeployUser = "operator" }}, // a group
		{"deployUser", func(c *Config) { c.DeployUser = "x;reboot" }},
		{"deployScope", func(c *Config) { c.DeployScope = "everything" }},
		{"deployTimeout", func(c *Config) { c.DeployTimeout = "10 minutes" }},
		{"deployTimeout", func(c *Config) { c.DeployTimeout = "7h" }},
		{"deployPatience", func(c *Config) { c.DeployPatience = "-1m" }},
		{"maintenanceWindow", func(c *Config) { c.MaintenanceWindow = "Sundays" }},
		{"logMaxSize", func(c *Config) { c.LogMaxSize = "10 MB" }},
		{"logMaxFiles", func(c *Config) { c.LogMaxFiles = 0 }},
	} {
		c := Defaults()
		test.spoil(&c)
		problems := c.Validate()
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "averazure:"+test.key+": ") {
			t.Errorf("%s: %v", test.key, problems)
		}
	}
}

func TestBoundsAreThoseOfTheConfiguration(t *testing.T) {
	if Defaults().Bounds() != release.Defaults() {
		t.Errorf("the defaults are %v here and %v there", Defaults().Bounds(), release.Defaults())
	}
	c := Defaults()
	c.DeployTimeout, c.DeployPatience = "1h30m", "90s"
	if b := c.Bounds(); b.Converge != 90*time.Minute || b.Patience != 90*time.Second {
		t.Errorf("bounds %v", b)
	}
}

func TestPoolMustNotOverlapTheNodes(t *testing.T) {
	c := Defaults()
	if err := c.Collides("10.20.0.0/16"); err != nil {
		t.Error(err)
	}
	if err := c.Collides("10.0.0.0/8"); err == nil || !strings.Contains(err.Error(), "averazure:swarmPool") {
		t.Errorf("10.0.0.0/8: %v", err)
	}
}

func TestDaemonConfiguration(t *testing.T) {
	want := "{\n  \"log-driver\": \"json-file\",\n  \"log-opts\": {\n    \"max-file\": \"3\",\n    \"max-size\": \"10m\"\n  },\n  \"registry-mirrors\": []\n}"
	if got := Defaults().daemonJSON(); got != want {
		t.Errorf("got %s", got)
	}
}

func TestVersionedNames(t *testing.T) {
	name := version("key", "token", "value")
	if len(name) != len("token-")+12 || !strings.HasPrefix(name, "token-") {
		t.Fatalf("name %q", name)
	}
	for what, other := range map[string]string{
		"value": version("key", "token", "other"), "key": version("other", "token", "value"),
		"name": "token" + strings.TrimPrefix(version("key", "Token", "value"), "Token"),
	} {
		if other == name {
			t.Errorf("another %s gives the same name", what)
		}
	}
	if again := version("key", "token", "value"); again != name {
		t.Error("the same value gives another name")
	}
}

func TestSecretNames(t *testing.T) {
	for _, good := range []string{"a", "1", "API_TOKEN", "tls.key", "a-", strings.Repeat("a", 50)} {
		if err := names.DockerSecret(good); err != nil {
			t.Error(err)
		}
		if name := version("key", good, "value"); len(name) > 64 {
			t.Errorf("with its version it has %d characters: %s", len(name), name)
		}
	}
	for _, bad := range []string{"", "_a", "-a", ".a", "a b", "a/b", "a$b", "a\n", "ä", strings.Repeat("a", 51)} {
		if err := names.DockerSecret(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
