package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"averazure/internal/settings"
	"averazure/sandbox/workspace"
)

func upCommand(opts *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "up", Args: cobra.NoArgs,
		Short: "Create the sandbox, or update it to the current program and settings",
		Long: `Create the sandbox, or update it to the current program and settings.

Later runs keep the settings of --config until down. If this run fails before it changes
anything, it keeps none. Every run names the kept settings in force and the values that they
override. --reset drops them and returns to Pulumi.sandbox.yaml.`,
		Example: "  sandbox up --config workers=3\n  sandbox up --reset",
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.keep = true
			return withCloud(cmd.Context(), opts, func(s *session) error {
				progress("pulumi up")
				warnings, err := s.engine(opts.self(), onTerminal(), "up", "--yes", "--suppress-permalink=true", "--suppress-outputs")
				if err != nil {
					return s.revertSettings(err)
				}
				defer func() { fmt.Print(listed(warnings)) }() // print them last, where they are seen
				return s.greet(cmd.Context(), opts)
			})
		},
	}
	cmd.Flags().BoolVar(&opts.reset, "reset", false, "drop the settings that earlier runs kept")
	return cmd
}

// revertSettings drops the settings of a failed run that changed nothing. Otherwise a
// mistake in them would break every later run.
func (s *session) revertSettings(failed error) error {
	reverted, err := s.work.Revert()
	if err != nil {
		return errors.Join(failed, fmt.Errorf("restore the kept settings: %w", err))
	}
	if reverted {
		progress("this run changed nothing, so its settings are not kept")
	}
	return failed
}

func previewCommand(opts *options) *cobra.Command {
	var expectNoChanges bool
	cmd := &cobra.Command{
		Use: "preview", Args: cobra.NoArgs,
		Short: "Show what up would do",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withCloud(cmd.Context(), opts, func(s *session) error {
				args := []string{"preview", "--suppress-outputs"}
				if expectNoChanges {
					args = append(args, "--expect-no-changes")
				}
				return s.engineAlone(opts.self(), args...)
			})
		},
	}
	cmd.Flags().BoolVar(&expectNoChanges, "expect-no-changes", false, "fail if anything would change")
	return cmd
}

func outputsCommand(opts *options) *cobra.Command {
	var asJSON, showSecrets bool
	cmd := &cobra.Command{
		Use: "outputs [NAME]", Args: cobra.MaximumNArgs(1),
		Short: "Print the stack's outputs or one of them; works while another command runs",
		RunE: func(cmd *cobra.Command, names []string) error {
			s, err := readSession(cmd.Context(), opts)
			if err != nil {
				return err
			}
			args := append([]string{"stack", "output"}, names...)
			if asJSON {
				args = append(args, "--json")
			}
			if showSecrets {
				args = append(args, "--show-secrets")
			}
			if err := s.pulumi(args...); err != nil {
				return cmp.Or(s.noOutput(names), err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "show secret values in plain text")
	return cmd
}

// noOutput is the error for an unknown output, or nil if the output exists.
func (s *session) noOutput(names []string) error {
	raw, err := s.output("stack", "output", "--json")
	var all map[string]json.RawMessage
	if len(names) == 0 || err != nil || json.Unmarshal(raw, &all) != nil || all[names[0]] != nil {
		return nil
	}
	return unknown(names[0], slices.Sorted(maps.Keys(all)))
}

// unknownOutput is the error for an output that the stack does not have.
type unknownOutput struct {
	name, near string // near is a known output of a similar name, or empty
	known      []string
}

func unknown(name string, known []string) unknownOutput {
	return unknownOutput{name, settings.Nearest(name, known, max(1, len(name)/3)), known}
}

func (u unknownOutput) Error() string {
	if u.near != "" {
		return fmt.Sprintf("unknown output %s; did you mean %s?", u.name, u.near)
	}
	return fmt.Sprintf("unknown output %s; the outputs are %s", u.name, strings.Join(u.known, ", "))
}

func pulumiCommand(opts *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "pulumi -- ARGS...", Args: cobra.MinimumNArgs(1),
		Short: "Run any Pulumi command on the sandbox's stack (refresh, destroy, stack graph ...)",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCloud(cmd.Context(), opts, func(s *session) error {
				if slices.Contains(engineCommands, args[0]) {
					return s.engineAlone(opts.self(), args...)
				}
				return s.pulumi(args...)
			})
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// engineCommands are the CLI's commands that run the engine.
var engineCommands = []string{"up", "preview", "refresh", "destroy"}

func serveCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Args: cobra.NoArgs,
		Short: "Run the local cloud and print the variables that point the Pulumi CLI at it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withCloud(cmd.Context(), opts, func(s *session) error {
				for _, name := range workspace.Unset {
					fmt.Printf("unset %s\n", name)
				}
				for _, variable := range append(s.work.Env(), s.env...) {
					name, value, _ := strings.Cut(variable, "=")
					fmt.Printf("export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
				}
				progress("serving; run the lines above in another shell, then `pulumi up` in %s; stop with Ctrl-C", s.work.ProjectDir)
				<-cmd.Context().Done()
				return nil
			})
		},
	}
}

func withCloud(ctx context.Context, opts *options, run func(*session) error) error {
	s, err := lockSandbox(opts)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.serveCloud(ctx, opts); err != nil {
		return err
	}
	return run(s)
}
