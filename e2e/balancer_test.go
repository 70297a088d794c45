package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// visit asks for a URL at an address ten times a second, each time on a new connection.
func visit(client *http.Client, url string) *answerWatch {
	client.Timeout = 5 * time.Second
	client.Transport.(*http.Transport).DisableKeepAlives = true
	return watchWith(client, url, 100*time.Millisecond)
}

// gapLimit is how long the API may be unavailable while a balancer is added or removed.
const gapLimit = 10 * time.Second

// balanced are the settings of a stack with a balancer, a worker without a public address,
// and a port for the service that shows the client's address.
var balanced = []string{"--config", "averazure:loadBalancer=true", "--config", "averazure:workers=1",
	"--config", "averazure:publicPorts=80,443,8088"}

// TestLongBalancer puts a balancer in front of a running stack, loses a node behind it
// under load, and removes the balancer again. Clients that use the earlier name are never
// without an answer for long.
func TestLongBalancer(t *testing.T) {
	isLong(t)
	before := box.outputs(t)
	watch := visit(visitor(t, before.EntryAddress), before.APIURL)
	box.mustRun(t, append([]string{"up"}, balanced...)...)
	box.forget()
	mustHardlyMiss(t, "balancer on", watch.stop())
	box.mustRun(t, "preview", "--expect-no-changes")

	now := box.outputs(t)
	if now.EntryAddress == before.EntryAddress || now.EntryName == before.EntryName || now.APIURL != "https://"+now.EntryName {
		t.Errorf("the entry was %s (%s) and is %s (%s), the API is at %s", before.EntryName, before.EntryAddress, now.EntryName, now.EntryAddress, now.APIURL)
	}
	for _, name := range []string{before.APIURL, now.APIURL} { // both names, each with its own certificate
		eventually(t, time.Minute, name+" answers at the balancer", func() (bool, string) {
			status, text, err := fetch(visitor(t, now.EntryAddress), name)
			return err == nil && status == http.StatusOK && strings.Contains(text, greeting), fmt.Sprint(status, err)
		})
	}
	t.Run("worker", func(t *testing.T) { workerHasNoAddress(t, now) })
	t.Run("client", func(t *testing.T) { clientArrives(t, now) })
	t.Run("lost", func(t *testing.T) { nodeIsLost(t, now) })
	t.Run("edge", func(t *testing.T) { edgeIsLost(t, now) })

	watch = visit(visitor(t, before.EntryAddress), before.APIURL)
	box.mustRun(t, "up", "--config", "averazure:loadBalancer=false")
	box.forget()
	mustHardlyMiss(t, "balancer off", watch.stop())
	box.mustRun(t, "preview", "--expect-no-changes")
	if after := box.outputs(t); after.EntryName != before.EntryName || after.EntryAddress != before.EntryAddress {
		t.Errorf("the entry was %s (%s) and is %s (%s)", before.EntryName, before.EntryAddress, after.EntryName, after.EntryAddress)
	}
	box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
	box.forget()
}

func mustHardlyMiss(t *testing.T, what string, s seen) {
	t.Helper()
	t.Logf("%s: %s", what, s)
	if s.gap > gapLimit {
		t.Errorf("%s: nobody was answered for %s, at most %s", what, s.gap, gapLimit)
	}
}

// workerHasNoAddress expects a worker that cannot be reached from outside, but reaches the
// outside itself.
func workerHasNoAddress(t *testing.T, o *outputs) {
	for _, n := range o.Nodes {
		if n.Role == "worker" && n.PublicAddress != "" {
			t.Errorf("%s has the public address %s", n.Name, n.PublicAddress)
		}
	}
	registry := "https://" + strings.TrimSuffix(sandboxNetwork, "0/24") + "2:5000/v2/"
	if out := box.exec(t, "aver-worker-1", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", registry); out != "401" {
		t.Errorf("the worker gets %q from the registry, want 401", out)
	}
}

// mirror answers with the client's address, on every node's own port.
const mirror = `services:
  mirror:
    image: caddy:2
    entrypoint: [sh, -c, "printf ':8088 {\n respond {http.request.remote.host}\n}\n' >/tmp/Caddyfile; exec caddy run --config /tmp/Caddyfile --adapter caddyfile"]
    ports: [{target: 8088, published: 8088, mode: host}]
    deploy: {mode: global, update_config: {monitor: 1s}}
`

// clientArrives expects the client's own address behind the balancer for a service that
// publishes its ports on the nodes.
func clientArrives(t *testing.T, o *outputs) {
	s := newStack(t, "mirror")
	s.deploy(t, mirror, release.Runs, 1)
	here := strings.TrimSuffix(sandboxNetwork, "0/24") + "1"
	eventually(t, time.Minute, "the balancer's probes find the service", func() (bool, string) {
		client := visitor(t, o.EntryAddress)
		status, text, err := fetch(client, "http://"+net.JoinHostPort(o.EntryAddress, "8088"))
		return err == nil && strings.TrimSpace(text) == here, fmt.Sprint(status, text, err)
	})
}

