package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// previewed is what `pulumi preview --json` prints.
type previewed struct {
	Steps []struct {
		Op  string `json:"op"`
		URN string `json:"urn"`
	} `json:"steps"`
	Diagnostics []struct{ Message, Severity string } `json:"diagnostics"`
}

// preview returns the names of the resources that an `up` would change, and the warnings
// except those about the configuration, which name a key.
func preview(t *testing.T) (updates, warnings []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := box.command(ctx, "pulumi", "--", "preview", "--json").Output()
	if err != nil {
		t.Fatalf("preview: %v\n%s", err, out)
	}
	_, text, _ := strings.Cut("\n"+string(out), "\n{")
	var p previewed
	if err := json.NewDecoder(strings.NewReader("{" + text)).Decode(&p); err != nil {
		t.Fatalf("preview: %v\n%s", err, out)
	}
	for _, step := range p.Steps {
		if step.Op != "same" {
			updates = append(updates, step.URN[strings.LastIndex(step.URN, "::")+2:])
		}
	}
	for _, d := range p.Diagnostics {
		message := strings.TrimSpace(d.Message)
		// Messages of the CLI about plugins that it finds installed are not the program's.
		if d.Severity == "warning" && !strings.Contains(message, "averazure:") && !strings.HasPrefix(message, "warning: using pulumi-") {
			warnings = append(warnings, message)
		}
	}
	return updates, warnings
}

// lose deletes a VM without the program, as `az vm delete` does: its disk is deleted too,
// but its interface and address are not.
func (s *sandbox) lose(ctx context.Context, host string) error {
	return s.engine(ctx, "rm", "--force", "--volumes", containerName(host))
}

// TestPreviewShowsWhatSomebodyChanged stops the agent, changes one thing of each kind by
// hand, and checks one preview, one `up` and the preview after it.
func TestPreviewShowsWhatSomebodyChanged(t *testing.T) {
	manager := func(argv ...string) { t.Helper(); box.exec(t, "aver-manager", argv...) }
	manager("systemctl", "stop", "stackctl-agent")
	t.Cleanup(func() { manager("systemctl", "start", "stackctl-agent") })
	secret := strings.TrimSpace(box.exec(t, "aver-manager", "sh", "-c", "docker secret ls --format '{{.Name}}' | grep ^azure_tenant_id-"))

	// Without this option Swarm itself would put the service back when the nodes leave.
	manager("docker", "service", "update", "--detach", "--quiet", "--update-failure-action", "continue",
		"--replicas", "3", "--env-add", "LEVEL=debug", "--secret-rm", secret, "aver_api")
	manager("docker", "secret", "rm", secret)
	manager("docker", "service", "rm", "aver_seq")
	manager("docker", "service", "create", "--detach", "--quiet", "--no-resolve-image", "--name", "aver_extra", "--label", "com.docker.stack.namespace=aver",
		"--replicas", "0", image)
	manager("docker", "node", "update", "--availability", "drain", "aver-worker-1")
	manager("docker", "node", "update", "--label-rm", "averazure.role", "aver-worker-1")
	box.exec(t, "aver-worker-1", "sh", "-c", "echo >>/etc/docker/daemon.json")
	mustPreview(t, []string{"aver-deploy", "aver-secrets", "aver-worker-1-member", "aver-worker-1-settings"},
		" aver_api: replicas 3", " aver_api: variable LEVEL", " aver_seq: ", " aver_extra: ",
		" azure_tenant_id: ", " aver-worker-1: drain", " aver-worker-1: label averazure.role", "daemon.json: ")
	box.mustRun(t, "up")
	mustPreviewNothing(t)
	s := &smallStack{name: "aver", bounds: stackBounds}
	eventually(t, time.Minute, "all as released", func() (bool, string) {
		status := s.status(t)
		return status.InSync && status.Healthy, fmt.Sprintf("%+v", status)
	})
}

