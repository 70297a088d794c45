package workspace

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// lastCall is what the stub of the CLI was called with last.
func lastCall(t *testing.T, w *Workspace) string {
	t.Helper()
	calls := strings.Split(strings.TrimSpace(read(t, filepath.Join(w.homeDir(), "calls"))), "\n")
	return calls[len(calls)-1]
}

func TestSettingsAreKeptForLaterRunsOnlyWhenAsked(t *testing.T) {
	w := scratch(t, recordCalls)
	for _, settings := range []Settings{
		{Values: map[string]string{"averazure:workers": "3"}, Keep: true},
		{Values: map[string]string{"averazure:workers": "9"}},
		{Values: map[string]string{"averazure:managers": "3"}},
	} {
		if err := w.Configure(context.Background(), settings); err != nil {
			t.Fatal(err)
		}
	}
	last := lastCall(t, w)
	want := "config set-all --path --plaintext averazure:managers=3 --plaintext averazure:workers=3"
	if !strings.HasPrefix(last, want) {
		t.Errorf("last call is %q, want %q", last, want)
	}
}

func TestTheUsersSettingsGoBeforeTheComputed(t *testing.T) {
	w := scratch(t, recordCalls)
	var said []string
	w.Log = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	computed := map[string]string{"averazure:sshCidrs[0]": "198.18.0.1/32", "averazure:registryServer": "198.18.0.2:5000"}
	users := map[string]string{"averazure:sshCidrs[0]": "0.0.0.0/0"}
	if err := w.Configure(context.Background(), Settings{Computed: computed, Values: users, Keep: true}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 0 {
		t.Errorf("a first run speaks of earlier ones: %v", said)
	}
	if kept := read(t, filepath.Join(w.StateDir, "settings")); kept != "averazure:sshCidrs[0]=0.0.0.0/0" {
		t.Errorf("kept is %q", kept)
	}
	computed["averazure:registryServer"] = "198.18.9.2:5000"
	if err := w.Configure(context.Background(), Settings{Computed: computed}); err != nil {
		t.Fatal(err)
	}
	want := "config set-all --path --plaintext averazure:registryServer=198.18.9.2:5000 --plaintext averazure:sshCidrs[0]=0.0.0.0/0"
	if last := lastCall(t, w); !strings.HasPrefix(last, want) {
		t.Errorf("last call is %q, want %q", last, want)
	}
	if want := "with settings kept from earlier runs: averazure:sshCidrs[0]=0.0.0.0/0; `up --reset` drops them"; len(said) != 1 || said[0] != want {
		t.Errorf("said was %q, want %q", said, want)
	}
}

func TestASettingIsKeptOnlyIfItsRunChangedSomething(t *testing.T) {
	w := scratch(t, recordCalls)
	workers := func(n string, reset bool) {
		t.Helper()
		settings := Settings{Values: map[string]string{"averazure:workers": n}, Keep: true, Reset: reset}
		if err := w.Configure(context.Background(), settings); err != nil {
			t.Fatal(err)
		}
	}
	revert := func(undone bool, kept string) {
		t.Helper()
		if was, err := w.Revert(); err != nil || was != undone {
			t.Errorf("put back: %v (%v), want %v", was, err, undone)
		}
		if got := read(t, w.settingsFile()); got != kept {
			t.Errorf("kept is %q, want %q", got, kept)
		}
	}
	workers("3", false) // went well
	write(t, w.StateFile(), "one")
	workers("many", false)
	revert(true, "averazure:workers=3")
	workers("many", true)
	revert(true, "averazure:workers=3")
	workers("4", false)
	write(t, w.StateFile(), "two")
	revert(false, "averazure:workers=4")
	workers("4", false)
	revert(false, "averazure:workers=4")
}

func TestASettingThatCannotBeLaidIsNotKept(t *testing.T) {
	w := scratch(t, `case "$*" in *set-all*) exit 1;; esac`)
	settings := Settings{Values: map[string]string{"averazure:publicPorts[7]": "80"}, Keep: true}
	if err := w.Configure(context.Background(), settings); err == nil {
		t.Fatal("a failed setting is no error")
	}
	if kept := read(t, w.settingsFile()); kept != "" {
		t.Errorf("kept is %q", kept)
	}
}

func TestResetForgetsWhatEarlierRunsKept(t *testing.T) {
	w := scratch(t, recordCalls)
	for _, settings := range []Settings{
		{Values: map[string]string{"averazure:workers": "3", "averazure:prefix": "x"}, Keep: true},
		{Values: map[string]string{"averazure:managers": "3"}, Keep: true, Reset: true},
	} {
		if err := w.Configure(context.Background(), settings); err != nil {
			t.Fatal(err)
		}
	}
	if kept := read(t, w.settingsFile()); kept != "averazure:managers=3" {
		t.Errorf("kept is %q", kept)
	}
	if last := lastCall(t, w); !strings.HasPrefix(last, "config set-all --path --plaintext averazure:managers=3 <") {
		t.Errorf("last call is %q", last)
	}
}

func TestAStackIsDeployedOnceItHasResources(t *testing.T) {
	opts := Options{StateDir: t.TempDir(), Stack: "sandbox"}
	file := (&Workspace{Options: opts}).StateFile()
	for _, test := range []struct {
		state string
		want  bool
	}{
		{"", false},
		{`{"version":3,"checkpoint":{"latest":{"manifest":{}}}}`, false},
		{`{"version":3,"checkpoint":{"latest":{"resources":[{"urn":"urn:x"}]}}}`, true},
	} {
		if test.state != "" {
			write(t, file, test.state)
		}
		if got, err := Deployed(opts); err != nil || got != test.want {
			t.Errorf("%q: %v (%v)", test.state, got, err)
		}
	}
}
