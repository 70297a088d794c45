package main

import "github.com/spf13/cobra"

func (a *app) rebalanceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebalance",
		Short: "Spread tasks over the nodes again, such as over new ones",
		Long: "rebalance moves tasks to nodes that run fewer: it restarts the tasks of one service after another, while that helps. " +
			"It does not touch services that have one replica, stop the old task first, publish a port with mode host, or keep data on a node.",
		Example: "  stackctl rebalance",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.docker()
			if err != nil {
				return err
			}
			a.report(d.Rebalance(cmd.Context()))
			return nil
		},
	}
}
