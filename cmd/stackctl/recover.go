package main

import "github.com/spf13/cobra"

func (a *app) recoverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "Make this manager the only one of its Swarm, when most managers are lost for good",
		Long: "recover makes this manager the only one of its Swarm, when most managers are lost for good, and removes their entries. " +
			"Services, secrets and releases stay. It refuses while another manager answers. A manager that this one cannot reach looks like a lost one. " +
			"Make sure that the others are gone or stopped: otherwise there are two Swarms, which cannot be merged. " +
			"`pulumi up --refresh` then rebuilds the lost ones.",
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
