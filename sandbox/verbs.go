package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"averazure/sandbox/workspace"
)

func upCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "up", Args: cobra.NoArgs,
		Short: "Bring everything up, or bring it to what the program says now",
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.keep = true
			return withCloud(cmd.Context(), opts, func(s *session) error {
				progress("pulumi up")
				if err := s.pulumi("up", "--yes", "--suppress-permalink=true", "--suppress-outputs"); err != nil {
					return err
				}
				return s.greet(cmd.Context(), opts)
			})
		},
	}
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
				return s.pulumi(args...)
			})
		},
	}
	cmd.Flags().BoolVar(&expectNoChanges, "expect-no-changes", false, "fail if anything would change")
	return cmd
}

func outputsCommand(opts *options) *cobra.Command {
	var asJSON, showSecrets bool
	cmd := &cobra.Command{
		Use: "outputs", Args: cobra.NoArgs,
		Short: "Print the stack's outputs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withSession(cmd.Context(), opts, func(s *session) error {
				args := []string{"stack", "output"}
				if asJSON {
					args = append(args, "--json")
				}
				if showSecrets {
					args = append(args, "--show-secrets")
				}
				return s.pulumi(args...)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "secret values in clear")
	return cmd
}

func execCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "exec NODE -- CMD...", Args: cobra.MinimumNArgs(2),
		Short: "Run a command as root on a node",
		RunE: func(cmd *cobra.Command, args []string) error {
			room, err := findRoom(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if room == nil {
				return fmt.Errorf("run %s on %s: no Docker engine runs here, so there is no sandbox %q; `sandbox up` makes one", args[1], args[0], opts.name)
			}
			status, err := room.Exec(cmd.Context(), args[0], args[1:], os.Stdin, os.Stdout, os.Stderr)
			if err != nil {
				return fmt.Errorf("run %s on %s: %w", args[1], args[0], err)
			}
			if status != 0 {
				return exitError(status)
			}
			return nil
		},
	}
}

func pulumiCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "pulumi -- ARGS...", Args: cobra.MinimumNArgs(1),
		Short: "Run any Pulumi command on the sandbox's stack (refresh, destroy, stack graph ...)",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCloud(cmd.Context(), opts, func(s *session) error { return s.pulumi(args...) })
		},
	}
}

func serveCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Args: cobra.NoArgs,
		Short: "Keep the local cloud up and print the variables that point the Pulumi CLI to it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withCloud(cmd.Context(), opts, func(s *session) error {
				for _, name := range workspace.Unset {
					fmt.Printf("unset %s\n", name)
				}
				for _, variable := range append(s.work.Env(), s.env...) {
					name, value, _ := strings.Cut(variable, "=")
					fmt.Printf("export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
				}
				progress("serving; run the lines above in another shell, then `pulumi up` in %s; Ctrl-C ends it", s.work.ProjectDir)
				<-cmd.Context().Done()
				return nil
			})
		},
	}
}

func withSession(ctx context.Context, opts *options, run func(*session) error) error {
	s, err := openSession(ctx, opts)
	if err != nil {
		return err
	}
	defer s.close()
	return run(s)
}

func withCloud(ctx context.Context, opts *options, run func(*session) error) error {
	return withSession(ctx, opts, func(s *session) error {
		if err := s.serveCloud(ctx, opts); err != nil {
			return err
		}
		return run(s)
	})
}
