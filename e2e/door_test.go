package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// away is a way in which the first of three managers can be unavailable, and how it comes
// back.
type away struct {
	name       string
	begin, end []string // arguments of the engine
	gone       bool     // the VM is lost, and up rebuilds it
	heard      bool     // the other managers can still reach it
}

// aways are the cases that operators see: a VM whose sshd does not run, one that hangs, one
// that cannot be reached, and one that no longer exists.
var aways = []away{
	{name: "without sshd", begin: []string{"exec", containerName(first), "systemctl", "stop", "ssh.service"},
		end: []string{"exec", containerName(first), "systemctl", "start", "ssh.service"}, heard: true},
	{name: "frozen", begin: []string{"pause", containerName(first)}, end: []string{"unpause", containerName(first)}},
	{name: "cut off", begin: cut("-I"), end: cut("-D")},
	{name: "gone", begin: []string{"rm", "--force", "--volumes", containerName(first)}, gone: true},
}

// cut takes the first manager's networks away (-I) or gives them back (-D). The manager
// keeps running, alone.
func cut(verb string) []string {
	return []string{"exec", containerName(first), "sh", "-c",
		fmt.Sprintf("for chain in INPUT OUTPUT FORWARD; do iptables -w %s $chain -j DROP; done", verb)}
}

// TestLongFirstIsAway has the first of three managers without sshd, frozen, cut off and
// gone. Each time, a push deploys through another manager, the API answers there, a preview
// reports the problem, and up goes through another door. When the first manager is back, up
// goes through it again.
func TestLongFirstIsAway(t *testing.T) {
	isLong(t)
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.otherDoor(t.Context()); err != nil {
		t.Fatalf("another door, with all of them there: %v", err)
	}
	if err := f.certificates(t.Context()); err != nil {
		t.Fatalf("certificates: %v", err)
	}
	for _, a := range aways {
		began := time.Now()
		if err := f.without(t.Context(), a); err != nil {
			t.Fatalf("the first manager is %s: %v", a.name, err)
		}
		t.Logf("%s: %s", a.name, time.Since(began).Round(time.Second))
	}
}

// certificates rolls the edge until it has run on each of the other managers and so has a
// certificate there. (Swarm places it last on the first manager, which has RabbitMQ and
// Seq.) Without a balancer the name leads to the first manager: while that manager is away,
// the authority cannot reach an edge that asks it for a certificate.
func (f *field) certificates(ctx context.Context) error {
	const has = "test -n \"$(find /var/lib/docker/volumes/aver_edge-data/_data/caddy/certificates -name '*.crt')\""
	return within(ctx, 3*time.Minute, "the other managers have a certificate", func() error {
		for _, name := range []string{second, third} {
			if _, err := f.tryExec(ctx, name, "sh", "-c", has); err != nil {
				_, rolled := f.tryExec(ctx, first, "docker", "service", "update", "--quiet", "--force", "aver_edge")
				return errors.Join(err, rolled)
			}
		}
		return nil
	})
}

// otherDoor makes each manager the door once. That changes no service and makes no new
// release.
func (f *field) otherDoor(ctx context.Context) error {
	before, err := f.versions(ctx)
	if err != nil {
		return err
	}
	release, err := f.released(ctx)
	if err != nil {
		return err
	}
	for _, door := range []string{third, second, ""} {
		began := time.Now()
		said, err := f.up(ctx, door, "40s")
		if err != nil {
			return err
		}
		fmt.Printf("door %q: %s, %s\n", door, time.Since(began).Round(time.Second), strings.Join(strings.Fields(strings.Join(changes.FindAllString(said, -1), " ")), " "))
		after, err := f.versions(ctx)
		if err != nil {
			return err
		}
		now, err := f.released(ctx)
		if err != nil {
			return err
		}
		if fmt.Sprint(after) != fmt.Sprint(before) || now != release {
			return fmt.Errorf("door %q: %s and the services %v are now %s and %v", door, release, before, now, after)
		}
		if _, err := f.run(ctx, 5*time.Minute, "preview", "--expect-no-changes", "--config", "averazure:door="+door); err != nil {
			return fmt.Errorf("door %q: %w", door, err)
		}
	}
	return nil
}

