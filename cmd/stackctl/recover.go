package main

import "github.com/spf13/cobra"

func (a *app) recoverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "Make this manager the only one of its Swarm, when most managers are lost for good",
		Long: "recover makes this manager the only one of its Swarm, when most managers are lost for good, and removes their entries. " +
			"Services, secrets and releases stay. It refuses while another manager answers; but managers that this one cannot reach look to it like lost ones. " +
			"Make sure that they are gone, or stopped: two halves that both go on are two Swarms, which nobody can join again. " +
			"`pulumi up --refresh` then makes the lost ones anew.",
		Example: "  stackctl recover",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.docker()
			if err != nil {
				return err
			}
			a.report(d.Recover(cmd.Context()))
			return nil
		},
	}
}