// answersInARow waits until a hundred requests in a row are answered.
func answersInARow(t *testing.T, address, url string) {
	t.Helper()
	client := visitor(t, address)
	client.Timeout = 2 * time.Second
	client.Transport.(*http.Transport).DisableKeepAlives = true
	streak := 0
	eventually(t, 90*time.Second, "a hundred requests in a row are answered", func() (bool, string) {
		if status, _, err := fetch(client, url); err != nil || status != http.StatusOK {
			streak = 0
			return false, fmt.Sprint(status, err)
		}
		streak++
		return streak >= 100, fmt.Sprint(streak)
	})
}

// nodeIsLost cuts the worker's power under load: requests under way there are lost, and
// soon all requests are answered again. Pausing the worker would not do, because its kernel
// would still forward what comes for the other nodes.
func nodeIsLost(t *testing.T, o *outputs) {
	ctx := context.Background()
	watch := visit(visitor(t, o.EntryAddress), o.APIURL)
	began := time.Now()
	if err := box.engine(ctx, "kill", containerName("aver-worker-1")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.engine(ctx, "start", containerName("aver-worker-1")); err != nil {
			t.Error(err)
		}
	}()
	answersInARow(t, o.EntryAddress, o.APIURL)
	s := watch.stop()
	t.Logf("a node lost after %s: %s; the last failure ended %s after the loss", time.Since(began).Round(time.Second), s, s.last.Round(time.Second/10))
	if s.gap > gapLimit || s.last > time.Minute {
		t.Errorf("a lost node: %+v", s)
	}
}

// edgeLimit is how long requests may stay unanswered after the manager with the edge has
// died: the Swarm has to notice it, to elect another leader if that manager was the leader,
// and to start the edge elsewhere.
const edgeLimit = 40 * time.Second

// edgeIsLost cuts the power of the manager that runs the edge. The others have its
// certificate.
func edgeIsLost(t *testing.T, o *outputs) {
	ctx := context.Background()
	edgeIsShared(t)
	lost, before := edgeRunsOn(t, first), certificate(t).SerialNumber
	watch := visit(visitor(t, o.EntryAddress), o.APIURL)
	if err := box.engine(ctx, "kill", containerName(lost)); err != nil {
		t.Fatal(err)
	}
	defer comesBack(t, lost)
	answersInARow(t, o.EntryAddress, o.APIURL)
	s := watch.stop()
	t.Logf("%s lost, with the edge: %s; the last failure ended %s after the loss", lost, s, s.last.Round(time.Second/10))
	if s.gap > edgeLimit || s.last > 2*edgeLimit {
		t.Errorf("the edge lost: %+v", s)
	}
	if now := edgeRunsOn(t, another(lost)); now == lost {
		t.Errorf("the edge runs on %s, which is dead", now)
	}
	if now := certificate(t).SerialNumber; now.Cmp(before) != 0 {
		t.Errorf("the edge has the certificate %x on another manager, and had %x", now, before)
	}
}

// edgeIsShared waits until every manager has the same certificates and keys of the edge, and
// checks that the Swarm does not show them.
func edgeIsShared(t *testing.T) {
	t.Helper()
	const look = "cd /var/lib/docker/volumes/aver_edge-data/_data && find . -name '*.crt' -o -name '*.key' | sort >/tmp/shared && xargs stat -c '%n %u %g %a' </tmp/shared && xargs cat </tmp/shared | sha256sum"
	eventually(t, 3*time.Minute, "every manager has the edge's certificate", func() (bool, string) {
		var all []string
		for _, name := range []string{first, second, third} {
			out, err := box.tryExec(context.Background(), name, "sh", "-c", look)
			if err != nil || !strings.Contains(out, ".crt ") {
				return false, fmt.Sprint(name, ": ", out, err)
			}
			all = append(all, out)
		}
		return all[0] == all[1] && all[1] == all[2], strings.Join(all, "\n")
	})
	shown := box.exec(t, first, "sh", "-c", `docker config ls --quiet --filter label=averazure.shared | xargs docker config inspect --format '{{printf "%s" .Spec.Data}}'`)
	if strings.Contains(shown, "PRIVATE KEY") || !strings.HasPrefix(shown, "age-encryption.org/") {
		t.Errorf("the Swarm shows the edge's files: %.40q", shown)
	}
}

// comesBack starts a manager again and waits until its Swarm has all of its nodes.
func comesBack(t *testing.T, name string) {
	t.Helper()
	if err := box.engine(context.Background(), "start", containerName(name)); err != nil {
		t.Error(err)
	}
	eventually(t, 2*time.Minute, name+" is back", func() (bool, string) {
		out, err := box.tryExec(context.Background(), another(name), "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}")
		return err == nil && strings.Count(out, "Ready") == 4 && strings.Count(out, "Reachable")+strings.Count(out, "Leader") == 3, fmt.Sprint(out, err)
	})
}
