package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"averazure/internal/release"
)

// commandGrace is how long a command may go on after it was told to end.
const commandGrace = 10 * time.Second

func (a *app) aloneCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:     "alone [--wait DURATION] -- COMMAND...",
		Short:   "Run a command while nobody can deploy, such as a restart of this manager's Docker",
		Example: "  stackctl alone --wait 2m -- systemctl restart docker",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return mistakef("usage", "--wait %s is negative", wait)
			}
			d, err := a.docker()
			if err != nil {
				return err
			}
			err = d.Alone(cmd.Context(), wait, func(ctx context.Context) error { return a.execute(ctx, args) })
			switch {
			case err == nil:
				a.report(release.Result{Outcome: release.Runs, Verdict: args[0] + ": done; no deployment ran meanwhile"})
			case release.IsBusy(err):
				a.report(release.Result{Outcome: release.Busy, Verdict: err.Error(), Problems: []release.Problem{{Code: "busy", Reason: err.Error()}}})
			default:
				return err
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for deployments under way")
	return cmd
}

// execute runs a command. The command's output goes to standard error, which is for people.
func (a *app) execute(ctx context.Context, args []string) error {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stdout, command.Stderr, command.WaitDelay = a.err, a.err, commandGrace
	if err := command.Run(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", args[0], err), context.Cause(ctx))
	}
	return nil
}
