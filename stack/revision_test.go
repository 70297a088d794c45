package stack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes a git repository with a context in it and returns a
// function that runs git there.
func repository(t *testing.T) (dir string, run func(args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	run = func(args ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		command.Dir = dir
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, output)
		}
		return strings.TrimSpace(string(output))
	}
	run("init", "-q")
	put(t, dir, "app/Dockerfile", "FROM scratch\n")
	return dir, run
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRevisionIsTheLastCommitOfTheContext(t *testing.T) {
	dir, git := repository(t)
	app := filepath.Join(dir, "app")
	if tag, warning := revision(context.Background(), app); tag != untagged || warning == "" {
		t.Errorf("before the first commit: %q, %q", tag, warning)
	}
	git("add", ".")
	git("commit", "-qm", "one")
	first := git("rev-parse", "HEAD")[:shortSHA]
	put(t, dir, "README", "elsewhere")
	git("add", ".")
	git("commit", "-qm", "two")
	if tag, warning := revision(context.Background(), app); tag != first || warning != "" {
		t.Errorf("after a commit elsewhere: %q, %q, want %q", tag, warning, first)
	}
	put(t, dir, "app/Dockerfile", "FROM scratch\n# changed\n")
	if tag, _ := revision(context.Background(), app); tag != first+"-dirty" {
		t.Errorf("with a change: %q", tag)
	}
	git("commit", "-qam", "three")
	if tag, _ := revision(context.Background(), app); tag != git("rev-parse", "HEAD")[:shortSHA] {
		t.Errorf("after a commit: %q", tag)
	}
}

func TestRevisionWarnsInAShallowClone(t *testing.T) {
	dir, git := repository(t)
	git("add", ".")
	git("commit", "-qm", "one")
	clone := filepath.Join(t.TempDir(), "clone")
	git("clone", "-q", "--depth", "1", "file://"+dir, clone)
	if _, warning := revision(context.Background(), filepath.Join(clone, "app")); !strings.Contains(warning, "fetch-depth: 0") {
		t.Errorf("warning %q", warning)
	}
}

func TestRevisionWithoutGit(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", "/")
	dir := t.TempDir()
	if tag, warning := revision(context.Background(), dir); tag != untagged || !strings.Contains(warning, dir) {
		t.Errorf("outside a repository: %q, %q", tag, warning)
	}
	t.Setenv("PATH", "")
	if tag, warning := revision(context.Background(), dir); tag != untagged || warning == "" {
		t.Errorf("without git: %q, %q", tag, warning)
	}
}
