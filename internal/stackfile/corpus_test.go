package stackfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// e2e/stackfile_test.go compares the result with that of Docker itself.
func TestEveryStackOfTheTestsIsTaken(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "stacks", "*.yml"))
	if err != nil || len(paths) < 40 {
		t.Fatal(err, paths)
	}
	for _, path := range paths {
		file, err := Load([]string{path}, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		specs(t, file)
	}
}

// Keys that only Compose knows, and unknown keys, are refused as Docker on the nodes
// refuses them, with the line of the key.
func TestFilesThatDockerRefusesAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		"    depends_on: {db: {condition: service_healthy}}":   "services.api.depends_on",
		"    profiles: [debug]":                                "services.api profiles",
		"    group_add: [docker]":                              "services.api group_add",
		"    runtime: nvidia":                                  "services.api runtime",
		"    platform: linux/amd64":                            "services.api platform",
		"    pull_policy: always":                              "services.api pull_policy",
		"    dns_opt: [use-vc]":                                "services.api dns_opt",
		"    extends: {service: db}":                           "api extends",
		"    command:":                                         "services.api.command",
		"    environment:":                                     "services.api.environment",
		"    extra_hosts: [a:1, a:1]":                          "services.api.extra_hosts",
		"    networks: {default: {priority: 1}}":               "services.api.networks.default priority",
		"    deploy: {resources: {reservations: {devices: }}}": "services.api.deploy.resources.reservations devices",
		"    deploy: {resources: {limits: {cpus: 0.5}}}":       "services.api.deploy.resources.limits.cpus",
		"    deploy: {labels: {a: {b: c}}}":                    "services.api.deploy.labels.a",
		"    ports: [\"80:80:80:80\"]":                         "services.api.ports.0",
		"name: api":                                            "(root) name",
		"include: [other.yml]":                                 "(root) include",
		"networks: {net: {enable_ipv6: true}}":                 "networks.net enable_ipv6",
		"networks: {net: {ipam: {config: [{gateway: a}]}}}":    "networks.net.ipam.config.0 gateway",
		"networks: {n: }":                                      "networks false",
		"volumes: {data: {external: true, driver: local}}":     "external driver data",
	} {
		_, err := Load(write(t, minimal+content+"\n"), nil)
		mustName(t, err, "a.yml:4: "+want)
	}
}

// The stack file that names other files and uses variables is read as a manager reads it.
func TestTheStackWithFilesBesideItIsTaken(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "beside", "variables.json"))
	if err != nil {
		t.Fatal(err)
	}
	var variables map[string]string
	if err := json.Unmarshal(text, &variables); err != nil {
		t.Fatal(err)
	}
	file, err := Load([]string{filepath.Join("testdata", "beside", "stack.yml")}, variables)
	if err != nil {
		t.Fatal(err)
	}
	specs(t, file)
}
