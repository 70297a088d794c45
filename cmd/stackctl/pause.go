package main

import (
	"time"

	"github.com/spf13/cobra"

	"averazure/internal/release"
)

// longestPause limits a pause, so that a forgotten one ends.
const longestPause = 30 * 24 * time.Hour

func (a *app) pauseCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     "pause STACK DURATION --why TEXT",
		Short:   "Stop the agent from healing a stack for a time; deployments still work",
		Example: "  stackctl pause aver 2h --why 'trying another limit by hand'",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			length, err := time.ParseDuration(args[1])
			if err != nil || length <= 0 || length > longestPause {
				return mistakef("usage", "%q is not a duration of up to %d days, such as 90m or 24h", args[1], int(longestPause.Hours()/24))
			}
			if why == "" || len(why) > 200 {
				return mistakef("usage", "--why must give the reason in 1 to 200 characters")
			}
			return a.withStack(args[0], func(d deployer) error {
				if err := d.Pause(cmd.Context(), args[0], length, why); err != nil {
					return err
				}
				a.report(release.Result{Stack: args[0], Outcome: release.Runs, Verdict: args[0] + ": not healed for " + length.String()})
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, which status shows")
	return cmd
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resume STACK",
		Short:   "End a pause",
		Example: "  stackctl resume aver",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStack(args[0], func(d deployer) error {
				if err := d.Resume(cmd.Context(), args[0]); err != nil {
					return err
				}
				a.report(release.Result{Stack: args[0], Outcome: release.Runs, Verdict: args[0] + ": healed again"})
				return nil
			})
		},
	}
}
