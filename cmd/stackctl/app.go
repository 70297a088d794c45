package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"averazure/internal/release"
)

// mistake is an error in how stackctl was called, or in the file. Nothing was changed.
type mistake struct {
	code string
	error
}

func mistakef(code, format string, args ...any) error {
	return mistake{code, fmt.Errorf(format, args...)}
}

// run runs a command line and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	// The value is needed before the flags are parsed, and also if parsing fails.
	a.json = slices.Contains(args[:before(args, "--")], "--json")
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	if err := root.ExecuteContext(ctx); err != nil {
		a.report(failure(err))
	}
	return a.status
}

// before returns how many words come before a given word, or the number of all words if it
// is not among them.
func before(words []string, word string) int {
	if at := slices.Index(words, word); at >= 0 {
		return at
	}
	return len(words)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "stackctl",
		Short:         "Deploy stacks on this manager's Swarm, and keep them as released",
		Long:          "stackctl deploys stacks on this manager's Swarm, and keeps them as released.\n\nExit status: 0 it runs, 1 it failed, 2 it was refused, 3 another deployment is under way.",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return mistakef("usage", "a verb is missing; `stackctl --help` lists them")
		},
	}
	root.PersistentFlags().BoolVar(&a.json, "json", a.json, "print JSON on standard output")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return mistakef("usage", "%v; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(a.deployCommand(), a.statusCommand(), a.releasesCommand(), a.rollbackCommand(), a.diffCommand(), a.filesCommand(),
		a.reconcileCommand(), a.pauseCommand(), a.resumeCommand(), a.trustCommand(), a.removeCommand(), a.recoverCommand(), a.rebalanceCommand(), a.vacateCommand(), a.backupCommand(), a.backupsCommand(), a.restoreCommand(),
		a.idleCommand(), a.aloneCommand(), a.agentCommand(), a.versionCommand(), a.deployKeyCommand())
	for _, command := range root.Commands() {
		named(command)
	}
	return root
}

// named turns cobra's errors about the number of arguments into mistakes.
func named(command *cobra.Command) {
	check := command.Args
	command.Args = func(cmd *cobra.Command, args []string) error {
		if check == nil || check(cmd, args) == nil {
			return nil
		}
		way := ""
		if strings.Contains(cmd.Use, "STACK") {
			way = "; `docker stack ls` names the stacks"
		}
		return mistakef("usage", "usage: %s%s", cmd.UseLine(), way)
	}
}

// say prints a message for people. It does not matter if nobody reads it any more. Each
// line begins with stackctl's name: in GitHub's log, a bare line that others wrote could be
// a command to the runner.
func (a *app) say(format string, args ...any) {
	for _, line := range strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		fmt.Fprintf(a.err, "stackctl: %s\n", release.Printable(line))
	}
}

// print writes the one JSON value for programs.
func (a *app) print(value any) {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		a.say("the result could not be written: %v", err)
	}
}

// report ends with a result: its exit status, its JSON, its sentence.
func (a *app) report(result release.Result) {
	a.status = result.Outcome.Status()
	a.say("%s", result.Verdict)
	if a.json {
		a.print(result)
	}
}

// failure turns an error into a result.
func failure(err error) release.Result {
	result := release.Result{Outcome: release.Failed, Verdict: err.Error(),
		Problems: []release.Problem{{Code: release.CodeOf(err), Reason: err.Error()}}}
	var wrong mistake
	if errors.As(err, &wrong) {
		result.Outcome, result.Problems[0].Code = release.Refused, wrong.code
	} else if result.Problems[0].Code == release.CodeUnknownStack {
		result.Outcome = release.Refused
	} else if isUsage(err) {
		result.Outcome, result.Problems[0].Code = release.Refused, "usage"
	}
	return result
}

// isUsage recognizes cobra's own error about an unknown verb, which has no type.
func isUsage(err error) bool { return strings.HasPrefix(err.Error(), "unknown command") }

// docker connects to Docker, with the time limits of the settings file.
func (a *app) docker() (deployer, error) {
	settings, err := a.readSettings()
	if err != nil {
		return nil, err
	}
	return a.connect(settings.bounds(), a.say)
}
