package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"averazure/sandbox/engine"
	"averazure/sandbox/machine"
)

func downCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "down", Args: cobra.NoArgs,
		Short: "Remove everything of this sandbox but the caches, which it names",
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
			err = takeDown(cmd.Context(), opts, d)
			if errors.Is(before, fs.ErrNotExist) {
				err = errors.Join(err, removeState(d.state)) // whatever came of it
			}
			if err != nil {
				return err
			}
			return reportKept(opts.name, d.cache)
		},
	}
}

// takeDown removes the sandbox under its lock, so that no other command works on
// what goes away.
func takeDown(ctx context.Context, opts *options, d dirs) error {
	if err := d.make(); err != nil {
		return err
	}
	lock, err := takeLock(d)
	if err != nil {
		return err
	}
	defer lock.Close()
	room, err := machine.OpenExisting(ctx, roomOptions(opts, d))
	if err != nil {
		return err
	}
	if room != nil {
		if err := room.Down(ctx); err != nil {
			return fmt.Errorf("take the sandbox down: %w", err)
		}
	}
	if err := removeState(d.state); err != nil {
		return fmt.Errorf("remove the sandbox's state: %w", err)
	}
	return nil
}

// reportKept names what down keeps, so that nobody has to look for it.
func reportKept(name, cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		progress("kept as a cache: %s", filepath.Join(cache, entry.Name()))
	}
	if packages := engine.Installed(cache, engine.DpkgInfo); len(packages) > 0 {
		all := strings.Join(packages, " ")
		progress("installed by the sandbox and left: %s; apt-get purge %[1]s removes them", all)
	}
	progress("nothing else of the sandbox %q is left; rm -r %s removes the caches too", name, cache)
	return nil
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
