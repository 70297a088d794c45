package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const shippedConfig = "# what ships\nconfig:\n  averazure:workers: 2\n"

func TestWhatOnlyTheUserHasSetIsCarriedOver(t *testing.T) {
	current := `encryptionsalt: v1:abc
config:
  averazure:workers: 9
  averazure:secrets:
    smtp: {secure: v1:xyz}
  averazure:registryToken: {secure: v1:own}
  averazure:prefix: mine
`
	merged, keys, err := carry([]byte(shippedConfig), []byte(current), map[string]bool{"averazure:registryToken": true})
	if err != nil || !slices.Equal(keys, []string{"averazure:secrets", "averazure:prefix"}) {
		t.Fatalf("carried over is %v (%v)", keys, err)
	}
	for _, want := range []string{"# what ships", "encryptionsalt: v1:abc", "averazure:workers: 2", "smtp: {secure: 'v1:xyz'}", "averazure:prefix: mine"} {
		if !strings.Contains(string(merged), want) {
			t.Errorf("%q is not in\n%s", want, merged)
		}
	}
	if strings.Contains(string(merged), "registryToken") {
		t.Errorf("the sandbox's own is taken for the user's:\n%s", merged)
	}
}

func TestWithoutAnythingOfTheUsersTheShippedFileStaysAsItIs(t *testing.T) {
	for _, current := range []string{"", "config: {}\n", "config:\n", shippedConfig} {
		merged, keys, err := carry([]byte(shippedConfig), []byte(current), nil)
		if err != nil || len(keys) > 0 || string(merged) != shippedConfig {
			t.Errorf("%q: it is %q, %v (%v)", current, merged, keys, err)
		}
	}
}

func TestTheUsersSecretOutlivesAnotherSetting(t *testing.T) {
	// The stub writes as the CLI does: one key for each setting.
	w := scratch(t, `case "$*" in *set-all*) for a; do case $a in *=*) echo "  ${a%%=*}: ${a#*=}" >> "$PULUMI_OPTION_CONFIG_FILE";; esac; done;; esac`)
	var said []string
	w.Log = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	configure := func(values map[string]string) {
		t.Helper()
		if err := w.Configure(context.Background(), Settings{Values: values}); err != nil {
			t.Fatal(err)
		}
	}
	configure(map[string]string{"averazure:logMaxFiles": "5"}) // for this once
	write(t, w.ConfigFile(), read(t, w.ConfigFile())+"  averazure:secrets: {smtp: {secure: v1:xyz}}\nencryptionsalt: v1:abc\n")
	configure(map[string]string{"averazure:managers": "3"})
	got := read(t, w.ConfigFile())
	for _, want := range []string{"encryptionsalt: v1:abc", "averazure:secrets: {smtp: {secure: 'v1:xyz'}}"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "logMaxFiles") {
		t.Errorf("what one run tried is taken for the user's:\n%s", got)
	}
	if len(said) != 1 || !strings.Contains(said[0], "averazure:secrets") || strings.Contains(said[0], "xyz") {
		t.Errorf("said was %q", said)
	}
}
