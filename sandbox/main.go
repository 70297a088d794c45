// Command sandbox runs this repository's program, unchanged and with the real Pulumi
// engine, on one machine. Hosts are containers with real SSH, Docker, Swarm and a
// registry; a local cloud emulates Azure.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"averazure/sandbox/azure"
	"averazure/sandbox/hosts"
	"averazure/sandbox/workspace"
)

func main() {
	// runCLI forwards a request to stop to the Pulumi CLI, which then ends its run cleanly.
	// The context stops everything else.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		stop()
		os.Exit(report(err))
	}
}

// report prints the error after all other output and returns the exit status. It prints
// nothing if the user's own command has already explained the error.
func report(err error) int {
	if exit, ok := err.(exitError); ok {
		return int(exit)
	}
	var run failed
	if errors.As(err, &run) && run.why == "" {
		return run.status
	}
	fmt.Fprintf(os.Stderr, "\nsandbox: %v\n", err)
	return max(run.status, 1)
}

// exitError is the exit status of a program that has printed its error itself.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const defaultName = "sandbox"

// options are the flags that every verb takes.
type options struct {
	name    string
	network string
	config  []string
	values  []workspace.Setting // config, parsed
	verb    string              // the verb that is running
	keep    bool                // keep config for later runs; up does
	reset   bool                // drop what earlier runs kept
	plugins string              // where the downloadable plugins come from
	late    azure.Late          // how late Entra shows new objects
}

// self is the command line that runs this command for this sandbox.
func (o *options) self() string {
	if o.name != defaultName {
		return "go run ./sandbox --name " + o.name
	}
	return "go run ./sandbox"
}

func rootCommand() *cobra.Command {
	var opts options
	root := &cobra.Command{
		Use:           "sandbox",
		Short:         "Run the whole program on this machine without an Azure account",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			opts.verb = cmd.Name()
			if err := validName(opts.name); err != nil {
				return err
			}
			if err := workspace.Source(opts.plugins).Validate(); err != nil {
				return fmt.Errorf("--plugins: %w", err)
			}
			if err := supported(); err != nil {
				return err
			}
			return opts.readConfig()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&opts.name, "name", defaultName, "name of the sandbox; several can run side by side")
	flags.StringVar(&opts.network, "network", "", "the /24 network that stands for the internet; each sandbox needs its own; kept until down (default "+hosts.DefaultCIDR+")")
	flags.StringVar(&opts.plugins, "plugins", string(workspace.Auto), "which plugins command, docker and tls to use: official, played (stand-ins), or auto (official if installed or downloadable, otherwise stand-ins)")
	flags.StringArrayVar(&opts.config, "config", nil, "a setting as path=value (workers=3, publicPorts=80,443, stackVariables.LEVEL=debug); up keeps it until down or up --reset")
	flags.IntVar(&opts.late.Tries, "late-directory", 0, "how many times Entra and Azure refuse a reference to a new application or principal")
	flags.BoolVar(&opts.late.Unseen, "unseen-directory", false, "fail after creating an application or principal, because Entra does not show it yet")
	root.AddCommand(upCommand(&opts), previewCommand(&opts), outputsCommand(&opts), execCommand(&opts),
		serveCommand(&opts), pulumiCommand(&opts), secretCommand(&opts), downCommand(&opts))
	return root
}

// readConfig parses the settings before any verb starts its work.
func (o *options) readConfig() error {
	project, err := projectDir()
	if err != nil {
		return err
	}
	o.values, err = workspace.ParseSettings(project, o.self(), o.config)
	return err
}

// nameForm keeps the state directory, which down removes, inside .sandbox, and the names
// of containers and networks valid.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

func validName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("--name %q: use 1 to 31 lower-case letters, digits and hyphens; the first is not a hyphen", name)
	}
	return nil
}

// supported returns an error if this machine or this user cannot run the sandbox, because
// the run would fail later.
func supported() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the sandbox needs Linux: its hosts share the kernel of this machine, which is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the sandbox needs root to start hosts and set up their networks; run it with sudo")
	}
	return nil
}
