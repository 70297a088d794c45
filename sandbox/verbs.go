package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"averazure/sandbox/machine"
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
			_, room, err := findRoom(cmd.Context(), opts)
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

func downCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use: "down", Args: cobra.NoArgs,
		Short: "Remove everything of this sandbox but the caches, which it names",
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer heartbeat()()
			dirs, room, err := findRoom(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if room != nil {
				if err := room.Down(cmd.Context()); err != nil {
					return fmt.Errorf("take the sandbox down: %w", err)
				}
			}
			if err := removeState(dirs.state); err != nil {
				return fmt.Errorf("remove the sandbox's state: %w", err)
			}
			return reportCaches(opts.name)
		},
	}
}

// findRoom opens the machines alone, for the verbs that need no Pulumi. Where no
// engine could hold any it starts none and returns no room.
func findRoom(ctx context.Context, opts *options) (dirs, *machine.Room, error) {
	project, err := projectDir()
	if err != nil {
		return dirs{}, nil, err
	}
	d, err := makeDirs(project, opts.name)
	if err != nil {
		return dirs{}, nil, err
	}
	room, err := machine.OpenExisting(ctx, roomOptions(opts, d))
	return d, room, err
}

// reportCaches names what down keeps, so that nobody has to look for it.
func reportCaches(name string) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		progress("kept as a cache: %s", filepath.Join(cache, entry.Name()))
	}
	progress("nothing else of the sandbox %q is left; rm -r %s removes the caches too", name, cache)
	return nil
}

// removeState removes the state directory, and the one above it if this was
// the last sandbox of the checkout.
func removeState(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		return err
	}
	return os.Remove(parent)
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

// greet says where everything is, in the words of a shell.
func (s *session) greet(ctx context.Context, opts *options) error {
	raw, err := s.output("stack", "output", "--json")
	if err != nil {
		return err
	}
	var outputs struct {
		APIURL    string `json:"apiUrl"`
		ManagerIP string `json:"managerIp"`
	}
	if err := json.Unmarshal(raw, &outputs); err != nil {
		return fmt.Errorf("read the stack's outputs: %w", err)
	}
	page, err := fetch(ctx, outputs.APIURL)
	if err != nil {
		return fmt.Errorf("the stack is up, but its API does not answer: %w", err)
	}
	self := "go run ./sandbox"
	if opts.name != "sandbox" {
		self += " --name " + opts.name + " --network " + opts.network
	}
	fmt.Printf(greeting, outputs.APIURL, page, outputs.ManagerIP, self)
	return nil
}

const greeting = `
The service is up: %[1]s
%[2]s
  RabbitMQ     http://%[3]s:15672    Seq  http://%[3]s:8081
  look around  %[4]s exec aver-manager -- docker service ls
  outputs      %[4]s outputs
  change it    %[4]s up --config averazure:workers=3
  take it down %[4]s down
`