// released is the number of the newest release.
func (f *field) released(ctx context.Context) (string, error) {
	out, err := f.tryExec(ctx, second, "sh", "-c", "docker config ls --format '{{.Name}}' | grep -E '^aver-release-[0-9]+$' | sort -t- -k3 -n | tail -n 1")
	return strings.TrimSpace(out), err
}

// up runs Pulumi's own up through a door, with a setting that every manager has. The
// sandbox's own up would wait until the API answers at the first manager's address.
func (f *field) up(ctx context.Context, door, patience string) (string, error) {
	return f.run(ctx, 10*time.Minute, upWith(door, patience)...)
}

func upWith(door, patience string) []string {
	return []string{"pulumi", "--config", "averazure:door=" + door, "--config", "averazure:deployPatience=" + patience, "--", "up", "--yes"}
}

// without goes through the whole time of one such failure: the first manager fails, a push
// and an up go through another one, and the first manager comes back.
func (f *field) without(ctx context.Context, a away) (err error) {
	if err := f.engine(ctx, a.begin...); err != nil {
		return err
	}
	back := func() error {
		if a.end == nil {
			return nil
		}
		end := a.end
		a.end = nil
		return f.engine(context.WithoutCancel(ctx), end...)
	}
	defer func() { err = errors.Join(err, back()) }()

	file, value := f.next()
	managers, err := f.writtenManagers()
	if err != nil {
		return err
	}
	p, err := f.begin(ctx, first, file, "MANAGERS="+managers)
	if err != nil {
		return err
	}
	if err := p.expect("runs", 120*time.Second); err != nil {
		return err
	}
	fmt.Printf("%s: a push deployed after %s\n", a.name, p.took)
	if err := errors.Join(f.runs(ctx, value), f.answersAt(ctx, second)); err != nil {
		return err
	}
	if err := f.previewOf(ctx, a); err != nil {
		return err
	}
	if err := f.upThrough(ctx, a, second, "45s"); err != nil {
		return err
	}
	if err := back(); err != nil {
		return err
	}
	if err := f.whole(ctx, second, 2*time.Minute); err != nil {
		return err
	}
	began := time.Now()
	if _, err := f.up(ctx, "", "40s"); err != nil {
		return err
	}
	fmt.Printf("%s: up through the first again took %s\n", a.name, time.Since(began).Round(time.Second))
	if err := f.haveManagers(ctx, 3); err != nil {
		return err
	}
	_, err = f.run(ctx, 5*time.Minute, "preview", "--expect-no-changes")
	return err
}

// TestLongAnotherDoorAsThePageSays follows docs/operations.md while the first manager is
// frozen, and again when it is back.
func TestLongAnotherDoorAsThePageSays(t *testing.T) {
	isLong(t)
	const section = "The first manager is gone, frozen or cut off"
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := box.engine(t.Context(), "pause", containerName(first)); err != nil {
		t.Fatal(err)
	}
	frozen := true
	thaw := func() {
		if frozen {
			frozen = false
			if err := box.engine(context.Background(), "unpause", containerName(first)); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(thaw)
	eventually(t, time.Minute, "the others elect a leader", func() (bool, string) {
		out, err := box.tryExec(t.Context(), second, "docker", "node", "ls")
		return err == nil, fmt.Sprint(out, err)
	})
	follow(t, section, 0).on(second)
	mustSay(t, follow(t, section, 1).here(), "averazure:door")
	thaw()
	if err := f.whole(t.Context(), second, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	follow(t, section, 2).on(second)
	box.mustRun(t, "preview", "--expect-no-changes")
}
