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
			// debootstrap mounts this machine's /proc; that must not go with it.
			err := engine.Unmount(path)
			if err == nil {
				err = os.RemoveAll(path)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
