package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// allNodes are the nodes that the baseline brings up.
var allNodes = []string{"aver-manager", "aver-worker-1", "aver-worker-2"}

// askAgent does what Azure's own agent does at each boot before it reports the VM as ready,
// with one attempt instead of 1800.
const askAgent = `
import json
import azurelinuxagent.common.conf as conf
from azurelinuxagent.pa.provision.factory import get_provision_handler
conf.load_conf_from_file("/etc/waagent.conf")
handler = get_provision_handler()
print(json.dumps({"handler": type(handler).__name__, "file": conf.get_ssh_key_public_path(),
                  "thumbprint": handler.wait_for_ssh_host_key(max_retry=1)}))`

// TestAzuresAgentFindsTheHostKeyThatItWaitsFor: without the key, the agent would wait for
// half an hour at each boot and report the VM as not ready. sshd offers the key that the
// program knows, and no other.
func TestAzuresAgentFindsTheHostKeyThatItWaitsFor(t *testing.T) {
	for _, node := range allNodes {
		var found struct{ Handler, File, Thumbprint string }
		out := box.exec(t, node, "python3", "-c", askAgent)
		if err := json.Unmarshal([]byte(tail(out, 1)), &found); err != nil {
			t.Fatalf("%s: %v\n%s", node, err, out)
		}
		if found.Handler != "CloudInitProvisionHandler" {
			t.Errorf("%s: the agent leaves the first boot to a %s", node, found.Handler)
		}
		known := strings.Fields(box.exec(t, node, "ssh-keygen", "-lf", found.File))
		if len(known) < 2 || found.Thumbprint != strings.ReplaceAll(known[1], ":", "") {
			t.Errorf("%s: the agent read the thumbprint %q, and %s has %q", node, found.Thumbprint, found.File, known)
		}
		if edited := box.exec(t, node, "sh", "-c", "dpkg --verify waagent | grep /etc/ || true"); edited != "" {
			t.Errorf("%s: upgrades of the agent are held back by %s", node, edited)
		}
		offered := strings.Fields(box.exec(t, node, "sh", "-c", "ssh-keyscan 127.0.0.1 2>/dev/null | grep -v '^#' | cut -d ' ' -f 2"))
		if !slices.Equal(offered, []string{"ssh-ed25519"}) {
			t.Errorf("%s: sshd offers %q", node, offered)
		}
	}
}

// tryAzure tries every address and port at which Azure answers a VM.
const tryAzure = `
import json, socket, struct
def connects(address, port):
    try:
        with socket.create_connection((address, port), 3) as s:
            s.sendall(b"GET / HTTP/1.0\r\nMetadata: true\r\n\r\n")
            return s.recv(5) == b"HTTP/"
    except OSError:
        return False
query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + b"\x07example\x03com\x00" + struct.pack(">2H", 1, 1)
def resolves(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.settimeout(3)
        try:
            s.connect(("168.63.129.16", 53))
            s.sendall(query if kind == socket.SOCK_DGRAM else struct.pack(">H", len(query)) + query)
            return b"\x00\x07" in s.recv(512)[:4]
        except OSError:
            return False
print(json.dumps({"metadata": connects("169.254.169.254", 80), "wire": connects("168.63.129.16", 80),
    "extensions": connects("168.63.129.16", 32526), "dns/udp": resolves(socket.SOCK_DGRAM), "dns/tcp": resolves(socket.SOCK_STREAM)}))`

// reaches returns which of Azure's services answer on a node, or in a container on it.
func reaches(t *testing.T, node, container string) map[string]bool {
	t.Helper()
	argv := []string{"python3", "-c", tryAzure}
	if container != "" {
		pid := strings.TrimSpace(box.exec(t, node, "docker", "inspect", "--format", "{{.State.Pid}}", container))
		argv = append([]string{"nsenter", "--net", "--target", pid}, argv...)
	}
	var found map[string]bool
	if out := box.exec(t, node, argv...); json.Unmarshal([]byte(out), &found) != nil {
		t.Fatalf("%s: %s", node, out)
	}
	return found
}

