package main

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// The deploy key can do this and no more. sshd passes on what the client asked for,
// whether it wanted a command, a shell or a file transfer. stackctl compares it word by
// word and never evaluates it.

// deployKeyUsage is the answer to a client that asks for anything else.
const deployKeyUsage = "this key can run `files STACK`, `deploy STACK` and `diff STACK` with a stack file on standard input (or a tar archive of --file NAME and what it names), `status STACK`, `releases STACK` and `rollback STACK [RELEASE]`, each with --json, deploy with --revision and --actor, and nothing else"

// wish is what the client asked for, in words that were all checked.
type wish struct {
	verb, stack     string
	number          int
	revision, actor string
	files           []string // the stack files of an archive, in their order
	json            bool
}

// maxStackFiles bounds the stack files of one stack.
const maxStackFiles = 10

// stackFiles are the names of the stack files.
func (w wish) stackFiles() []string {
	if len(w.files) == 0 {
		return []string{stackFile}
	}
	return w.files
}

// takesFile tells whether a stack file comes with the wish.
func (w wish) takesFile() bool { return w.verb == "deploy" || w.verb == "diff" || w.verb == "files" }

var (
	releaseForm = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)
	fileForm    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)
)

func (a *app) deployKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ssh",
		Short:   "For the deploy key: run the command in SSH_ORIGINAL_COMMAND, if it is allowed",
		Example: "  ssh deploy@MANAGER deploy aver --json < stack.yml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked := a.env("SSH_ORIGINAL_COMMAND")
			a.json = slices.Contains(strings.Split(asked, " "), "--json")
			w, ok := parseWish(asked)
			if !ok {
				return mistakef("usage", "%s", deployKeyUsage)
			}
			return a.doWish(cmd.Context(), w)
		},
	}
}

// parseWish parses the client's request. It refuses everything except the words of
// deployKeyUsage with one space between them.
func parseWish(asked string) (wish, bool) {
	words := strings.Split(asked, " ")
	if len(asked) > 1000 || len(words) < 2 || stackfile.CheckStackName(words[1]) != nil {
		return wish{}, false
	}
	w := wish{verb: words[0], stack: words[1]}
	switch w.verb {
	case "deploy", "diff", "files", "status", "releases", "rollback":
	default:
		return wish{}, false
	}
	for rest := words[2:]; len(rest) > 0; {
		taken, ok := w.take(rest)
		if !ok {
			return wish{}, false
		}
		rest = rest[taken:]
	}
	return w, true
}

// take reads the next words and returns how many they were.
func (w *wish) take(rest []string) (int, bool) {
	value := func(into *string, form *regexp.Regexp) (int, bool) {
		if w.verb != "deploy" || len(rest) < 2 || *into != "" || rest[1] == "" || !form.MatchString(rest[1]) {
			return 0, false
		}
		*into = rest[1]
		return 2, true
	}
	switch {
	case rest[0] == "--json" && !w.json:
		w.json = true
		return 1, true
	case rest[0] == "--file" && w.takesFile() && len(rest) > 1 && len(w.files) < maxStackFiles && fileForm.MatchString(rest[1]):
		w.files = append(w.files, rest[1])
		return 2, true
	case rest[0] == "--revision":
		return value(&w.revision, revisionForm)
	case rest[0] == "--actor":
		return value(&w.actor, actorForm)
	case w.verb == "rollback" && w.number == 0 && releaseForm.MatchString(rest[0]):
		w.number, _ = strconv.Atoi(rest[0])
		return 1, true
	}
	return 0, false
}

// doWish does what the client asked for.
func (a *app) doWish(ctx context.Context, w wish) error {
	s, err := a.readSettings()
	if err != nil {
		return err
	}
	if s.DeployScope == "" {
		return mistakef("settings", "%s does not say what this key may do; `pulumi up` writes it", a.settings)
	}
	d, err := a.docker()
	if err != nil {
		return err
	}
	var file *stackfile.File
	if w.takesFile() {
		input, err := a.stranger(ctx, d, w)
		if err != nil {
			return err
		}
		if w.verb == "files" {
			return a.showFiles(input)
		}
		if file, err = stackfile.Parse(input); err != nil {
			return invalid(err)
		}
	}
	order := release.Order{File: file, From: release.FromStackRepo, By: release.ByStackRepo,
		Revision: w.revision, Actor: w.actor, Scope: s.DeployScope}
	switch w.verb {
	case "deploy":
		a.report(d.Deploy(ctx, w.stack, order))
	case "rollback":
		a.report(d.Rollback(ctx, w.stack, w.number))
	case "diff":
		return a.diff(ctx, d, w.stack, order)
	case "status":
		return a.showStatus(ctx, d, w.stack)
	case "releases":
		return a.showReleases(ctx, d, w.stack)
	}
	return nil
}
