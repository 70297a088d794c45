package main

import (
	"strings"
	"testing"
)

func TestANameStaysInsideTheStatesDirectory(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "-a", "A", "a b", strings.Repeat("a", 32)} {
		root := rootCommand() // no verb runs here: a fault would remove what it should not
		if err := root.ParseFlags([]string{"--name=" + bad}); err != nil {
			t.Fatal(err)
		}
		if err := root.PersistentPreRunE(root, nil); err == nil || !strings.Contains(err.Error(), "--name") {
			t.Errorf("--name %q: the error is %v", bad, err)
		}
	}
	for _, good := range []string{"sandbox", "test", "2nd", "a-b"} {
		if err := validName(good); err != nil {
			t.Error(err)
		}
	}
}
