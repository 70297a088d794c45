package stackfile

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/golden"
	"averazure/internal/ports"
)

const shipped = "../../repos/stack-repo/stack.yml"

// given are the variables for the shipped file, with the values that the program gives
// them.
var given = map[string]string{
	"FIRST_MANAGER": "aver-manager", "ENTRY_NAMES": "aver.westeurope.cloudapp.azure.com",
	"ACME_SERVER": "https://acme-v02.api.letsencrypt.org/directory", "ACME_EMAIL": "",
}

var digest = "@sha256:" + strings.Repeat("ab", 32)

// specs converts a file for the stack "s" and fails the test if it cannot.
func specs(t *testing.T, file *File) Specs {
	t.Helper()
	specs, err := file.Specs("s", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

func indented(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func TestSpecsOfTheShippedFile(t *testing.T) {
	file, err := Load([]string{shipped}, given)
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]string{"api": "ghcr.io/your-org/aver-api" + digest}
	secrets := map[string]string{"azure_tenant_id": "azure_tenant_id-0123456789ab", "azure_client_id": "azure_client_id-0123456789ab", "unused": "x"}
	converted, err := file.Specs("aver", images, secrets)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "shipped.json", indented(t, converted))
	again, err := file.Specs("aver", images, secrets)
	if err != nil || indented(t, again) != indented(t, converted) {
		t.Errorf("a second conversion differs (%v)", err)
	}
	untouched, err := file.Specs("aver", nil, nil)
	if text := indented(t, untouched); err != nil || strings.Contains(text, "sha256") || strings.Contains(text, "-0123456789ab") {
		t.Errorf("converting changed the file that was loaded (%v):\n%s", err, text)
	}
	if warnings := append(file.PortWarnings(ports.Open{Public: []int{80, 443, 15672, 8081}}), file.Warnings(map[string]string{"api": ""})...); len(warnings) > 0 {
		t.Errorf("the shipped file has warnings: %q", warnings)
	}
}

// A file with as many keys as a stack may have is converted.
func TestSpecsOfEverything(t *testing.T) {
	path := filepath.Join("testdata", "stacks", "everything.yml")
	file, err := Load([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	converted, err := file.Specs("all", nil, map[string]string{"outer": "outer-aaaaaaaaaaaa"})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "everything.json", indented(t, converted))
	other := specs(t, file)
	if text := indented(t, other); strings.Contains(text, `"all`) {
		t.Errorf("the first stack's name is left in the file:\n%s", text)
	}
	if text := indented(t, converted); !strings.Contains(text, `"com.docker.stack.namespace": "all"`) {
		t.Errorf("the second conversion changed the first:\n%s", text)
	}
}

// The result does not depend on the order of Go's maps.
func TestSpecsAreTheSameEveryTime(t *testing.T) {
	file := load(t, `services:
  api:
    image: nginx
    networks: {a: , b: , c: {aliases: [web, app]}}
    secrets: [{source: s, target: one}, {source: s, target: two}, {source: s, target: three}]
    configs: [{source: c, target: one}, {source: c, target: two}, {source: c, target: three}]
    ulimits: {nofile: 1, nproc: 2, core: 0}
networks:
  a: {external: true, name: same}
  b: {external: true, name: same}
  c: {external: true, name: other}
secrets: {s: {external: true}}
configs: {c: {external: true}}
`)
	first := indented(t, specs(t, file))
	for range 50 {
		if again := indented(t, specs(t, file)); again != first {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
	}
}

func TestSpecsMergeLikeDocker(t *testing.T) {
	file := load(t, minimal+"    environment: {A: one, B: two}\n    ports: [\"80:80\"]\n",
		"services:\n  api:\n    image: httpd\n    environment: {B: three}\n    ports: [\"81:81\"]\n  db:\n    image: redis\n")
	text := indented(t, specs(t, file))
	for _, want := range []string{`"Image": "httpd"`, `"A=one"`, `"B=three"`, `"PublishedPort": 80,`, `"PublishedPort": 81,`, `"s_db"`} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

func TestSpecsRefuse(t *testing.T) {
	long := load(t, strings.Replace(minimal, "api", strings.Repeat("x", 50), 1))
	for name, test := range map[string]struct {
		file  *File
		stack string
		image string
		want  string
	}{
		"an unknown service": {load(t, minimal), "s", "web", `"web", api`},
		"a stack name":       {load(t, minimal), "S; rm", "api", `"S; rm" `},
		"32 characters":      {load(t, minimal), strings.Repeat("s", 32), "api", `"` + strings.Repeat("s", 32) + `" `},
		"a long name":        {long, strings.Repeat("s", 13), long.Services()[0], "a.yml:2: " + strings.Repeat("s", 13) + "_xx"},
	} {
		_, err := test.file.Specs(test.stack, map[string]string{test.image: "nginx" + digest}, nil)
		if !hasWords(errorText(err), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := long.Specs(strings.Repeat("s", 12), nil, nil); err != nil {
		t.Errorf("63 characters: %v", err)
	}
}
