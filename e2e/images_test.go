package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"averazure/internal/release"
)

// TestSlowImageOfOnesOwn runs the recipe of sandbox/README.md exactly as written, and deploys
// its image.
func TestSlowImageOfOnesOwn(t *testing.T) {
	isSlow(t)
	text, err := os.ReadFile(filepath.Join(box.project, "sandbox", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Images\n")
	_, block, _ := strings.Cut(section, "```\n")
	block, _, found := strings.Cut(block, "```\n")
	if !found || !strings.Contains(block, "docker push") {
		t.Fatalf("the recipe is missing: %q", block)
	}
	host, _, err := net.SplitHostPort(configValue(t, "averazure:registryServer"))
	if err != nil {
		t.Fatal(err)
	}
	self := fmt.Sprintf("%s --name %s --network %s", box.binary, sandboxName, sandboxNetwork)
	recipe := strings.ReplaceAll(block, "go run ./sandbox", "(cd "+box.project+" && "+self)
	recipe = strings.ReplaceAll(recipe, "198.18.0.2:5001", host+":5001")
	var lines []string
	for line := range strings.Lines(recipe) {
		if line = strings.TrimSpace(line); strings.Contains(line, "(cd ") {
			line += ")"
		}
		lines = append(lines, line)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Join(lines, "\n"))
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := newStack(t, "ownimage")
	s.deploy(t, "services:\n  site:\n    image: site:1\n", release.Runs, 1)
}
