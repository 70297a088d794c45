package stackfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What Docker itself makes of these files is compared in e2e/stackfile_test.go.
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

// What only Compose knows, or nobody, is refused as the nodes' Docker does, in the
// line of the key.
func TestWhatDockerRefusesIsRefused(t *testing.T) {
	for content, want := range map[string]string{
		"    depends_on: {db: {condition: service_healthy}}":   "services.api.depends_on must be a list",
		"    profiles: [debug]":                                "services.api Additional property profiles is not allowed",
		"    group_add: [docker]":                              "services.api Additional property group_add is not allowed",
		"    runtime: nvidia":                                  "services.api Additional property runtime is not allowed",
		"    platform: linux/amd64":                            "services.api Additional property platform is not allowed",
		"    pull_policy: always":                              "services.api Additional property pull_policy is not allowed",
		"    dns_opt: [use-vc]":                                "services.api Additional property dns_opt is not allowed",
		"    extends: {service: db}":                           "service \"api\" sets extends, which docker stack deploy does not support",
		"    command:":                                         "services.api.command must be a string",
		"    environment:":                                     "services.api.environment must be a mapping",
		"    extra_hosts: [a:1, a:1]":                          "services.api.extra_hosts array items[0,1] must be unique",
		"    networks: {default: {priority: 1}}":               "services.api.networks.default Additional property priority is not allowed",
		"    deploy: {resources: {reservations: {devices: }}}": "services.api.deploy.resources.reservations Additional property devices is not allowed",
		"    deploy: {resources: {limits: {cpus: 0.5}}}":       "services.api.deploy.resources.limits.cpus must be a string",
		"    deploy: {labels: {a: {b: c}}}":                    "services.api.deploy.labels.a must be a string, number or null",
		"    ports: [\"80:80:80:80\"]":                         "services.api.ports.0 is not a port",
		"name: api":                                            "(root) Additional property name is not allowed",
		"include: [other.yml]":                                 "(root) Additional property include is not allowed",
		"networks: {net: {enable_ipv6: true}}":                 "networks.net Additional property enable_ipv6 is not allowed",
		"networks: {net: {ipam: {config: [{gateway: a}]}}}":    "networks.net.ipam.config.0 Additional property gateway is not allowed",
		"networks: {n: }":                                      "networks has the key false, which is not a text",
		"volumes: {data: {external: true, driver: local}}":     "conflicting parameters \"external\" and \"driver\" specified for volume \"data\"",
	} {
		_, err := Load(write(t, minimal+content+"\n"), nil)
		if err == nil || !strings.Contains(err.Error(), "a.yml:4: "+want) {
			t.Errorf("%s: got %v, want %s", content, err, want)
		}
	}
}

// The file that names others and takes values of variables, as a manager reads it.
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
