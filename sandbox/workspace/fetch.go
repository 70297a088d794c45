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
	// beginTime is how long a download may take to begin. A machine without a network
	// waits that long once a day.
	beginTime = 2500 * time.Millisecond
	// stallTime is how long a running download may receive nothing, and how long
	// unpacking may take.
	stallTime = time.Minute
	// askAgain is the time until an unavailable plugin is requested again.
	askAgain = 24 * time.Hour
)

// fetchDir is the PULUMI_HOME for plugins that the sandbox downloads. It is part of the
// cache that `down` keeps and names.
func (w *Workspace) fetchDir() string { return filepath.Join(w.CacheDir, "official") }

// fetch makes the CLI download the plugins, as `pulumi up` would. It records an
// unavailable plugin and requests it again after a day, or at once if now is set.
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
	w.Log("downloading the official plugins %s", list(wanted))
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

// noteDenied records which plugins are unavailable and logs them once for each reason.
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
		w.Log("plugins not available: %s (%s); using stand-ins for a day; --plugins=%s tries again", list(denied[reason]), reason, Official)
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

// denial is the file that records that a plugin was unavailable.
func (w *Workspace) denial(name, version string) string {
	return filepath.Join(w.fetchDir(), "not-had-"+name+"-"+version)
}

func (w *Workspace) deniedLately(name, version string) bool {
	note, err := os.Stat(w.denial(name, version))
	return err == nil && time.Since(note.ModTime()) < askAgain
}

// fetchOne runs the CLI for one plugin and watches how much data arrives. It ends a
// download that does not begin or that stalls.
func (w *Workspace) fetchOne(ctx context.Context, name, version string) error {
	temporary, err := os.MkdirTemp(w.fetchDir(), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	cmd := exec.Command(w.cli, "plugin", "install", "resource", name, version, "--exact", "--non-interactive")
	cmd.Dir = temporary // outside the project, which the CLI would read
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
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error means that the process has just ended
	}
	return err
}

// watch waits for the end of a download as long as data keep arriving.
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
			return fmt.Errorf("received nothing for %s", limit)
		}
	}
}

// size is the number of bytes below a directory. Files that vanish during the count are
// ignored.
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
