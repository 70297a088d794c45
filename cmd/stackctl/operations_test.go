package main

import (
	"errors"
	"slices"
	"testing"

	"averazure/internal/handbook"
)

// TestTheDocumentsNameRealCommands checks that every call of stackctl in the documents has
// a verb, flags and arguments that stackctl accepts. A verb alone is enough, as the text
// names one.
func TestTheDocumentsNameRealCommands(t *testing.T) {
	for _, name := range []string{"operations.md", "delivery.md", "architecture.md"} {
		page, err := handbook.Read("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		calls, err := page.Calls("stackctl")
		if err != nil || len(calls) == 0 {
			t.Fatalf("%s: %d calls, %v", name, len(calls), err)
		}
		for _, call := range calls {
			if err := takes(call.Words[1:]); err != nil {
				t.Errorf("%s, %q: %s: %v", name, call.Section, call, err)
			}
		}
	}
}

// TestMessagesNameRealCommands checks the same for every call that a message of the program
// advises.
func TestMessagesNameRealCommands(t *testing.T) {
	messages, err := handbook.Messages("../..")
	if err != nil {
		t.Fatal(err)
	}
	advised := handbook.Of(messages, "stackctl")
	if len(advised) < 10 {
		t.Fatalf("only %v are advised", advised)
	}
	for _, one := range advised {
		if err := takes(one.Words[1:]); err != nil {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// takes parses a call of stackctl, and runs nothing.
func takes(args []string) error {
	if args[0] == "VERB" {
		args[0] = "status"
	}
	verb, rest, err := (&app{}).rootCommand().Find(args)
	switch {
	case err != nil:
		return err
	case slices.Equal(rest, []string{"--help"}):
		return nil
	case !verb.HasParent():
		return errors.New("no such verb")
	case len(rest) == 0:
		return nil
	}
	if err := verb.ParseFlags(rest); err != nil {
		return err
	}
	return verb.ValidateArgs(verb.Flags().Args())
}
