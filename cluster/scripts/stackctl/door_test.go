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

// guarded asks the guard alone what the deploy key may not change between two
// stack files as the loader leaves them.
func guarded(t *testing.T, trusted, file string) string {
	t.Helper()
	return call(t, trusted, file, `jq -r --slurpfile trusted $work/s "$guard" $work/t`)
}

// TestGuardOnDetails: ways round the rules by what a definition says elsewhere.
func TestGuardOnDetails(t *testing.T) {
	const trusted = `{"services":{
		"api":{"image":"reg/app:1","secrets":[{"source":"key"}],"environment":{"BROKER_HOST":"broker","LIMIT":"1"},"volumes":[{"type":"volume","source":"mine","target":"/m"}]},
		"edge":{"image":"reg/edge:1","networks":{"host":null},"volumes":[{"type":"volume","source":"etc","target":"/etc/x"}]}},
		"networks":{"host":{"external":true,"name":"host"},"net":{"driver":"overlay","attachable":true}},
		"volumes":{"etc":{"driver_opts":{"type":"none","o":"bind","device":"/etc"}},"data":{},"mine":{}},
		"secrets":{"key":{"external":true,"name":"key"}}}`
	for name, test := range map[string]struct{ from, to, want string }{
		"nothing":                 {"", "", ""},
		"image":                   {"reg/app:1", "reg/app:2", ""},
		"free variable":           {`"LIMIT":"1"`, `"LIMIT":"2"`, ""},
		"plain volume, network":   {`"services":{`, `"services":{"new":{"image":"x","networks":{"net":null},"volumes":[{"type":"volume","source":"data","target":"/d"}]},`, ""},
		"secret beside the place": {`{"source":"key"}`, `{"source":"key"},{"source":"key","target":"/app/config.js"}`, "service api: secret target /app/config.js"},
		"secret above the place":  {`{"source":"key"}`, `{"source":"key","target":"../app"}`, "service api: secret target ../app"},
		"somebody else's bind":    {`"services":{`, `"services":{"new":{"image":"x","volumes":[{"type":"volume","source":"etc","target":"/d"}]},`, "service new: volume at /d"},
		"volume beside a secret":  {`"services":{`, `"services":{"new":{"image":"x","volumes":[{"type":"volume","source":"mine","target":"/d"}]},`, "service new: volume at /d"},
		"somebody else's host":    {`"services":{`, `"services":{"new":{"image":"x","networks":{"host":null}},`, "service new: network host"},
		"host by another name":    {`"services":{"api":{"image"`, `"services":{"api":{"networks":{"host":null},"image"`, "service api: network host"},
		"where a secret is sent":  {`"BROKER_HOST":"broker"`, `"BROKER_HOST":"evil"`, "service api: variable BROKER_HOST"},
		"where else":              {`"LIMIT":"1"`, `"LIMIT":"1","SEQ_URL":"http://evil"`, "service api: variable SEQ_URL"},
		"code by configuration":   {`"LIMIT":"1"`, `"LIMIT":"1","OPENSSL_CONF":"/x"`, "service api: variable OPENSSL_CONF"},
		"a file to read":          {`"LIMIT":"1"`, `"LIMIT":"1","RABBITMQ_CONFIG_FILE":"/x"`, "service api: variable RABBITMQ_CONFIG_FILE"},
	} {
		before := strings.Join(strings.Fields(strings.ReplaceAll(trusted, "\n\t\t", "")), "")
		after := strings.Replace(before, test.from, test.to, 1)
		if got := strings.TrimSpace(guarded(t, before, after)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	// A default network that is special is joined by saying nothing.
	special := `{"services":{},"networks":{"default":{"external":true,"name":"host"}}}`
	if got := guarded(t, special, strings.Replace(special, `"services":{}`, `"services":{"new":{"image":"x"}}`, 1)); strings.TrimSpace(got) != "service new: network default" {
		t.Errorf("the default network: %q", got)
	}
}

// TestFileIsLookedThroughBeforeItIsLoaded: an env_file would be read, and the
// file's own tricks must cost nothing.
func TestFileIsLookedThroughBeforeItIsLoaded(t *testing.T) {
	n := newNode(t)
	bomb := "a0: &a0 {x: 1}\n"
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	for text, said := range map[string]string{
		"x-a: &a {env_file: /etc/shadow}\nservices: {api: {image: a, <<: *a}}":                    "env_file",
		"services: {api: {image: a, \"env\\x5ffile\": /etc/shadow}}":                              "env_file",
		"services: {api: {image: a, !!binary ZW52X2ZpbGU=: /etc/shadow}}":                         "!!binary",
		"services: {api: {image: a, env_file: /etc/shadow}}\nx-t: 2001-99-99\nx-u: {? [a] : b}\n": "env_file",
		bomb + "services: {api: {image: a, imag: b}}":                                             "not valid",
	} {
		n.want(2, text, "deploy aver", said)
	}
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
