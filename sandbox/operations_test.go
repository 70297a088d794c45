package main

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/handbook"
	"averazure/sandbox/workspace"
)

// follow parses a call of the sandbox as far as it can without running it: its verb, flags,
// arguments and settings.
func follow(t *testing.T, args []string) (verb string, err error) {
	t.Helper()
	cmd, rest, err := rootCommand().Find(args)
	if err != nil {
		return "", err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return "", err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return "", err
	}
	settings, err := cmd.Flags().GetStringArray("config")
	if err == nil {
		_, err = workspace.ParseSettings("..", "sandbox", settings)
	}
	return cmd.Name(), err
}

// Every sandbox command that a message advises has a verb, flags, arguments and settings
// that the sandbox takes. A message fills in only a name or a port.
func TestEveryAdviceOfTheSandboxCanBeFollowed(t *testing.T) {
	messages, err := handbook.Messages("..")
	if err != nil {
		t.Fatal(err)
	}
	advised := handbook.Of(messages, "sandbox")
	if len(advised) < 8 {
		t.Fatalf("only %v are advised", advised)
	}
	for _, one := range advised {
		args := strings.Fields(strings.ReplaceAll(strings.Join(one.Words[1:], " "), "publicPorts=NAME", "publicPorts=80,443,9090"))
		if slices.Equal(args, []string{"NAME"}) {
			continue // this is the adviser itself; another test checks it
		}
		if _, err := follow(t, args); err != nil {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// Some messages advise Pulumi commands. The adviser replaces each with the sandbox's own
// command, and the sandbox accepts that command.
func TestTranslatedAdviceCanBeFollowed(t *testing.T) {
	messages, err := handbook.Messages("..")
	if err != nil {
		t.Fatal(err)
	}
	advised := handbook.Of(messages, "pulumi")
	if len(advised) < 10 {
		t.Fatalf("only %v are advised", advised)
	}
	for _, one := range advised {
		args := here(strings.Join(one.Words[1:], " "))
		verb, err := follow(t, strings.Fields(args))
		if err != nil || !slices.Contains([]string{"up", "preview", "pulumi", "set"}, verb) {
			t.Errorf("%s becomes %s: %q, %v", one, args, verb, err)
		}
	}
}

// Every sandbox command that the documents show has a verb, flags, arguments and settings
// that the sandbox takes.
func TestTheDocumentsNameRealCommands(t *testing.T) {
	values := strings.NewReplacer("KEY=VALUE", "workers=3", "VERB", "up", "...", "true")
	for _, name := range []string{"docs/operations.md", "docs/delivery.md", "sandbox/README.md"} {
		page, err := handbook.Read("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		calls, err := page.Calls("go")
		if err != nil {
			t.Fatal(err)
		}
		followed := 0
		for _, call := range calls {
			if len(call.Words) < 4 || call.Words[2] != "./sandbox" {
				continue
			}
			followed++
			args := strings.Fields(values.Replace(strings.Join(call.Words[3:], " ")))
			if _, err := follow(t, args); err != nil {
				t.Errorf("%s, %q: %s: %v", name, call.Section, call, err)
			}
		}
		if followed == 0 {
			t.Errorf("%s shows no call of the sandbox", name)
		}
	}
}
