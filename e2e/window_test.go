package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// windowAt is a maintenance window of two hours that opens at the given time.
func windowAt(opens time.Time) string {
	opens = opens.UTC()
	return "averazure:maintenanceWindow=" + opens.Format("Monday 15:04") + opens.Add(2*time.Hour).Format("-15:04")
}

// booted identifies one boot of a node, and label is one label of a node: of its engine, or
// one that the managers set on it.
func booted(t *testing.T, node string) string {
	return strings.TrimSpace(box.exec(t, node, "systemctl", "show", "--property", "UserspaceTimestamp", "--value"))
}

func label(t *testing.T, node, of, name string) string {
	return strings.TrimSpace(box.exec(t, first, "docker", "node", "inspect", "--format", `{{index .`+of+`.Labels "averazure.`+name+`"}}`, node))
}

// TestLongNodeRebootsInItsWindow: a node that has to reboot reports that and waits for the
// window; then it is drained, reboots, and takes tasks again.
func TestLongNodeRebootsInItsWindow(t *testing.T) {
	isLong(t)
	const node = third
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	t.Cleanup(func() { box.mustRun(t, "up", "--config", "averazure:maintenanceWindow=Sunday 03:00-05:00") })
	box.mustRun(t, "up", "--config", windowAt(time.Now().Add(72*time.Hour)))
	if held := box.exec(t, node, "apt-mark", "showhold"); !slices.Contains(strings.Fields(held), "docker.io") {
		t.Errorf("%s holds %q: apt may restart Docker at any time", node, held)
	}
	before := booted(t, node)
	box.exec(t, node, "sh", "-c", "touch /run/reboot-required; echo linux-image-e2e >/run/reboot-required.pkgs")
	eventually(t, 3*time.Minute, "the managers know", func() (bool, string) {
		status, err := f.status(t.Context(), first)
		at := slices.IndexFunc(status.Nodes, func(n release.NodeStatus) bool { return n.Name == node })
		return at >= 0 && status.Nodes[at].Reboot == "linux-image-e2e" && status.Reboots != nil && status.Reboots.After(time.Now().Add(48*time.Hour)), fmt.Sprintf("%+v, %v", status.Nodes, err)
	})
	if hold := label(t, node, "Spec", "hold"); hold != "" {
		t.Errorf("outside the window %s is held: %s", node, hold)
	}
	if due := label(t, second, "Description.Engine", "reboot"); due != "" {
		t.Errorf("%s has to reboot as well: %s", second, due)
	}

	watch := watchAnswers(box.outputs(t).APIURL)
	box.mustRun(t, "up", "--config", windowAt(time.Now().Add(-time.Minute)))
	eventually(t, 4*time.Minute, "it is drained", func() (bool, string) {
		out := box.exec(t, first, "docker", "node", "inspect", "--format", "{{.Spec.Availability}}", node) + label(t, node, "Spec", "hold")
		return strings.HasPrefix(out, "drain\nreboot since "), out
	})
	// The node itself may be rebooting at the moment.
	eventually(t, 6*time.Minute, "it has rebooted", func() (bool, string) {
		out, err := box.tryExec(t.Context(), node, "systemctl", "show", "--property", "UserspaceTimestamp", "--value")
		return err == nil && strings.TrimSpace(out) != "" && strings.TrimSpace(out) != before, fmt.Sprint(out, err)
	})
	eventually(t, 4*time.Minute, "it takes tasks again", func() (bool, string) {
		out, err := box.tryExec(t.Context(), first, "docker", "node", "inspect", "--format",
			`{{.Status.State}} {{.Spec.Availability}} {{index .Spec.Labels "averazure.hold"}} {{index .Description.Engine.Labels "averazure.reboot"}}`, node)
		return strings.Join(strings.Fields(out), " ") == "ready active", fmt.Sprint(out, err)
	})
	if since := label(t, node, "Spec", "rebooted"); since == "" {
		t.Errorf("nobody noted that %s had its turn", node)
	}
	if services := box.exec(t, first, "docker", "service", "ls", "--format", "{{.Name}}"); slices.Contains(strings.Fields(services), "averazure-reboot") {
		t.Errorf("the order stays: %s", services)
	}
	t.Logf("while a node rebooted: %s", watch.stop())
	eventually(t, 2*time.Minute, "all is well", func() (bool, string) {
		status, err := f.status(t.Context(), first)
		return err == nil && status.InSync && status.Healthy && status.Reboots == nil, fmt.Sprintf("%+v, %v", status, err)
	})
	if err := box.haveManagers(t.Context(), 3); err != nil {
		t.Error(err)
	}
}

