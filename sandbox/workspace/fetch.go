package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// beginTime is how long a download may take to begin: what a machine without a
	// network waits, once a day.
	beginTime = 2500 * time.Millisecond
	// stallTime is how long one that has begun may stand still, or unpack.
	stallTime = time.Minute
	// askAgain is when a plugin that could not be had is asked for again.
	askAgain = 24 * time.Hour
)

// fetchDir is a PULUMI_HOME of the sandbox's own for plugins that it has the CLI
// fetch: a cache, which `down` names.
func (w *Workspace) fetchDir() string { return filepath.Join(w.CacheDir, "official") }

// fetch has the CLI download the plugins, as `pulumi up` would. One that cannot be
// had is noted, and not asked for again within a day unless now is set.
func (w *Workspace) fetch(ctx context.Context, names []string, now bool) error {
	var wanted [][2]string
	for _, name := range names {
		version, err := w.sdkVersion(name)
		if err != nil {
			return err
		}
		if version != "" && (now || !w.deniedLately(name, version)) {
			wanted = append(wanted, [2]string{name, version})
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if err := os.MkdirAll(w.fetchDir(), 0o755); err != nil {
		return err
	}
	w.Log("asking for the official plugins %s", list(wanted))
	errs := make([]error, len(wanted))
	var group sync.WaitGroup
	for i, plugin := range wanted {
		group.Go(func() { errs[i] = w.fetchOne(ctx, plugin[0], plugin[1]) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return w.noteDenied(wanted, errs)
}

// noteDenied remembers what could not be had, and says so once for each reason.
func (w *Workspace) noteDenied(wanted [][2]string, errs []error) error {
	denied := map[string][][2]string{}
	for i, plugin := range wanted {
		if errs[i] == nil {
			continue
		}
		reason := errs[i].Error()
		denied[reason] = append(denied[reason], plugin)
		if err := os.WriteFile(w.denial(plugin[0], plugin[1]), []byte(reason+"\n"), 0o644); err != nil {
			return err
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(denied)) {
		w.Log("cannot be had here: %s (%s); asking again after a day, or with --plugins=%s", list(denied[reason]), reason, Official)
	}
	return nil
}

func list(plugins [][2]string) string {
	names := make([]string, len(plugins))
	for i, plugin := range plugins {
		names[i] = plugin[0] + " " + plugin[1]
	}
	return strings.Join(names, ", ")
}

// denial is the note that a plugin could not be had.
func (w *Workspace) denial(name, version string) string {
	return filepath.Join(w.fetchDir(), "not-had-"+name+"-"+version)
}

func (w *Workspace) deniedLately(name, version string) bool {
	note, err := os.Stat(w.denial(name, version))
	return err == nil && time.Since(note.ModTime()) < askAgain
}

// fetchOne runs the CLI, with a directory for its temporary files to see by whether
// anything arrives. It ends a download that does not begin, or stands still.
func (w *Workspace) fetchOne(ctx context.Context, name, version string) error {
	temporary, err := os.MkdirTemp(w.fetchDir(), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	cmd := exec.Command(w.cli, "plugin", "install", "resource", name, version, "--exact", "--non-interactive")
	cmd.Dir = temporary // not in the project, which it would look into
	cmd.Env = append(inherited(), "PULUMI_HOME="+w.fetchDir(), "TMPDIR="+temporary, "PULUMI_SKIP_UPDATE_CHECK=1",
		"PULUMI_BACKEND_URL=file://"+temporary, "PULUMI_DISABLE_REGISTRY_RESOLVE=true")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	unpacked := filepath.Join(w.fetchDir(), "plugins", "resource-"+name+"-"+version)
	err = watch(ctx, ended, func() int64 { return size(temporary) + size(unpacked) })
	if errors.As(err, new(*exec.ExitError)) {
		lines := strings.Split(strings.TrimSpace(output.String()), "\n")
		return errors.New(lines[len(lines)-1])
	}
	if err != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error says that it ended just now
	}
	return err
}

// watch waits for the end of a download, as long as ever more has arrived.
func watch(ctx context.Context, ended <-chan error, arrived func() int64) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last, moved, limit := arrived(), time.Now(), beginTime
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if so := arrived(); so != last {
			last, moved, limit = so, time.Now(), stallTime
		}
		if time.Since(moved) > limit {
			return fmt.Errorf("nothing arrived for %s", limit)
		}
	}
}

// size is what lies below a directory, in bytes; files that go meanwhile do not count.
func size(dir string) (total int64) {
	filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
