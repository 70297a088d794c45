package machine

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"averazure/sandbox/engine"
)

// What is under way has these names in the cache.
const (
	bootstrapPrefix = "bootstrap-"
	savingPrefix    = ".new-"
)

// sweep removes what runs that were killed have left half-made in the cache.
func (r *Room) sweep(ctx context.Context) error {
	unlock, err := r.lockImages(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.removeHalfMade()
}

// removeHalfMade wants the images' lock held: then nobody is making any.
func (r *Room) removeHalfMade() error {
	var errs []error
	for _, pattern := range []string{bootstrapPrefix + "*", filepath.Join("images", savingPrefix+"*")} {
		found, err := filepath.Glob(filepath.Join(r.cacheDir, pattern))
		errs = append(errs, err)
		for _, path := range found {
			errs = append(errs, removeTree(path))
		}
	}
	return errors.Join(errs...)
}

// removeTree spares what is mounted in the tree: debootstrap mounts this
// machine's /proc.
func removeTree(path string) error {
	if err := engine.Unmount(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}