// mustPreview runs a preview, which has to update these resources and to warn of the rest.
func mustPreview(t *testing.T, updated []string, warned ...string) {
	t.Helper()
	updates, warnings := preview(t)
	for _, want := range updated {
		if !slices.Contains(updates, want) {
			t.Errorf("%s is not among the updates %v", want, updates)
		}
	}
	for _, want := range warned {
		if !slices.ContainsFunc(warnings, func(have string) bool { return strings.Contains(have, want) }) {
			t.Errorf("no warning %q in:\n%s", want, strings.Join(warnings, "\n"))
		}
	}
}

func mustPreviewNothing(t *testing.T) {
	t.Helper()
	if updates, warnings := preview(t); len(updates) > 0 || len(warnings) > 0 {
		t.Errorf("after the repair: %v\n%s", updates, strings.Join(warnings, "\n"))
	}
}

// TestSlowPreviewShowsALostVMAndAFullDisk fills a disk and deletes a VM, and checks one
// preview, one `up` and the preview after it.
func TestSlowPreviewShowsALostVMAndAFullDisk(t *testing.T) {
	isSlow(t)
	empty := fill(t, "aver-worker-1")
	entries := func() []string {
		return strings.Fields(box.exec(t, "aver-manager", "docker", "node", "ls", "--filter", "name=aver-worker-2", "--format", "{{.Status}} {{.ID}}"))
	}
	before := entries()
	if err := box.lose(t.Context(), "aver-worker-2"); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the Swarm calls aver-worker-2 down", func() (bool, string) {
		state := box.exec(t, "aver-manager", "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}}")
		return strings.Contains(state, "aver-worker-2 Down"), state
	})
	mustSeeDisk(t, "aver-worker-1", true)
	mustPreview(t, []string{"aver-worker-2"}, " aver-worker-1: disk 9", " aver-worker-2: down")
	box.mustRun(t, "up")
	if after := entries(); len(after) != 2 || after[0] != "Ready" || after[1] == before[1] {
		t.Errorf("the Swarm's entries of aver-worker-2 are %v after %v", after, before)
	}
	follow(t, "A full disk", 0).on("aver-worker-1")
	empty()
	mustSeeDisk(t, "aver-worker-1", false)
	mustPreviewNothing(t)
}

// TestLongPreviewShowsWhatAPauseLeaves: the agent leaves a paused stack as it is, so a
// preview shows that the stack's network is gone, and its services too.
func TestLongPreviewShowsWhatAPauseLeaves(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	verb := func(args ...string) {
		t.Helper()
		if result, code, err := f.verb(context.Background(), first, time.Minute, args...); err != nil || code != 0 {
			t.Fatalf("%s ends with %d: %+v, %v", args[0], code, result, err)
		}
	}
	verb("pause", f.outputs.StackName, "10m", "--why", "a test")
	resumed := false
	resume := func() {
		if !resumed {
			resumed = true
			verb("resume", f.outputs.StackName)
		}
	}
	defer resume()
	box.exec(t, first, "docker", "service", "rm", "aver_api", "aver_edge", "aver_rabbitmq", "aver_seq")
	eventually(t, 2*time.Minute, "the network is gone", func() (bool, string) {
		_, _ = box.tryExec(t.Context(), first, "docker", "network", "rm", "aver_net")
		left := box.exec(t, first, "docker", "network", "ls", "--quiet", "--filter", "name=^aver_net$")
		return left == "", left
	})
	updates, warnings := preview(t)
	if !slices.Contains(updates, "aver-deploy") {
		t.Errorf("the deployment is not among the updates %v", updates)
	}
	for _, want := range []string{" aver_net: ", " aver_api: "} {
		if !slices.ContainsFunc(warnings, func(have string) bool { return strings.Contains(have, want) }) {
			t.Errorf("no warning %q in:\n%s", want, strings.Join(warnings, "\n"))
		}
	}
	resume()
	if err := f.whole(t.Context(), first, 4*time.Minute); err != nil {
		t.Fatal(err)
	}
	if updates, warnings := preview(t); len(updates) > 0 || len(warnings) > 0 {
		t.Errorf("after the agent put it back: %v\n%s", updates, strings.Join(warnings, "\n"))
	}
}
