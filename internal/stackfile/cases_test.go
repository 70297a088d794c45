package stackfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// container converts a file with the one service api and returns its container.
func container(t *testing.T, content string) *swarm.ContainerSpec {
	t.Helper()
	return specs(t, load(t, content)).Services["s_api"].TaskTemplate.ContainerSpec
}

// Every 3.x version is read as the newest format.
func TestOldVersionLines(t *testing.T) {
	const rest = `
services:
  api:
    image: nginx
    init: true
    ports: ["80:80"]
    networks: [edge]
    secrets: [token]
networks:
  edge: {external: true, name: edge_net}
secrets:
  token: {external: {name: old_token}}
`
	want := indented(t, specs(t, load(t, rest)))
	for _, version := range []string{"3", "'3'", "3.0", "'3.1'", "'3.3'", "'3.4'", "3.8", "'3.12'", "'3.13'", "''"} {
		if got := indented(t, specs(t, load(t, "version: "+version+rest))); got != want {
			t.Errorf("version %s: got\n%s\nwant\n%s", version, got, want)
		}
	}
	for _, version := range []string{"2", "'3.14'", "4", "null", "[3]", "{a: b}"} {
		if _, err := Load(write(t, "version: "+version+rest), nil); err == nil || !strings.Contains(err.Error(), "a.yml:1: version ") {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

// A mount whose source is not written as an absolute path means something else on every
// computer.
func TestRelativeMounts(t *testing.T) {
	for source, relative := range map[string]bool{
		".": true, "./conf": true, "..": true, "../data": true, "~": true, "~/data": true, "${X:-./conf}": true, `C:\data`: true,
		"/": false, "/etc": false, "/srv/../etc": false, "${X:-/etc}": false,
	} {
		for form, mount := range map[string]string{
			"short":         "'" + source + ":/here:ro'",
			"long":          "{type: bind, source: '" + source + "', target: /here}",
			"long, no type": "",
		} {
			if mount == "" {
				continue
			}
			_, err := Load(write(t, minimal+"    volumes:\n      - /other:/other\n      - "+mount+"\n"), nil)
			refused := err != nil && hasWords(err.Error(), `a.yml:6: "api"`)
			if refused != relative || !relative && err != nil {
				t.Errorf("%s, %s: %v", source, form, err)
			}
		}
	}
	if _, err := Load(write(t, minimal+"    volumes: [{type: bind, source: data, target: /data}]\n"), nil); err == nil || !hasWords(err.Error(), `a.yml:4: "api" data`) {
		t.Errorf("a bind of a bare name: %v", err)
	}
}

func TestUlimitsOfZero(t *testing.T) {
	for text, want := range map[string][2]int64{
		"0": {0, 0}, "{soft: 0, hard: 0}": {0, 0}, "{soft: 0, hard: 100}": {0, 100}, "7": {7, 7},
	} {
		got := container(t, minimal+"    ulimits: {core: "+text+"}\n").Ulimits
		if len(got) != 1 || got[0].Soft != want[0] || got[0].Hard != want[1] {
			t.Errorf("%s: got %v", text, got[0])
		}
	}
}

// Values reach the container as Docker on the nodes would read them.
func TestValuesAreThoseOfTheNodesDocker(t *testing.T) {
	for text, want := range map[string]string{
		`"\n"`:                "\n",
		`"\n  a\n"`:           "\n  a\n",
		"|2\n\n          a\n": "\n  a\n",
		"2024-01-31":          "2024-01-31",
		"0o17":                "15",
		"0x1F":                "31",
		"017":                 "15",
		"1_000":               "1000",
		"12:30":               "12:30",
		"1.50":                "1.5",
		"a$$b":                "a$b",
		`"yes"`:               "yes",
	} {
		got := container(t, minimal+"    environment:\n      V: "+text+"\n").Env
		if !slices.Equal(got, []string{"V=" + want}) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"yes", "on", "true", "y"} {
		if _, err := Load(write(t, minimal+"    environment:\n      V: "+text+"\n"), nil); err == nil || !strings.Contains(err.Error(), "a.yml:5: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if !container(t, minimal+"    tty: yes\n").TTY {
		t.Error("tty: yes is not true")
	}
}
