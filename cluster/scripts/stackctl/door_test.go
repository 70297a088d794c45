package stackctl

import (
	"strings"
	"testing"
)

func TestDeployKeyDeploysAndGoesBack(t *testing.T) {
	n := newNode(t)
	n.door(2, file("app:2"), "deploy aver", "'pulumi up' announces a stack")
	n.want(0, file("app:1"), "deploy aver")
	n.door(0, file("app:2", "    deploy: {replicas: 3}\n"), "deploy aver", "release 2 runs")
	n.runs("app:2", 2, "stack-repo")
	n.door(0, "", "status aver", `"inSync": true`)
	n.door(0, "", "rollback aver", "release 3 runs")
	n.runs("app:1", 3, "stack-repo")
}

func TestTrustAnnouncesWithoutDeploying(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "trust aver")
	n.door(0, file("app:2"), "deploy aver", "release 1 runs")
}

func TestDeployKeyCanDoNothingElse(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	for _, asked := range []string{
		"", "bash", "sh -i", "id", "status", "deploy", "status aver; id", "status aver && id", "status aver\nid", "status $(id)",
		"status `id`", "status ../aver", "status -h", "deploy --from pulumi aver", "deploy --take-over aver", "trust aver",
		"reconcile aver", "remove aver", "ssh aver", "scp -t /tmp", "/usr/lib/openssh/sftp-server", "rsync --server . /",
		"stackctl deploy aver", "status  aver", " status aver", "status aver ", "status AVER", "cat /run/secrets/azure_client_secret",
	} {
		n.door(2, "", asked, "and nothing else")
	}
}

// Whoever holds the deploy key can deploy any image; none of these may let it
// out of its container or near a secret.
func TestDeployKeyCannotReachOut(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	other := func(more string) string { return file("app:1") + more }
	service := func(more string) string {
		return strings.Replace(file("app:1"), "secrets:\n  azure", "  x:\n    image: evil\n"+more+"secrets:\n  azure", 1)
	}
	for refused, text := range map[string]string{
		"service x: volume at /host":                 service("    volumes: ['/:/host']\n"),
		"service x: volume at /sock":                 service("    volumes: [{type: bind, source: /run/docker.sock, target: /sock}]\n"),
		"service x: privileged":                      service("    privileged: true\n"),
		"service x: cap_add":                         service("    cap_add: [SYS_ADMIN]\n"),
		"service x: network_mode":                    service("    network_mode: host\n"),
		"service x: pid":                             service("    pid: host\n"),
		"service x: devices":                         service("    devices: ['/dev/sda:/dev/sda']\n"),
		"service x: sysctls":                         service("    sysctls: {net.ipv4.ip_forward: '1'}\n"),
		"service x: security_opt":                    service("    security_opt: ['apparmor:unconfined']\n"),
		"service x: logging":                         service("    logging: {driver: syslog}\n"),
		"service x: credential_spec":                 service("    credential_spec: {file: x}\n"),
		"service x: host port 9":                     service("    ports: [{mode: host, target: 9, published: 9}]\n"),
		"service x: secret azure_client_secret":      service("    secrets: [azure_client_secret]\n"),
		"service x: configs":                         service("    configs: [c]\n") + "configs: {c: {external: true, name: aver-release-1}}\n",
		"volumes v: driver_opts":                     other("volumes: {v: {driver_opts: {type: none, o: bind, device: /}}}\n"),
		"volumes v: external":                        other("volumes: {v: {external: true, name: other_data}}\n"),
		"networks h: external":                       other("networks: {h: {external: true, name: host}}\n"),
		"networks h: driver":                         other("networks: {h: {driver: macvlan}}\n"),
		"configs c: external":                        other("configs: {c: {external: true}}\n"),
		"service api: command":                       file("app:1", "    command: [cat, /run/secrets/azure_client_secret]\n"),
		"service api: entrypoint":                    file("app:1", "    entrypoint: [cat]\n"),
		"service api: healthcheck":                   file("app:1", "    healthcheck: {test: [CMD, send, /run/secrets]}\n"),
		"service api: user":                          file("app:1", "    user: root\n"),
		"service api: image of another repository":   file("evil:1"),
		"service api: variable AZURE_AUTHORITY_HOST": strings.Replace(file("app:1"), "PRICE", "AZURE_AUTHORITY_HOST", 1),
		"service api: variable https_proxy":          strings.Replace(file("app:1"), "PRICE", "https_proxy", 1),
		"service api: volume at /run/secrets/x":      file("app:1", "    volumes: ['vol:/run/secrets/x']\n") + "volumes: {vol: {}}\n",
		"service api: secret another":                strings.ReplaceAll(file("app:1"), "external: true", "external: true, name: another"),
		"service api: extra_hosts":                   file("app:1", "    extra_hosts: ['login.microsoftonline.com:192.0.2.1']\n"),
	} {
		n.door(2, text, "deploy aver", "cannot change this", refused)
	}
	n.runs("app:1", 1, "pulumi")
}

// What `pulumi up` has deployed once, the deploy key may keep.
func TestTrustedPartsMayStay(t *testing.T) {
	n := newNode(t)
	trusted := func(image string) string {
		return file(image, "    command: [serve]\n    volumes: ['/etc/ssl:/etc/ssl:ro']\n")
	}
	n.want(0, trusted("app:1"), "deploy aver")
	n.door(0, trusted("app:2"), "deploy aver")
	n.door(2, file("app:3", "    volumes: ['/etc/ssl:/etc/ssl:ro']\n"), "deploy aver", "service api: command")
}
