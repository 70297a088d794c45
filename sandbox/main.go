// Command sandbox runs the program of this repository, unchanged and with the
// real Pulumi engine, on one machine: real Linux hosts in containers, real SSH,
// Docker, Swarm and a registry, and a local cloud in Azure's place.
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
	"averazure/sandbox/machine"
	"averazure/sandbox/workspace"
)

func main() {
	// The Pulumi CLI is told to stop on its own account (see runCLI); it ends the
	// run in order and we end after it. The context serves what runs outside it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		stop()
		os.Exit(report(err))
	}
}

// report prints the error, behind everything else, and chooses the exit status. What a
// command of the user's own has already explained is not explained again.
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

// exitError is the status of a program that has said itself what went wrong.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const defaultName = "sandbox"

// options are the flags that every verb takes.
type options struct {
	name    string
	network string
	config  []string
	values  []workspace.Setting // config, read
	verb    string              // which is under way
	keep    bool                // config holds for later runs: up keeps, the others try
	reset   bool                // what earlier runs kept does not
	plugins string              // where the plugins come from that can be downloaded
	late    azure.Late          // how long the directory takes
}

// self is how a user calls this command for this sandbox.
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
		Short:         "Run the whole program on this machine, without an Azure account",
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
	flags.StringVar(&opts.name, "name", defaultName, "which sandbox; several can run side by side")
	flags.StringVar(&opts.network, "network", "", "the /24 that plays the internet, another one for another sandbox; kept until down (at first "+machine.DefaultCIDR+")")
	flags.StringVar(&opts.plugins, "plugins", string(workspace.Auto), "the plugins command, docker and tls: auto takes official ones that are installed or can be downloaded, and else stand-ins; official asks for them again and takes nothing else; played takes stand-ins")
	flags.StringArrayVar(&opts.config, "config", nil, "a setting, path=value (workers=3, publicPorts=80,443, stackVariables.LEVEL=debug); an up that changes something keeps it until down or up --reset")
	flags.IntVar(&opts.late.Tries, "late-directory", 0, "how often Entra and Azure do not find a new application or principal yet")
	flags.BoolVar(&opts.late.Unseen, "unseen-directory", false, "fail after an application or a principal has been made, because Entra does not show it")
	root.AddCommand(upCommand(&opts), previewCommand(&opts), outputsCommand(&opts), execCommand(&opts),
		serveCommand(&opts), pulumiCommand(&opts), secretCommand(&opts), downCommand(&opts))
	return root
}

// readConfig reads the settings for every verb, before anything is made: a
// mistake in them is one wherever it stands.
func (o *options) readConfig() error {
	project, err := projectDir()
	if err != nil {
		return err
	}
	o.values, err = workspace.ParseSettings(project, o.self(), o.config)
	return err
}

// nameForm keeps a name inside the directory of the states, which down removes,
// and within what containers and networks may be called.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

func validName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("--name %q: a sandbox's name is 1 to 31 lower-case letters, digits and hyphens, no hyphen first", name)
	}
	return nil
}

// supported says early what would fail late.
func supported() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the sandbox needs Linux: its hosts share the kernel of this machine, which is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the sandbox needs root: it starts hosts and sets up their networks; run it with sudo")
	}
	return nil
}
