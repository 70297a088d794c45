package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/engine"
)

// Prefixes of the names of unfinished work in the cache.
const (
	scratchPrefix = "bootstrap-"
	savingPrefix  = ".new-"
)

// Lock waits until no other sandbox of this machine builds images. Sandboxes share
// their images and would otherwise build the same ones at the same time.
func (b *Builder) Lock(ctx context.Context) (unlock func(), err error) {
	file := filepath.Join(b.CacheDir, "images", ".lock")
	for told := false; ; told = true {
		held, err := engine.TryLock(file)
		if err != nil {
			return nil, err
		}
		if held != nil {
			return func() { held.Close() }, nil
		}
		if !told {
			b.Log("waiting for another sandbox that is building images")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// Scratch makes a directory in the cache for one build, and returns a function that removes
// it.
func (b *Builder) Scratch() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(b.CacheDir, scratchPrefix)
	return dir, func() error { return removeTree(dir) }, err
}

// RemoveUnfinished removes the unfinished work of killed runs from the cache. The caller
// holds the lock, so no build is running.
func (b *Builder) RemoveUnfinished() error {
	var errs []error
	for _, pattern := range []string{scratchPrefix + "*", filepath.Join("images", savingPrefix+"*")} {
		found, err := filepath.Glob(filepath.Join(b.CacheDir, pattern))
		errs = append(errs, err)
		for _, path := range found {
			errs = append(errs, removeTree(path))
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a directory. First it unmounts everything below the path: debootstrap
// mounts this machine's /proc, which must not be deleted.
func removeTree(path string) error {
	if err := engine.Unmount(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// Pull pulls an image from its registry.
func (b *Builder) Pull(ctx context.Context, ref string) error {
	progress, err := b.Docker.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	defer progress.Close()
	if _, err := StreamEnd(progress); err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	return nil
}

// Remove removes one name of an image. Removing the last name removes the image. An image
// that a container or another image uses is kept.
func (b *Builder) Remove(ctx context.Context, ref string) error {
	_, err := b.Docker.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err):
		// A container or another image uses it.
		b.Log("kept the image %s: %v", ref, err)
		return nil
	}
	return err
}
