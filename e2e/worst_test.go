package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// verb runs a verb of stackctl and reads its result.
func (f *field) verb(ctx context.Context, node string, limit time.Duration, verb ...string) (release.Result, int, error) {
	var result release.Result
	out, code, err := f.stackctl(ctx, node, limit, verb...)
	if err == nil {
		if err = json.Unmarshal([]byte(out), &result); err != nil {
			err = fmt.Errorf("%s ends with %d and %q: %w", strings.Join(verb, " "), code, out, err)
		}
	}
	return result, code, err
}

// refusesToRecover fails unless recover refuses with the given code.
func (f *field) refusesToRecover(ctx context.Context, want string) error {
	result, code, err := f.verb(ctx, first, time.Minute, "recover")
	if err != nil || code != 2 || result.Outcome != release.Refused || result.Problems[0].Code != want {
		return fmt.Errorf("recover ends with %d: %+v, %w; want it refused for %s", code, result, err, want)
	}
	return nil
}

// recovers makes a Swarm of one manager, without the others.
func (f *field) recovers(ctx context.Context, node string, others ...string) error {
	began := time.Now()
	result, code, err := f.verb(ctx, node, 5*time.Minute, "recover")
	slices.Sort(result.Nodes)
	if err != nil || code != 0 || !slices.Equal(result.Nodes, others) {
		return fmt.Errorf("recover ends with %d: %+v, %w", code, result, err)
	}
	fmt.Printf("recovered on %s in %s\n", node, time.Since(began).Round(time.Second))
	return f.knowsManagers(ctx, node, 1)
}

// upRefreshed runs Pulumi's up with a refresh, through a door, and waits for three managers.
func (s *sandbox) upRefreshed(ctx context.Context, door string) error {
	if _, err := s.run(ctx, 15*time.Minute, "pulumi", "--config", "averazure:door="+door, "--", "up", "--yes", "--refresh"); err != nil {
		return err
	}
	return s.haveManagers(ctx, 3)
}

// TestLongQuorumIsLost loses two of three managers for good. recover refuses while they may
// come back, then makes a Swarm of the remaining manager, and up makes three again: the
// lost ones come back on their old disks, which still hold the former Swarm. In the first
// round the first manager remains, in the second round another one, through which up goes.
func TestLongQuorumIsLost(t *testing.T) {
	isLong(t)
	ctx := t.Context()
	f, err := box.newField(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	silent := []string{containerName(second), containerName(third)}
	// A leader takes some seconds to notice that the others do not hear it.
	missed := func(node string) error {
		return within(ctx, time.Minute, "the quorum is missed", func() error { return f.failing(ctx, node, 20*time.Second, "status") })
	}
	nothing := func() error {
		_, err := box.run(ctx, 5*time.Minute, "preview", "--expect-no-changes")
		return err
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"while there is a quorum", func() error { return f.refusesToRecover(ctx, "has-quorum") }},
		{"while the others are frozen", func() error {
			if err := box.engine(ctx, append([]string{"pause"}, silent...)...); err != nil {
				return err
			}
			return errors.Join(missed(first), f.refusesToRecover(ctx, "managers-live"), box.engine(ctx, append([]string{"unpause"}, silent...)...), f.whole(ctx, second, 2*time.Minute))
		}},
		{"lost", func() error { return errors.Join(box.lose(ctx, second), box.lose(ctx, third), missed(first)) }},
		{"recovered", func() error { return f.recovers(ctx, first, second, third) }},
		{"one manager works", func() error {
			return within(ctx, 2*time.Minute, "the stack is whole", func() error {
				status, err := f.status(ctx, first)
				if err == nil && !status.Healthy {
					err = fmt.Errorf("%+v", status.Services)
				}
				return err
			})
		}},
		{"three again", func() error {
			p := follow(t, "The quorum is lost", 1)
			p.statements = p.statements[1:] // the remaining manager is the first one
			p.here()
			return box.haveManagers(ctx, 3)
		}},
		{"nothing to do", nothing},
		{"all but the second lost", func() error {
			return errors.Join(box.lose(ctx, first), box.lose(ctx, third), missed(second))
		}},
		{"recovered on the second", func() error { return f.recovers(ctx, second, first, third) }},
		// Without a balancer the name leads to the first manager, so an edge that has moved
		// gets no certificate before that manager is back.
		{"three again, through the second", func() error { return box.upRefreshed(ctx, second) }},
		{"through the first again", func() error { return box.upRefreshed(ctx, "") }},
		{"the stack is whole", func() error { return f.whole(ctx, first, 2*time.Minute) }},
		{"nothing to do again", nothing},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
	}
}

