package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// command is one call of a session that a document shows, with the output that it shows.
type command struct {
	line  string
	shown []string
}

// TestReadmeShowsWhatIsPutBack runs the README's session exactly as written, and expects
// every line that it shows, in that order.
func TestReadmeShowsWhatIsPutBack(t *testing.T) {
	steps := session(t, filepath.Join(box.project, "README.md"), "## Change something by hand, and see it put back")
	box.exec(t, "aver-manager", "systemctl", "restart", "stackctl-agent") // so that its last line is not an old one
	t.Cleanup(func() { box.exec(t, "aver-manager", "systemctl", "start", "stackctl-agent") })
	eventually(t, 30*time.Second, "the agent is at work", func() (bool, string) {
		last := box.exec(t, "aver-manager", "journalctl", "-u", "stackctl-agent", "-o", "cat", "-n", "1")
		return strings.Contains(last, "agent: aver-manager "), last
	})
	for _, s := range steps { // without a pause, as when somebody pastes them
		out, err := box.run(context.Background(), 5*time.Minute, words(strings.TrimPrefix(s.line, "go run ./sandbox "))...)
		if err != nil {
			t.Fatal(err)
		}
		if missing := firstMissing(s.shown, out); missing != "" {
			t.Fatalf("%s: it does not say, or not there: %s\n%s", s.line, missing, out)
		}
	}
}

// words are the words of a line. The last one may be in single quotes.
func words(line string) []string {
	line, quoted, is := strings.Cut(line, " '")
	all := strings.Fields(line)
	if is {
		all = append(all, strings.TrimSuffix(quoted, "'"))
	}
	return all
}

func TestWordsOfALine(t *testing.T) {
	if got, want := words("exec n -- sh -c 'a | b c'"), []string{"exec", "n", "--", "sh", "-c", "a | b c"}; !slices.Equal(got, want) {
		t.Errorf("they are %q, want %q", got, want)
	}
}

// session reads the steps in the code blocks of one section of a document. A line that
// begins with $ is a command; the lines up to the next command are its output.
func session(t *testing.T, path, heading string) []command {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var steps []command
	for i, part := range strings.Split(section, "```") {
		if i%2 == 0 {
			continue
		}
		for line := range strings.Lines(strings.TrimPrefix(part, "\n")) {
			line = strings.TrimSpace(line)
			call, is := strings.CutPrefix(line, "$ ")
			switch {
			case is && strings.HasPrefix(call, "go run ./sandbox "):
				steps = append(steps, command{line: call})
			case is || len(steps) == 0:
				t.Fatalf("%s: %q is not a call of the sandbox, nor of its output", heading, line)
			case line != "":
				last := &steps[len(steps)-1]
				last.shown = append(last.shown, line)
			}
		}
	}
	if !slices.ContainsFunc(steps, func(c command) bool { return len(c.shown) > 0 }) {
		t.Fatalf("%s shows no output under %q", path, heading)
	}
	return steps
}

// firstMissing is the first shown line that the output does not contain after the lines
// before it.
func firstMissing(shown []string, out string) string {
	lines := strings.Split(out, "\n")
	for _, line := range shown {
		at := slices.IndexFunc(lines, func(said string) bool { return timeless(said) == timeless(line) })
		if at < 0 {
			return line
		}
		lines = lines[at+1:]
	}
	return ""
}

// changing are the parts that differ from run to run: seconds, releases, digests, a
// pipeline's tags and the sandbox's addresses, and with them the width of columns.
var changing = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d+\.\d+ s\b`), "N s"},
	{regexp.MustCompile(`\brelease \d+\b`), "release N"},
	{regexp.MustCompile(`(@[0-9a-f]{12}|:[0-9a-f]{7})\b`), "@DIGEST"},
	{regexp.MustCompile(`\b198\.18\.\d+\.\d+\b`), "ADDRESS"},
	{regexp.MustCompile(`\s+`), " "},
}

func timeless(line string) string {
	for _, c := range changing {
		line = c.form.ReplaceAllString(line, c.as)
	}
	return strings.TrimSpace(line)
}

func TestFirstMissing(t *testing.T) {
	out := "stack  aver\nhealed in 5.5 s: put back to release 12\nreplicas 5, released 2\n"
	for want, shown := range map[string][]string{
		"":                       {"stack aver", "healed in 0.9 s: put back to release 1"},
		"replicas 5, released 3": {"replicas 5, released 3"},
		"stack aver":             {"replicas 5, released 2", "stack aver"},
	} {
		if missing := firstMissing(shown, out); missing != want {
			t.Errorf("of %q %q is missing, want %q", shown, missing, want)
		}
	}
}
