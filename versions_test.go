package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// copies are the places that repeat a version of go.mod, with their number: resources that
// are registered by their type alone, the sandbox's stand-ins for the providers, and the
// CLI that installs the providers. The pattern's group is the version.
var copies = []struct {
	files, pattern string
	count          int
	module         string // as in go.mod, up to the major version
}{
	{"infra/function.go", `sdkVersion = "([^"]+)"`, 1, "pulumi-azure-native-sdk/resources"},
	{"infra/identity.go", `directoryVersion = "([^"]+)"`, 1, "pulumi-azuread/sdk"},
	{"delivery/github.go", `providerVersion = "([^"]+)"`, 1, "pulumi-github/sdk"},
	{"sandbox/azure/cloud.go", `"azure-native", Version: "([^"]+)"`, 1, vaultProvider},
	{"sandbox/azure/cloud.go", `"azuread", Version: "([^"]+)"`, 1, "pulumi-azuread/sdk"},
	{"sandbox/azure/cloud.go", `"github", Version: "([^"]+)"`, 1, "pulumi-github/sdk"},
	{"sandbox/standin/internal/command/command.go", `Version: +"([^"]+)"`, 1, "pulumi-command/sdk"},
	{"sandbox/standin/internal/dockerimage/plugin.go", `Version: +"([^"]+)"`, 1, "pulumi-docker/sdk"},
	{"sandbox/standin/internal/tls/key.go", `Version: +"([^"]+)"`, 1, "pulumi-tls/sdk"},
	{".github/workflows/*.yml", `pulumi-version: (\S+)`, 3, "pulumi/sdk"},
	{"tools/go.mod", `github.com/pulumi/pulumi/pkg/v3 v(\S+)`, 1, "pulumi/sdk"},
}

// vaultProvider stands for the version of azure-native that serves the key vault,
// which is not in go.mod: no module of its SDK is used.
const vaultProvider = "the key vault's azure-native"

// The test names every copy of a version that differs from go.mod.
func TestVersionsFollowGoMod(t *testing.T) {
	required := requiredVersions(t)
	source, err := os.ReadFile("infra/vault.go")
	if err != nil {
		t.Fatal(err)
	}
	if match := regexp.MustCompile(`vaultProvider += "([^"]+)"`).FindSubmatch(source); match != nil {
		required[vaultProvider] = string(match[1])
	}
	for _, c := range copies {
		files, err := filepath.Glob(c.files)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile(c.pattern).FindAllStringSubmatch(string(content), -1) {
				found++
				if want := required[c.module]; match[1] != want {
					t.Errorf("%s: %q, and the program asks for %s %s", file, match[0], c.module, want)
				}
			}
		}
		if found != c.count {
			t.Errorf("%s: %d times %s, want %d", c.files, found, c.pattern, c.count)
		}
	}
}

// requiredVersions are the versions of Pulumi's modules in go.mod, by module path without
// its beginning and its major version. One provider serves all of azure-native.
func requiredVersions(t *testing.T) map[string]string {
	t.Helper()
	mod := modules(t, "go.mod")
	required, azureNative := map[string]string{}, map[string]bool{}
	for _, r := range mod.Require {
		if name, ok := strings.CutPrefix(r.Mod.Path, "github.com/pulumi/"); ok {
			name = regexp.MustCompile(`/v\d+$`).ReplaceAllString(name, "")
			required[name] = strings.TrimPrefix(r.Mod.Version, "v")
			if strings.HasPrefix(name, "pulumi-azure-native-sdk") {
				azureNative[required[name]] = true
			}
		}
	}
	if len(azureNative) != 1 {
		t.Errorf("go.mod requires azure-native of several versions: %q", slices.Sorted(maps.Keys(azureNative)))
	}
	return required
}

func modules(t *testing.T, file string) *modfile.File {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse(file, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

// stackctl is compiled with the Go of this line, so that it has the same bytes
// wherever `pulumi up` runs; the tools are compiled with the same one.
func TestToolchainIsPinned(t *testing.T) {
	toolchain := func(file string) (name string) {
		if named := modules(t, file).Toolchain; named != nil {
			name = named.Name
		}
		return name
	}
	if ours, tools := toolchain("go.mod"), toolchain("tools/go.mod"); !regexp.MustCompile(`^go\d+\.\d+\.\d+$`).MatchString(ours) || tools != ours {
		t.Errorf("go.mod names %q, tools/go.mod %q; `go mod tidy` may have dropped the line", ours, tools)
	}
}

// The CLI and the program have 585 packages in common. Go compiles a package only once if
// its version, and those of the packages that it imports, are the same.
func TestToolsHaveTheProgramsModules(t *testing.T) {
	ours := map[string]string{}
	for _, r := range modules(t, "go.mod").Require {
		ours[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range modules(t, "tools/go.mod").Require {
		if version, both := ours[r.Mod.Path]; both && version != r.Mod.Version {
			t.Errorf("tools/go.mod has %s %s, go.mod %s; `go get` the later one in the other", r.Mod.Path, r.Mod.Version, version)
		}
	}
}

// The oldest CLI that works is the same everywhere it is named: the one that Pulumi.yaml
// requires.
func TestOldestCLIIsTheRequiredOne(t *testing.T) {
	named := map[string]string{
		"Pulumi.yaml":                `requiredPulumiVersion: ">=(\d+\.\d+)\.0"`,
		"README.md":                  `Pulumi CLI \((\d+\.\d+) or later\)`,
		"docs/delivery.md":           `Pulumi CLI \((\d+\.\d+) or later\)`,
		"sandbox/README.md":          `CLI must be (\d+\.\d+) or\s+later`,
		"sandbox/workspace/tools.go": `oldestCLI = semver.MustParse\("(\d+\.\d+)\.0"\)`,
	}
	versions := map[string]bool{}
	for file, pattern := range named {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(pattern).FindSubmatch(content)
		if match == nil {
			t.Errorf("%s does not name the oldest CLI as %s", file, pattern)
			continue
		}
		versions[string(match[1])] = true
	}
	if len(versions) != 1 {
		t.Errorf("several oldest CLIs are named: %q", slices.Sorted(maps.Keys(versions)))
	}
}

// TestScriptsNameFilesThatExist checks scripts and workflows, since no compiler notices
// when a file that they name moves.
func TestScriptsNameFilesThatExist(t *testing.T) {
	named := regexp.MustCompile(`\b(?:bench|cluster|cmd|delivery|docs|e2e|infra|internal|repos|sandbox|stack|tools)/[\w./-]+\.(?:go|json|md|sh|svg|ya?ml)\b`)
	found := 0
	for _, pattern := range []string{"Makefile", "tools/*.sh", ".github/workflows/*.yml", ".ci/run"} {
		scripts, err := filepath.Glob(pattern)
		if err != nil || len(scripts) == 0 {
			t.Fatalf("%s: %v, %v", pattern, scripts, err)
		}
		for _, script := range scripts {
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range named.FindAllString(string(text), -1) {
				found++
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s: %v", script, err)
				}
			}
		}
	}
	if found == 0 {
		t.Error("the scripts name no file")
	}
}
