package stackctl

import (
	"fmt"
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
	// A guest has no secrets and may be any image; each has one fault.
	guests, refused := "", []string{}
	for fault, parts := range map[string]string{
		"volume at /host":            "volumes: ['/:/host']",
		"volume at /sock":            "volumes: [{type: bind, source: /run/docker.sock, target: /sock}]",
		"privileged":                 "privileged: true",
		"cap_add":                    "cap_add: [SYS_ADMIN]",
		"network_mode":               "network_mode: host",
		"pid":                        "pid: host",
		"devices":                    "devices: ['/dev/sda:/dev/sda']",
		"sysctls":                    "sysctls: {net.ipv4.ip_forward: '1'}",
		"security_opt":               "security_opt: ['apparmor:unconfined']",
		"logging":                    "logging: {driver: syslog}",
		"credential_spec":            "credential_spec: {file: x}",
		"host port 9":                "ports: [{mode: host, target: 9, published: 9}]",
		"secret azure_client_secret": "secrets: [azure_client_secret]",
		"configs":                    "configs: [c]",
	} {
		guest := fmt.Sprintf("guest%d", len(refused))
		guests += fmt.Sprintf("  %s:\n    image: evil\n    %s\n", guest, parts)
		refused = append(refused, "service "+guest+": "+fault)
	}
	refused = append(refused, "volumes bind: driver_opts", "volumes other: external", "networks h: external", "networks h2: driver", "configs c: external")
	n.door(2, strings.Replace(file("app:1"), "secrets:\n  azure", guests+"secrets:\n  azure", 1)+
		"volumes: {bind: {driver_opts: {type: none, o: bind, device: /}}, other: {external: true, name: other_data}}\n"+
		"networks: {h: {external: true, name: host}, h2: {driver: macvlan}}\n"+
		"configs: {c: {external: true, name: aver-release-1}}\n", "deploy aver", refused...)

	// A service with a secret could be made to print it or to send it away.
	n.door(2, strings.Replace(file("evil:1"), "PRICE", "AZURE_AUTHORITY_HOST: http://evil, https_proxy: http://evil, PRICE", 1)+
		"volumes: {vol: {}}\n", "deploy aver", "service api: image of another repository", "service api: variable AZURE_AUTHORITY_HOST", "service api: variable https_proxy")
	n.door(2, file("app:1", "    command: [cat, /run/secrets/azure_client_secret]\n", "    entrypoint: [cat]\n", "    user: root\n",
		"    healthcheck: {test: [CMD, send, /run/secrets]}\n", "    volumes: ['vol:/run/secrets/x']\n",
		"    extra_hosts: ['login.microsoftonline.com:192.0.2.1']\n")+"volumes: {vol: {}}\n", "deploy aver",
		"service api: command", "service api: entrypoint", "service api: user", "service api: healthcheck",
		"service api: volume at /run/secrets/x", "service api: extra_hosts")
	n.door(2, strings.ReplaceAll(file("app:1"), "external: true", "external: true, name: another"), "deploy aver", "service api: secret another")
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
