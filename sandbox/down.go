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

	"github.com/spf13/cobra"

	"averazure/internal/build"
	"averazure/sandbox/engine"
	"averazure/sandbox/machine"
	"averazure/sandbox/workspace"
)

func downCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "down", Args: cobra.NoArgs,
		Short: "Remove everything of this sandbox but the caches, the packages and the secrets for trying, which it names",
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
				err = errors.Join(err, removeState(d.state)) // whatever came of it
			}
			if err != nil {
				return err
			}
			return reportKept(opts.name, project, d, others)
		},
	}
}

// takeDown removes the sandbox under its lock, so that no other command works on
// what goes away, and returns the other sandboxes that use its engine.
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
		progress("ended what a killed engine had left: %s", strings.Join(ended, ", "))
	}
	if err != nil {
		return nil, err
	}
	room, err := machine.OpenExisting(ctx, roomOptions(opts, d))
	if err != nil {
		return nil, err
	}
	if room != nil {
		if others, err = room.Down(ctx); err != nil {
			return nil, fmt.Errorf("take the sandbox down: %w", err)
		}
	}
	if err := removeState(d.state); err != nil {
		return nil, fmt.Errorf("remove the sandbox's state: %w", err)
	}
	return others, nil
}

// reportKept names what down keeps, so that nobody has to look for it.
func reportKept(name, project string, d dirs, others []string) error {
	if _, err := os.Stat(d.secretsFile()); err == nil {
		progress("kept for the next up: %s, the secrets of `secret set`; rm %[1]s removes them", d.secretsFile())
	}
	compiled := filepath.Join(project, build.Dir)
	if _, err := os.Stat(compiled); err == nil {
		progress("kept as a cache: %s%s", compiled, sizeOf(compiled))
	}
	entries, err := os.ReadDir(d.cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(d.cache, entry.Name())
		progress("kept as a cache: %s%s", path, sizeOf(path))
	}
	if packages := engine.Installed(d.cache, engine.DpkgInfo); len(packages) > 0 {
		all := strings.Join(packages, " ")
		progress("installed by the sandbox and left: %s; apt-get purge %[1]s removes them", all)
	}
	progress("%s", farewell(name, d.cache, others))
	return nil
}

// sizeOf says how much of the disk a directory takes; nothing where nobody can tell.
func sizeOf(path string) string {
	size, err := exec.Command("du", "-sh", path).Output() // knows sparse files and hard links
	if err != nil {
		return ""
	}
	return " (" + strings.Fields(string(size))[0] + ")"
}

// farewell is the last line of down. The engine's data are in the cache, which
// nobody must be told to remove under a sandbox that runs.
func farewell(name, cache string, others []string) string {
	left := fmt.Sprintf("nothing else of the sandbox %q is left", name)
	switch len(others) {
	case 0:
		return fmt.Sprintf("%s; rm -r %s removes the caches too", left, cache)
	case 1:
		return fmt.Sprintf("%s; the engine stays: the sandbox %q uses it and the caches", left, others[0])
	}
	return fmt.Sprintf("%s; the engine stays: the sandboxes %s use it and the caches", left, strings.Join(others, ", "))
}

// removeState removes the state directory, and the one above it if this was
// the last sandbox of the checkout.
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
