package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"averazure/internal/recorder"
	"averazure/internal/settings"
)

// A service whose secret nothing provides would never start, so its stack file is refused.
// A file that the program does not deploy itself is accepted, since its secrets may come
// from elsewhere.
func TestASecretThatNothingProvidesIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stack.yml")
	text := "services:\n  api:\n    image: x/y\n    secrets: [db]\nsecrets:\n  db: {external: true}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		settings map[string]string
		refused  bool
	}{
		{nil, true},
		{map[string]string{"secrets": `{"db": "hunter2"}`}, false},
		{map[string]string{"stackDeploy": "false"}, false},
	} {
		config := shipped(t, "dev")
		config["averazure:stackFiles"] = fmt.Sprintf("[%q]", file)
		for key, value := range test.settings {
			config[settings.Name(key)] = value
		}
		r, err := record(t, config, nil)
		const command = "`pulumi config set --secret --path 'averazure:secrets.db'`"
		if refused := err != nil && strings.Contains(err.Error(), command); refused != test.refused || err != nil && !refused {
			t.Errorf("%v: error is %v", test.settings, err)
		}
		if test.refused && len(r.Resources()) > 0 {
			t.Errorf("%v: something was registered", test.settings)
		}
	}
}

func TestSecretInPlainTextIsRefused(t *testing.T) {
	_, err := record(t, shipped(t, "dev"), func(r *recorder.Recorder) { r.SecretKeys = nil })
	if keys := settings.Keys(err); !slices.Contains(keys, "registryToken") {
		t.Errorf("error is %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "token-of-the-registry") {
		t.Error("the error shows the secret")
	}
}

// A variable ends in a service, where everybody who may inspect it can read it.
func TestSecretVariableIsRefused(t *testing.T) {
	config := shipped(t, "dev")
	config[settings.Name("stackVariables")] = `{"PASSWORD": "hunter2"}`
	if _, err := record(t, config, nil); err != nil {
		t.Fatal(err)
	}
	_, err := record(t, config, func(r *recorder.Recorder) { r.SecretKeys = append(r.SecretKeys, settings.Name("stackVariables")) })
	if keys := settings.Keys(err); !slices.Equal(keys, []string{"stackVariables"}) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

// One secret entry makes the whole object secret to the engine, so that the
// others have to be looked for in the file.
func TestOneEntryInPlainTextIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	t.Setenv("PULUMI_OPTION_CONFIG_FILE", file)
	for content, want := range map[string]string{
		"{smtp: {secure: v1:abc}}":              "",
		"{secure: v1:abc}":                      "",
		"{}":                                    "",
		"{smtp: {secure: v1:abc}, db: hunter2}": "averazure:secrets: db ",
		"{db: {secure: v1:abc, and: more}}":     "averazure:secrets: db ",
	} {
		if err := os.WriteFile(file, []byte("config:\n  averazure:secrets: "+content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := record(t, shipped(t, "dev"), nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error is %v, want %q", content, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error("the error shows the secret")
		}
	}
	if problems := plainEntries(filepath.Join(t.TempDir(), "absent.yaml")); len(problems) > 0 {
		t.Errorf("without a file: %v", problems)
	}
}
