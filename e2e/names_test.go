package e2e

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// askNames asks the first name server of a resolv.conf for a name's IPv4 addresses, like a
// program that uses neither a search list nor /etc/hosts.
const askNames = `
import json, socket, struct, sys
conf, name = sys.argv[1:]
server = next(l.split()[1] for l in open(conf) if l.startswith("nameserver"))
labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(10)
    s.connect((server, 53))
    s.sendall(query)
    answer = s.recv(4096)
found, at = [], len(query)
for _ in range(struct.unpack(">H", answer[6:8])[0]):
    while answer[at] and answer[at] < 192:
        at += answer[at] + 1
    at += 2 if answer[at] else 1
    kind, _, _, length = struct.unpack(">2HIH", answer[at:at + 10])
    at += 10 + length
    if kind == 1:
        found.append(socket.inet_ntoa(answer[at - 4:at]))
print(json.dumps({"server": server, "code": answer[3] & 15, "addresses": sorted(found)}))`

// answer is what a name server answers for a name.
type answer struct {
	Server    string
	Code      int
	Addresses []string
}

// asks queries a name on a node or, if pid is not empty, in the container of that process.
func asks(t *testing.T, node, pid, name string) answer {
	t.Helper()
	argv := []string{"python3", "-c", askNames, "/etc/resolv.conf", name}
	if pid != "" {
		argv[3] = "/proc/" + pid + "/root/etc/resolv.conf"
		argv = append([]string{"nsenter", "--net", "--target", pid}, argv...)
	}
	var said answer
	if out := box.exec(t, node, argv...); json.Unmarshal([]byte(tail(out, 1)), &said) != nil {
		t.Fatalf("%s asks for %s: %s", node, name, out)
	}
	return said
}

// TestNamesResolveOnNodesAndInContainers asks as a VM on Azure would, on every node, and
// through Docker's own name server in a container on each node.
func TestNamesResolveOnNodesAndInContainers(t *testing.T) {
	entry := strings.TrimSpace(box.mustRun(t, "outputs", "entryName"))
	address := strings.TrimSpace(box.mustRun(t, "outputs", "entryAddress"))
	_, region, _ := strings.Cut(entry, ".")
	wanted := map[string]answer{
		entry:                            {Addresses: []string{address}},
		"registry.sandbox.internal":      {Addresses: []string{strings.TrimSuffix(sandboxNetwork, "0/24") + "2"}},
		"somebody-elses-name." + region:  {Code: 3, Addresses: []string{}},
		"none.registry.sandbox.internal": {Code: 3, Addresses: []string{}},
	}
	// If this machine resolves public names, so do the nodes.
	const outside = "deb.debian.org"
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if found, err := (&net.Resolver{PreferGo: true}).LookupHost(ctx, outside+"."); err == nil && len(found) > 0 {
		wanted[outside] = answer{}
	} else {
		t.Logf("this machine does not resolve %s: %v", outside, err)
	}
	containers := 0
	for _, node := range allNodes {
		askers := map[string]string{"168.63.129.16": ""}
		pids := strings.Fields(box.exec(t, node, "sh", "-c", "docker ps --quiet | head -n 1 | xargs -r docker inspect --format '{{.State.Pid}}'"))
		for _, pid := range pids {
			askers["127.0.0.11"], containers = pid, containers+1
		}
		for server, process := range askers {
			for name, want := range wanted {
				got := asks(t, node, process, name)
				known := slices.Equal(got.Addresses, want.Addresses) || name == outside && len(got.Addresses) > 0
				if got.Server != server || got.Code != want.Code || !known {
					t.Errorf("%s, asked at %s on %s: %+v", name, server, node, got)
				}
			}
		}
	}
	if containers == 0 {
		t.Error("no container runs on any node")
	}
}
