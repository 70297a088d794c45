package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// TryLock takes the lock on the file until the file is closed, or returns nil if another
// process holds it. The kernel releases the lock when the process ends.
func TryLock(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && current(f, file) {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, errors.Join(err, f.Close())
}

// current tells whether the file still has that name. The previous holder may have
// removed it, and then the next process locks another file.
func current(f *os.File, name string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(held, named)
}

// lock makes sure that one sandbox at a time looks for, starts or stops the engine.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, err
		}
		file, err := TryLock(filepath.Join(dir, "lock"))
		if file != nil {
			return func() { file.Close() }, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) { // otherwise the previous holder has just removed dir
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another sandbox, which starts or stops the Docker engine: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
