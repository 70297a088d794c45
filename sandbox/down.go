package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"averazure/internal/build"
	"averazure/sandbox/engine"
	"averazure/sandbox/hosts"
	"averazure/sandbox/workspace"
)

func downCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "down", Args: cobra.NoArgs,
		Short: "Remove this sandbox; keep and name the caches, the packages and the secrets for trying",
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer heartbeat()()
			project, err := projectDir()
			if err != nil {
				return err
			}
			d, err := sandboxDirs(project, opts.name)
			if err != nil {
				return err
			}
			_, before := os.Stat(d.state)
			others, err := takeDown(cmd.Context(), opts, d)
			if errors.Is(before, fs.ErrNotExist) {
				err = errors.Join(err, removeState(d.state)) // even if takeDown failed
			}
			if err != nil {
				return err
			}
			return reportKept(opts.name, project, d, others)
		},
	}
}

// takeDown removes the sandbox while it holds the sandbox's lock. It returns the other
// sandboxes that use the same engine.
func takeDown(ctx context.Context, opts *options, d dirs) (others []string, err error) {
	if err := d.make(); err != nil {
		return nil, err
	}
	lock, err := takeLock(d, opts.verb)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	ended, err := workspace.EndPlugins(ctx, d.state)
	if len(ended) > 0 {
		progress("ended plugins that a killed engine left running: %s", strings.Join(ended, ", "))
	}
	if err != nil {
		return nil, err
	}
	room, err := hosts.OpenExisting(ctx, roomOptions(opts, d))
	if err != nil {
		return nil, err
	}
	if room != nil {
		if others, err = room.Down(ctx); err != nil {
			return nil, fmt.Errorf("remove the sandbox's hosts: %w", err)
		}
	}
	if err := removeState(d.state); err != nil {
		return nil, fmt.Errorf("remove the sandbox's state: %w", err)
	}
	return others, nil
}

// reportKept names what down keeps and how to remove it.
func reportKept(name, project string, d dirs, others []string) error {
	if _, err := os.Stat(d.secretsFile()); err == nil {
		progress("kept the secrets of `secret set` in %s; to remove them: rm %[1]s", d.secretsFile())
	}
	compiled := filepath.Join(project, build.Dir)
	if _, err := os.Stat(compiled); err == nil {
		progress("kept the cache %s%s", compiled, sizeOf(compiled, sizeTime))
	}
	entries, err := os.ReadDir(d.cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(d.cache, entry.Name())
		progress("kept the cache %s%s", path, sizeOf(path, sizeTime))
	}
	if packages := engine.Installed(d.cache, engine.DpkgInfo); len(packages) > 0 {
		all := strings.Join(packages, " ")
		progress("kept the packages that the sandbox installed: %s; to remove them: apt-get purge %[1]s", all)
	}
	progress("%s", lastLine(name, d.cache, others))
	return nil
}

// How long it may take to find out the size of a directory: sizeTime where people wait for
// nothing else, greetTime where they wait for more.
const (
	sizeTime  = 20 * time.Second
	greetTime = 3 * time.Second
)

// sizeOf is the size of a directory on the disk, or nothing if du fails or takes too long.
func sizeOf(path string, limit time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// du counts sparse files and hard links correctly. Images of running containers are
	// mounted below the directory; without -x, du would count them once more for each
	// container.
	size, err := exec.CommandContext(ctx, "du", "-shx", path).Output()
	if err != nil {
		return ""
	}
	return " (" + strings.Fields(string(size))[0] + ")"
}

// lastLine is the last line of down. It advises removing the caches only if no other
// sandbox uses the engine, because the engine's data are in the caches.
func lastLine(name, cache string, others []string) string {
	removed := fmt.Sprintf("removed everything else of the sandbox %q", name)
	switch len(others) {
	case 0:
		return fmt.Sprintf("%s; to remove the caches: rm -r %s; to empty Go's own, also of other projects: go clean -cache -modcache", removed, cache)
	case 1:
		return fmt.Sprintf("%s; the sandbox %q still uses the engine and the caches", removed, others[0])
	}
	return fmt.Sprintf("%s; the sandboxes %s still use the engine and the caches", removed, strings.Join(others, ", "))
}

// removeState removes the state directory, and its parent if this was the checkout's last
// sandbox.
func removeState(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	left, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || len(left) > 0 {
		return err
	}
	return os.Remove(parent)
}
