package main

import "github.com/spf13/cobra"

func (a *app) vacateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vacate NODE",
		Short: "Start elsewhere what runs on one node alone, before its drain",
		Long: "vacate prepares a drain. Swarm ends the tasks of a drained node before it starts others, so a service that runs on that node alone is away for a moment. " +
			"vacate first starts such a service on another node, if its update_config says order start-first; the others stay until the drain. " +
			"The node must not accept tasks any more. `pulumi up` and the agent do all this before they drain a node.",
		Example: "  docker node update --label-add averazure.hold=\"new disk\" --availability pause aver-manager-2\n" +
			"  stackctl vacate aver-manager-2\n  docker node update --availability drain aver-manager-2",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.docker()
			if err != nil {
				return err
			}
			a.report(d.Vacate(cmd.Context(), args[0]))
			return nil
		},
	}
}
