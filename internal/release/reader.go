package release

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// Reader shows stacks on one manager. It changes nothing there: it has only Docker's
// reading methods.
type Reader struct {
	// Swarm is Docker on this manager.
	Swarm SwarmReader
	// Settings are the limits.
	Settings Settings
	// Auth returns the login at an image's registry, encoded for Docker's API; empty if
	// nobody is logged in.
	Auth func(image string) (string, error)
	// Key returns the private key that secrets from files are encrypted for.
	Key func() ([]byte, error)
	// Say reports the progress to a person.
	Say func(format string, args ...any)
	// Host is this manager's host name.
	Host string

	// Tests replace these; nil is the real thing.
	Now   func() time.Time
	Alive func(run string) bool
	Dial  func(ctx context.Context, address string) error

	node string // this manager's id in the Swarm
	run  string // this process
}

func (d *Reader) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// sleep waits unless the context ends before.
func (d *Reader) sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (d *Reader) say(format string, args ...any) {
	if d.Say != nil {
		d.Say(format, args...)
	}
}

// notManagerError says that this node is not a manager, or not any more. A caller that
// can ask another manager does so.
type notManagerError struct{ error }

// know finds out which node of which Swarm this is.
func (d *Reader) know(ctx context.Context) error {
	if d.node != "" {
		return nil
	}
	info, err := ask(ctx, d, "ask Docker about itself", d.Swarm.Info)
	if err != nil {
		return err
	}
	if !info.Swarm.ControlAvailable {
		return notManagerError{fmt.Errorf("%s is not a manager of a Swarm (%s %s)", d.Host, info.Swarm.LocalNodeState, info.Swarm.Error)}
	}
	d.node = info.Swarm.NodeID
	d.run = thisRun()
	return nil
}

// thisRun names this process in a way that no later process repeats: by its number and its
// start, which /proc gives in clock ticks since the boot.
func thisRun() string { return fmt.Sprintf("%d-%s", os.Getpid(), startOf(os.Getpid())) }

func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field, the program's name, may contain anything; the start is 20 fields
	// after it. proc(5)
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 20 {
		return ""
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return fields[19] + "-" + strings.TrimSpace(string(boot))
}

// alive tells whether a run on this host still is.
func (d *Reader) alive(run string) bool {
	if d.Alive != nil {
		return d.Alive(run)
	}
	var pid int
	if _, err := fmt.Sscanf(run, "%d-", &pid); err != nil {
		return false
	}
	return startOf(pid) != "" && run == fmt.Sprintf("%d-%s", pid, startOf(pid))
}
