package machine

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeNamesTheImagesThatThereAre without Docker Hub, and the mirror's port.
func TestReadmeNamesTheImagesThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Images\n")
	section, _, _ = strings.Cut(section, "\n## ")
	names := standInNames()
	for _, want := range append(names, ":"+mirrorPort+"/library/") {
		if !strings.Contains(section, want) {
			t.Errorf("it does not name %s", want)
		}
	}
	if len(names) != len(standIns()) || len(names) == 0 {
		t.Errorf("the stand-ins are %q", names)
	}
}
