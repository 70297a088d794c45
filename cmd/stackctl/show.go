package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"averazure/internal/release"
	"averazure/internal/stackfile"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status [STACK]",
		Short:   "Show what runs, and how it differs from the last release; without a name, of the only stack",
		Example: "  stackctl status aver\n  stackctl status aver --json | jq .inSync",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withOnlyStack(cmd.Context(), args, func(d deployer, stack string) error { return a.showStatus(cmd.Context(), d, stack) })
		},
	}
}

func (a *app) showStatus(ctx context.Context, d deployer, stack string) error {
	status, err := d.Status(ctx, stack)
	if err != nil {
		return err
	}
	if s, err := a.readSettings(); err != nil || s.Backup == nil {
		status.Backups = nil // earlier backups do not matter any more
	}
	if a.json { // also for a stack that does not exist, since the nodes do
		a.print(status)
		if status.Err() != nil {
			a.status = release.Refused.Status()
		}
		return nil
	}
	if err := status.Err(); err != nil {
		return err
	}
	table{a.out, a.terminal}.status(status)
	return nil
}

func (a *app) releasesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "releases [STACK]",
		Short:   "List the releases to roll back to, and what each changed; without a name, of the only stack",
		Example: "  stackctl releases aver",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withOnlyStack(cmd.Context(), args, func(d deployer, stack string) error { return a.showReleases(cmd.Context(), d, stack) })
		},
	}
}

func (a *app) showReleases(ctx context.Context, d deployer, stack string) error {
	list, err := d.Releases(ctx, stack)
	if err != nil {
		return err
	}
	if a.json {
		a.print(list)
		return nil
	}
	table{a.out, a.terminal}.releases(list)
	return nil
}

func (a *app) diff(ctx context.Context, d deployer, stack string, order release.Order) error {
	diff, err := d.Diff(ctx, stack, order)
	if err != nil {
		return err
	}
	if len(diff.Refused) > 0 {
		a.status = release.Refused.Status()
	}
	if a.json {
		a.print(diff)
		return nil
	}
	table{a.out, a.terminal}.diff(diff)
	return nil
}

func (a *app) filesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "files STACK FILE...|FOLDER",
		Short:   "List the files that a stack file names; a deployment needs them",
		Example: "  stackctl files aver stack.yml",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStack(args[0], func(d deployer) error {
				values, err := d.Variables(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				input, err := stackfile.Gather(inFolder(args[1:]), values)
				if err != nil {
					return invalid(err)
				}
				return a.showFiles(input)
			})
		},
	}
}

func (a *app) showFiles(input stackfile.Input) error {
	names, images, err := stackfile.Names(input)
	if err != nil {
		return invalid(err)
	}
	if a.json {
		a.print(struct {
			Files  []string `json:"files"`
			Images []string `json:"images"`
		}{append([]string{}, names...), append([]string{}, images...)})
		return nil
	}
	for _, name := range names {
		fmt.Fprintln(a.out, name)
	}
	return nil
}

func (a *app) idleCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "idle",
		Short:   "Exit with 0 when no deployment is under way, with 3 when one is",
		Example: "  stackctl idle && systemctl restart docker",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.docker()
			if err != nil {
				return err
			}
			holders, err := d.Holders(cmd.Context())
			if err != nil {
				return err
			}
			result := release.Result{Outcome: release.Runs, Verdict: "no deployment is under way"}
			for _, holder := range holders {
				result.Outcome, result.Verdict = release.Busy, holder.String()
				result.Problems = append(result.Problems, release.Problem{Code: "busy", Reason: holder.String()})
			}
			a.report(result)
			return nil
		},
	}
}

func (a *app) agentCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "agent",
		Short:   "Keep all stacks as released; systemd runs it on every manager",
		Example: "  systemctl status stackctl-agent\n  journalctl -u stackctl-agent",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.docker()
			if err != nil {
				return err
			}
			return d.Agent(cmd.Context(), (&notifier{socket: a.env("NOTIFY_SOCKET")}).alive)
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of stackctl",
		Example: "  stackctl version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sum, err := checksum("/proc/self/exe")
			if err != nil {
				return err
			}
			if a.json {
				a.print(map[string]string{"sha256": sum, "go": runtime.Version()})
			} else {
				_, err = io.WriteString(a.out, sum[:12]+" "+runtime.Version()+"\n")
			}
			return err
		},
	}
}

// checksum names the program: it is built without version stamps, so that the same
// sources give the same bytes.
func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
