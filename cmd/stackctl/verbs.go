package main

import (
	"cmp"
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// The forms of values behind flags that come from a pipeline.
var (
	tokenForm    = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,80}$`)
	revisionForm = regexp.MustCompile(`^([0-9a-f]{7,64})?$`)
	actorForm    = regexp.MustCompile(`^[A-Za-z0-9_.@\[\]-]{0,80}$`)
)

// orderFlags are what deploy takes beside the file.
type orderFlags struct {
	from, token, revision, actor string
	takeOver                     bool
}

func (o orderFlags) check() error {
	switch {
	case o.from != "" && o.from != release.FromPulumi && o.from != release.FromStackRepo:
		return mistakef("usage", "--from must be %s or %s, not %q", release.FromPulumi, release.FromStackRepo, o.from)
	case !tokenForm.MatchString(o.token):
		return mistakef("usage", "--token must be up to 80 letters, digits, dots, dashes and underscores")
	case !revisionForm.MatchString(o.revision):
		return mistakef("usage", "--revision must be a commit's id: 7 to 64 hexadecimal digits")
	case !actorForm.MatchString(o.actor):
		return mistakef("usage", "--actor must be up to 80 letters, digits and characters of _.@[]-")
	}
	return nil
}

// order is an order from somebody who may deploy anything. Without --from the order comes
// from a person, who acts for pulumi.
func (o orderFlags) order(request stackfile.Request, file *stackfile.File) release.Order {
	order := release.Order{
		File: file, Images: request.Images, Secrets: request.Secrets, From: o.from, By: o.from,
		Revision: o.revision, Actor: o.actor, Token: o.token, TakeOver: o.takeOver,
	}
	if o.from == "" {
		order.From, order.By = release.FromPulumi, release.ByPerson
	}
	return order
}

func (a *app) deployCommand() *cobra.Command {
	var flags orderFlags
	cmd := &cobra.Command{
		Use:   "deploy STACK [FILE...|FOLDER]",
		Short: "Deploy a stack file and wait until it runs; if it fails, put the last good release back",
		Example: "  stackctl deploy aver stack.yml\n" +
			"  stackctl deploy aver /root/stack    # its stack.yml, and the files that it names\n" +
			"  stackctl deploy aver --take-over < stack.yml    # takes the file back from stack-repo",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return a.withFile(cmd.Context(), args[0], args[1:], func(d deployer, request stackfile.Request, file *stackfile.File) {
				a.report(d.Deploy(cmd.Context(), args[0], flags.order(request, file)))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.from, "from", "", "who owns the stack file: pulumi or stack-repo (a person acts for pulumi)")
	f.StringVar(&flags.token, "token", "", "mark that status returns while nothing differs")
	f.BoolVar(&flags.takeOver, "take-over", false, "take the stack file back from stack-repo")
	f.StringVar(&flags.revision, "revision", "", "commit of the file")
	f.StringVar(&flags.actor, "actor", "", "who asks for the deployment")
	return cmd
}

// withFile runs a verb that takes a stack file.
func (a *app) withFile(ctx context.Context, stack string, paths []string, do func(deployer, stackfile.Request, *stackfile.File)) error {
	if err := checkName(stack); err != nil {
		return err
	}
	d, err := a.docker()
	if err != nil {
		return err
	}
	request, file, err := a.request(ctx, d, stack, paths)
	if err != nil {
		return err
	}
	do(d, request, file)
	return nil
}

// withStack runs a verb that takes the name of a stack.
func (a *app) withStack(stack string, do func(deployer) error) error {
	if err := checkName(stack); err != nil {
		return err
	}
	d, err := a.docker()
	if err != nil {
		return err
	}
	return do(d)
}

// withOnlyStack runs a verb that looks at one stack: the one that is named, or else the
// only one.
func (a *app) withOnlyStack(ctx context.Context, named []string, do func(deployer, string) error) error {
	if len(named) > 0 {
		return a.withStack(named[0], func(d deployer) error { return do(d, named[0]) })
	}
	d, err := a.docker()
	if err != nil {
		return err
	}
	stacks, err := d.Stacks(ctx)
	switch {
	case err != nil:
		return err
	case len(stacks) != 1:
		return mistakef("usage", "name a stack, one of: %s", cmp.Or(strings.Join(stacks, ", "), "none"))
	}
	return do(d, stacks[0])
}

func checkName(stack string) error {
	if err := stackfile.CheckStackName(stack); err != nil {
		return mistake{"usage", err}
	}
	return nil
}

func (a *app) trustCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "trust STACK [FILE...|FOLDER]",
		Short:   "Set what the deploy key may change of a stack; deploy nothing",
		Example: "  stackctl trust aver stack.yml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withFile(cmd.Context(), args[0], args[1:], func(d deployer, request stackfile.Request, file *stackfile.File) {
				a.report(d.Trust(cmd.Context(), args[0], orderFlags{}.order(request, file)))
			})
		},
	}
}

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "diff STACK [FILE...|FOLDER]",
		Short:   "Show what a deployment of a stack file would change; touch nothing",
		Example: "  stackctl diff aver stack.yml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			wrong := a.withFile(cmd.Context(), args[0], args[1:], func(d deployer, request stackfile.Request, file *stackfile.File) {
				err = a.diff(cmd.Context(), d, args[0], orderFlags{}.order(request, file))
			})
			if wrong != nil {
				return wrong
			}
			return err
		},
	}
}

func (a *app) rollbackCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rollback STACK [RELEASE]",
		Short:   "Go back to the release before the current one, or to a named one",
		Example: "  stackctl rollback aver      # one release back\n  stackctl rollback aver 7    # to release 7; `stackctl releases aver` lists them",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			number := 0
			if len(args) == 2 {
				var err error
				if number, err = strconv.Atoi(args[1]); err != nil || number < 1 {
					return mistakef("usage", "%q is not the number of a release; `stackctl releases %s` lists them", args[1], args[0])
				}
			}
			return a.withStack(args[0], func(d deployer) error {
				a.report(d.Rollback(cmd.Context(), args[0], number))
				return nil
			})
		},
	}
}

func (a *app) reconcileCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reconcile STACK",
		Short:   "Put back what somebody changed by hand, as the agent does by itself",
		Example: "  stackctl reconcile aver",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStack(args[0], func(d deployer) error {
				a.report(d.Reconcile(cmd.Context(), args[0]))
				return nil
			})
		},
	}
}

func (a *app) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove STACK",
		Short:   "Remove a stack and its releases; its volumes stay",
		Example: "  stackctl remove aver",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStack(args[0], func(d deployer) error {
				a.report(d.Remove(cmd.Context(), args[0]))
				return nil
			})
		},
	}
}