var (
	ofTheNode     = map[string]bool{"metadata": true, "wire": true, "extensions": true, "dns/udp": true, "dns/tcp": true}
	ofAContainer  = map[string]bool{"metadata": false, "wire": false, "extensions": false, "dns/udp": true, "dns/tcp": true}
	taskContainer = []string{"docker", "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=e2e-metadata"}
)

// TestSlowContainersAreKeptFromAzuresServices asks from a service's container and from one
// on Docker's own bridge, and again after Docker has restarted and after the node has
// rebooted.
func TestSlowContainersAreKeptFromAzuresServices(t *testing.T) {
	isSlow(t)
	// The registry address refuses at once, so Docker uses the local image.
	const image = "127.0.0.1:1/e2e-sleep"
	t.Cleanup(func() {
		box.exec(t, "aver-manager", "sh", "-c", "docker service rm e2e-metadata >/dev/null || true")
		for _, node := range allNodes {
			box.exec(t, node, "sh", "-c", "docker rm -f e2e-bridge $("+strings.Join(taskContainer, " ")+"); docker rmi -f "+image)
		}
	})
	for _, node := range allNodes {
		box.exec(t, node, "sh", "-c", "tar -chP /usr/bin/sleep $(ldd /usr/bin/sleep | grep -o '/[^ ]*') | docker import - "+image)
		box.exec(t, node, "docker", "run", "--detach", "--restart", "always", "--stop-signal", "KILL", "--name", "e2e-bridge", image, "/usr/bin/sleep", "inf")
	}
	box.exec(t, "aver-manager", "docker", "service", "create", "--quiet", "--detach", "--no-resolve-image", "--mode", "global", "--stop-signal", "KILL",
		"--network", "aver_net", "--publish", "9098:9098", "--name", "e2e-metadata", image, "/usr/bin/sleep", "inf")
	for _, node := range allNodes {
		wantKeptOut(t, node)
	}
	box.exec(t, "aver-worker-1", "systemctl", "restart", "docker")
	wantKeptOut(t, "aver-worker-1")
	reboot(t, "aver-worker-2")
	wantKeptOut(t, "aver-worker-2")
}

// wantKeptOut waits for the containers of a node, and then checks what they reach.
func wantKeptOut(t *testing.T, node string) {
	t.Helper()
	var containers []string
	eventually(t, 90*time.Second, "the containers on "+node, func() (bool, string) {
		tasks, err := box.tryExec(t.Context(), node, taskContainer...)
		bridge, _ := box.tryExec(t.Context(), node, "docker", "ps", "--quiet", "--filter", "name=e2e-bridge")
		containers = strings.Fields(tasks + bridge)
		return err == nil && len(containers) == 2, tasks + bridge
	})
	eventually(t, 20*time.Second, node+" to reach Azure's services itself", func() (bool, string) {
		found := reaches(t, node, "")
		return maps.Equal(found, ofTheNode), fmt.Sprint(found)
	})
	for _, container := range containers {
		if found := reaches(t, node, container); !maps.Equal(found, ofAContainer) {
			t.Errorf("a container on %s reaches %v", node, found)
		}
	}
}

// reboot restarts a node and waits until it is back.
func reboot(t *testing.T, node string) {
	t.Helper()
	const mark = "/run/e2e-before-the-reboot" // /run is empty after a reboot
	box.exec(t, node, "touch", mark)
	_, _ = box.tryExec(t.Context(), node, "systemctl", "reboot") // the reboot may cut the command off
	eventually(t, 2*time.Minute, node+" to be back", func() (bool, string) {
		out, err := box.tryExec(t.Context(), node, "sh", "-c", "test ! -e "+mark+" && docker version")
		return err == nil, out
	})
}