// mark is a text that is written into a volume, to be found again later.
const mark = "of yesterday"

// seqVolume runs a shell command in the directory of Seq's volume.
func (s *sandbox) seqVolume(ctx context.Context, script string) (string, error) {
	return s.tryExec(ctx, first, "sh", "-c", `cd "$(docker volume inspect --format '{{.Mountpoint}}' aver_seq-data)" && `+script)
}

// TestLongEverythingIsLost makes a backup, destroys everything except the backups and their
// key, brings up an empty cluster, and restores services and data into it.
func TestLongEverythingIsLost(t *testing.T) {
	isLong(t)
	ctx := t.Context()
	// Data disks that are kept would outlive the destroy.
	backups := []string{"--config", "averazure:backupTime=02:00", "--config", "averazure:keepData=false"}
	box.mustRun(t, append([]string{"up"}, backups...)...)
	box.forget()
	f, err := box.newField(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	file, value := f.next()
	if err := f.push(ctx, second, file, "runs", 2*time.Minute); err != nil { // only stack-repo has deployed this
		t.Fatal(err)
	}
	if _, err := box.seqVolume(ctx, "echo '"+mark+"' >mark"); err != nil {
		t.Fatal(err)
	}
	for _, manager := range []string{first, second, third} {
		follow(t, "Backups: are there any?", 0).on(manager)
		if paused := box.exec(t, manager, "docker", "ps", "--quiet", "--filter", "status=paused"); paused != "" {
			t.Errorf("on %s there stand still: %s", manager, paused)
		}
	}
	made := box.exec(t, second, "stackctl", "backups")
	for _, want := range []string{"aver_seq-data", "aver_rabbitmq-data", "swarm"} {
		if !strings.Contains(made, want) {
			t.Errorf("no backup of %s:\n%s", want, made)
		}
	}
	key, _ := box.outputs(t).all["backupPrivateKey"].(string)

	if _, err := box.run(ctx, 5*time.Minute, "pulumi", "--", "destroy", "--yes"); err == nil {
		t.Fatal("the backups can be destroyed")
	}
	box.mustRun(t, "pulumi", "--", "destroy", "--yes", "--exclude-protected")
	follow(t, "Everything is lost", 0).here()
	box.forget()
	if left, err := box.seqVolume(ctx, "cat mark"); err == nil {
		t.Fatalf("the volume is not a new one: %s", left)
	}
	if again, _ := box.outputs(t).all["backupPrivateKey"].(string); again != key || key == "" {
		t.Error("the key is another one")
	}
	dir := loggedIn(t)
	restore := follow(t, "Everything is lost", 1)
	restore.dir = dir
	restore.here()
	if back, err := box.seqVolume(ctx, "cat mark && rm mark"); err != nil || strings.TrimSpace(back) != mark {
		t.Errorf("the data are %q, %v", back, err)
	}
	one := follow(t, "A volume is lost", 0)
	one.dir = dir
	one.here()
	if back, err := box.seqVolume(ctx, "cat mark"); err != nil || strings.TrimSpace(back) != mark {
		t.Errorf("the data are %q, %v", back, err)
	}
	if err := f.runs(ctx, value); err != nil {
		t.Errorf("the release of stack-repo: %v", err)
	}
	if status, err := f.status(ctx, first); err != nil || !status.InSync || !status.Healthy {
		t.Errorf("%+v, %v", status.Differences, err)
	}
	if _, err := box.run(ctx, 5*time.Minute, "preview", "--expect-no-changes"); err != nil {
		t.Error(err)
	}
	box.mustRun(t, "up", "--config", "averazure:keepBackups=false")
	box.mustRun(t, "up", "--config", "averazure:backupTime=")
}
