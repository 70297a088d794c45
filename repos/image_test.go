package repos

import (
	"strings"
	"testing"
)

// fakeDocker knows one image. For any other tag, its registry answers with the content of
// the file registry.
const fakeDocker = `#!/bin/bash
[[ "$1 $2 $3" == "manifest inspect ghcr.io/acme/api:1" ]] || { cat "$HOME/registry" >&2; exit 1; }
`

// Of the images that the manager found in the file, the registry is asked only for the
// application's. If it is missing, nothing is deployed.
func TestDeployAsksForOurImageOnly(t *testing.T) {
	const two, none = "ghcr.io/acme/api:2", "no such manifest: ghcr.io/acme/api:2"
	for name, test := range map[string]struct {
		images         string
		registry, says string
		code           string
	}{
		"there":      {"ghcr.io/acme/api:1 redis", none, "ghcr.io/acme/api:1", "runs"},
		"another's":  {"ghcr.io/acme/api-worker:1 mirror/ghcr.io/acme/api:2", none, "", "runs"},
		"missing":    {two, none, " ghcr.io/acme/api:2: no such manifest", "image-missing"},
		"one of two": {"ghcr.io/acme/api:1 " + two, none, " ghcr.io/acme/api:2: ", "image-missing"},
		"unknown":    {two, "manifest unknown", " ghcr.io/acme/api:2: ", "image-missing"},
		"no tag":     {"ghcr.io/acme/api", none, " ghcr.io/acme/api: ", "image-missing"},
		"by digest":  {"ghcr.io/acme/api:1@sha256:ab", none, " ghcr.io/acme/api:1@sha256:ab: ", "image-missing"},
		"no login":   {two, "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required", "GHCR_TOKEN", "registry-login"},
		"an old one": {two, "Get \"https://ghcr.io/v2/\": denied: denied", "GHCR_TOKEN", "registry-login"},
		"away":       {two, "Get \"https://ghcr.io/v2/\": dial tcp 192.0.2.1:443: i/o timeout", " ghcr.io/acme/api:2 ... i/o timeout", "registry-away"},
		"silent":     {two, "", " ghcr.io/acme/api:2 ", "registry-away"},
	} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		b.write("names", `{"files":[],"images":["`+strings.ReplaceAll(test.images, " ", `","`)+`"]}`, 0o644)
		b.write("docker", fakeDocker, 0o755)
		b.write("registry", test.registry, 0o644)
		b.write("stdin", "", 0o644)
		output, status := b.run("deploy.sh", "IMAGE=ghcr.io/acme/api")
		red := test.code != "runs"
		if (status == 2) != red || (status == 0) == red || b.code() != test.code || !says(output, test.says) || (b.read("stdin") == "") != red {
			t.Errorf("%s: status %d, code %q\n%s", name, status, b.code(), output)
		}
		if asked := strings.Contains(output, "ghcr.io/acme/api:1"); !red && asked != (test.says != "") {
			t.Errorf("%s: the registry was asked\n%s", name, output)
		}
		if summary := b.read("summary"); red && !says(summary, test.says) {
			t.Errorf("%s: the job summary is %q", name, summary)
		}
	}
}

// Without IMAGE, or if the manager does not report which images a file names, the registry
// is not asked.
func TestDeployAsksForNoImage(t *testing.T) {
	for names, image := range map[string]string{`{"files":[],"images":["ghcr.io/acme/api:2"]}`: "", `{"files":[]}`: "ghcr.io/acme/api"} {
		b := newBench(t)
		b.ssh(0, "", itRuns)
		b.write("names", names, 0o644)
		b.write("docker", fakeDocker, 0o755)
		b.write("registry", "denied", 0o644)
		if output, status := b.run("deploy.sh", "IMAGE="+image); status != 0 {
			t.Errorf("%s: status %d\n%s", names, status, output)
		}
	}
}
