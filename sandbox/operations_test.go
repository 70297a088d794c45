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

// TestEveryAdviceOfTheSandboxCanBeFollowed: every command of its own in its messages. What a
// message fills in is a name, or a port.
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
			continue // the adviser itself, which has a test of its own
		}
		if _, err := follow(t, args); err != nil {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// TestWhatIsTranslatedCanBeFollowed: the messages that name commands of Pulumi, in which the
// adviser names the sandbox's own.
func TestWhatIsTranslatedCanBeFollowed(t *testing.T) {
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

// TestTheDocumentsNameRealCommands: every call of the sandbox that the documents show has a
// verb, flags, arguments and settings that it takes.
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