// TestLongAnotherSizeRestartsNodesInTurn gives the managers another size: each is drained,
// restarts and is back before the next one.
func TestLongAnotherSizeRestartsNodesInTurn(t *testing.T) {
	isLong(t)
	nodes := []string{first, second, third}
	before := map[string]string{}
	for _, node := range nodes {
		before[node] = booted(t, node)
	}
	t.Cleanup(func() {
		box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
		box.forget()
	})
	said := box.mustRun(t, "up", "--config", "averazure:managerSize=Standard_B2s_v2")
	at := 0
	for _, node := range nodes {
		for _, step := range []string{"VirtualMachine " + node + " updated", node + "-back updated"} {
			next := strings.Index(said[at:], step)
			if next < 0 {
				t.Fatalf("the run does not have %q in its turn:\n%s", step, said)
			}
			at += next
		}
		if now := booted(t, node); now == before[node] {
			t.Errorf("%s has not restarted", node)
		}
	}
	for _, node := range nodes {
		if state := box.exec(t, first, "docker", "node", "inspect", "--format", "{{.Spec.Availability}}", node) + label(t, node, "Spec", "hold"); state != "active\n" {
			t.Errorf("%s is left as %q", node, state)
		}
	}
	if err := box.haveManagers(t.Context(), 3); err != nil {
		t.Error(err)
	}
	box.mustRun(t, "preview", "--expect-no-changes")
}

// restartLimit is how long a node may go without answering while its own Docker restarts,
// and turnLimit how long a node's turn may take: it is drained, Docker restarts, and the
// services are whole again.
const (
	restartLimit = 30 * time.Second
	turnLimit    = time.Minute
)

// TestLongDockersSettingsCostNoRequest changes settings that restart Docker on three
// managers and a worker, one after another, while clients ask each manager. Each node is
// drained first, so a request fails only at a node whose own Docker restarts.
func TestLongDockersSettingsCostNoRequest(t *testing.T) {
	isLong(t)
	const worker = "aver-worker-1"
	one := []string{"--config", "averazure:workers=1"}
	t.Cleanup(func() {
		box.mustRun(t, "up", "--reset", "--config", "averazure:managers=3", "--config", "averazure:workers=0")
		box.forget()
	})
	box.mustRun(t, append([]string{"up"}, one...)...)
	box.forget()
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	f.threeEdges(t)
	stop := f.askManagers(t)
	began := time.Now()
	said, err := box.transcribed(t.Context(), 10*time.Minute, "up", "--config", "averazure:logMaxSize=11m")
	took := time.Since(began).Round(time.Second)
	answers := stop()
	if err != nil {
		t.Fatal(err)
	}
	nodes := []string{first, second, third, worker}
	t.Logf("the settings took %s", took)
	if limit := time.Duration(len(nodes)) * turnLimit; took > limit {
		t.Errorf("the settings took %s, at most %s for %d nodes", took, limit, len(nodes))
	}
	at, text := 0, said.String()
	for _, node := range nodes {
		for _, step := range []string{node + "-settings updated", node + "-resume updated"} {
			next := strings.Index(text[at:], step)
			if next < 0 {
				t.Fatalf("the run does not have %q in its turn:\n%s", step, text)
			}
			at += next
		}
		if hold := label(t, node, "Spec", "hold"); hold != "" {
			t.Errorf("%s is left as %s", node, hold)
		}
	}
	for node, s := range answers {
		from, to := stepTimes(t, said, []string{node + "-settings updating", "restarting Docker"}, node+"-settings updated")
		mustMissOnlyIts(t, node, s, from, to)
		if s.gap > restartLimit {
			t.Errorf("at %s nobody was answered for %s, at most %s", node, s.gap, restartLimit)
		}
	}
	box.mustRun(t, "preview", "--expect-no-changes")
}
