package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A preview says all that a stack file lacks: variables, secrets and open ports.
func TestAPreviewReportsEverythingThatAStackFileLacks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stack.yml")
	text := "services:\n  api:\n    image: x/y\n    environment: [\"GREETING=${GREETING}\"]\n    ports: [\"9090:80\"]\n    secrets: [db]\nsecrets: {db: {external: true}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config := shipped(t, "dev")
	config["averazure:stackFiles"], config["averazure:appContext"] = engineText(t, []string{file}), ""
	r, err := record(t, config, nil)
	if err == nil {
		t.Fatal("it is accepted")
	}
	said := err.Error() + strings.Join(r.Logs(), "\n")
	for _, want := range []string{"has 2 problems", "GREETING", `"db"`, "9090/tcp"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not in\n%s", want, said)
		}
	}
}
