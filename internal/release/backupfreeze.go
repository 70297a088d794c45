package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// directory is where a volume's files are.
func (b *Backups) directory(ctx context.Context, name string) (string, error) {
	found, err := b.Engine.VolumeInspect(ctx, name)
	switch {
	case err != nil:
		return "", err
	case found.Driver != "local" || found.Mountpoint == "" || len(found.Options) > 0:
		return "", fmt.Errorf("volume %s has driver %s and its own options: its files are not in a directory of Docker's", name, found.Driver)
	}
	return found.Mountpoint, nil
}

// using are the containers on this node that run and have a volume mounted.
func (b *Backups) using(ctx context.Context, name string) ([]container.Summary, error) {
	return b.Engine.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("volume", name), filters.Arg("status", "running"))})
}

// freeze pauses the containers that use a volume, until thaw. It writes their ids to a
// file first, so that the next run can unpause them if this process dies.
func (b *Backups) freeze(ctx context.Context, name string) (thaw func() error, err error) {
	thaw = func() error { return nil }
	containers, err := b.using(ctx, name)
	if err != nil || len(containers) == 0 {
		return thaw, err
	}
	var ids []string
	for _, one := range containers {
		ids = append(ids, one.ID)
	}
	if err := os.WriteFile(b.Frozen, []byte(strings.Join(ids, "\n")+"\n"), 0o600); err != nil {
		return thaw, err
	}
	thaw = func() error { return b.thaw(context.WithoutCancel(ctx)) }
	for _, id := range ids {
		if err := b.Engine.ContainerPause(ctx, id); err != nil {
			return thaw, fmt.Errorf("pause container %.12s: %w", id, err)
		}
	}
	return thaw, nil
}

// Thaw unpauses the containers that an interrupted backup left paused. A backup that is
// still running does that itself.
func (b *Backups) Thaw(ctx context.Context) Result {
	unlock, err := b.lock()
	if errors.Is(err, errBackupRuns) {
		return Result{Outcome: Runs, Verdict: err.Error()}
	}
	if err == nil {
		defer unlock()
		err = b.thaw(ctx)
	}
	if err != nil {
		return Result{Outcome: Failed, Problems: []Problem{{Code: "backup", Reason: err.Error()}}, Verdict: err.Error()}
	}
	return Result{Outcome: Runs, Verdict: "no container is paused for a backup"}
}

// errBackupRuns says that another process makes a backup on this node.
var errBackupRuns = errors.New("a backup is under way on this manager")

// lock keeps other backups off this node until unlock, or until this process ends.
func (b *Backups) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(b.Frozen), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(b.Frozen+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errBackupRuns
		}
		return nil, err
	}
	return func() { file.Close() }, nil
}

func (b *Backups) thaw(ctx context.Context) error {
	noted, err := os.ReadFile(b.Frozen)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, id := range strings.Fields(string(noted)) {
		bounded, end := context.WithTimeout(ctx, b.Settings.Call)
		failed := b.Engine.ContainerUnpause(bounded, id)
		end()
		// A container that is gone, or was never paused, needs nothing.
		if failed != nil && !notFound(failed) && !conflict(failed) && !strings.Contains(failed.Error(), "is not paused") {
			err = errors.Join(err, fmt.Errorf("container %.12s is paused; run `docker unpause %.12s`: %w", id, id, failed))
		}
	}
	if err == nil {
		err = os.Remove(b.Frozen)
	}
	return err
}
