// Command setup makes what `pulumi up` and the pipelines need: the place of the Pulumi
// state, the Pulumi stack and its settings, the three repositories, and what this
// repository's workflows sign in with. docs/delivery.md describes the whole path.
//
// It can be run again at any time: what exists stays. It shows what it would do and asks,
// as `pulumi up` does.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"averazure/internal/networks"
)

// options are what the user says.
type options struct {
	owner     string
	infraRepo string
	codeRepo  string
	stackRepo string
	stack     string
	location  string
	sshFrom   []string
	reviewers bool
	dryRun    bool
	yes       bool
}

func command(run runner, pause time.Duration) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "setup --owner OWNER --ssh-from ADDRESS",
		Short: "Make what `pulumi up` and the pipelines need and do not have yet",
		Args:  cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, run, pause) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.owner, "owner", "", "user or organisation on GitHub that owns the three repositories")
	flags.StringVar(&o.infraRepo, "infra-repo", "averazure", "name of this repository on GitHub")
	flags.StringVar(&o.codeRepo, "code-repo", "code-repo", "name of the application's repository")
	flags.StringVar(&o.stackRepo, "stack-repo", "stack-repo", "name of the stack file's repository")
	flags.StringVar(&o.stack, "stack", "dev", "Pulumi stack, whose settings are in Pulumi.STACK.yaml")
	flags.StringVar(&o.location, "location", "westeurope", "region of the Pulumi state; the nodes are where averazure:location says")
	flags.StringSliceVar(&o.sshFrom, "ssh-from", nil, "addresses that may log in to the managers, such as 198.51.100.7/32; GitHub's own runners need 0.0.0.0/0")
	flags.BoolVar(&o.reviewers, "reviewers", true, "ask you before a push to main changes Azure; false where GitHub's plan has no reviewers")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only show what would be done")
	flags.BoolVar(&o.yes, "yes", false, "do it without asking")
	return cmd
}

// checkSSHFrom turns each single address into a network, and fails on a text that is
// neither an address nor a network.
func (o *options) checkSSHFrom() error {
	for i, given := range o.sshFrom {
		if address, err := netip.ParseAddr(given); err == nil && address.Is4() {
			o.sshFrom[i] = given + "/32"
		}
		if _, err := networks.Parse(o.sshFrom[i]); err != nil {
			return fmt.Errorf("--ssh-from %s: %w", given, err)
		}
	}
	return nil
}

// run shows everything that is missing, asks, and makes it.
func (o *options) run(cmd *cobra.Command, run runner, pause time.Duration) error {
	if o.owner == "" {
		return errors.New("--owner is missing: name the user or the organisation on GitHub, such as `make setup OWNER=acme`")
	}
	if err := o.checkSSHFrom(); err != nil {
		return err
	}
	s := &setup{options: o, shell: shell{ctx: cmd.Context(), out: cmd.OutOrStdout(), in: newLines(cmd.InOrStdin()), dry: true, run: run, pause: pause}}
	if err := s.check(); err != nil {
		return err
	}
	if err := s.all(); err != nil {
		return err
	}
	switch {
	case s.steps == 0:
		s.say("nothing to do: everything exists")
		return s.next()
	case o.dryRun:
		s.say("%d things would be done; nothing was", s.steps)
		return nil
	case !o.yes && !s.in.agrees("Do this? Type yes: "):
		return errors.New("nothing was done")
	}
	s.dry, s.steps = false, 0
	if err := s.all(); err != nil {
		return fmt.Errorf("%w\nfix that and run it again: it continues from there", err)
	}
	return s.next()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(execute, pause).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

// onTerminal tells whether a file is a terminal, so that a person can be asked.
func onTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }
