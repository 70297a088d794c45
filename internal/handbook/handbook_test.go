package handbook

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const page = "# A page\n\n## One\n\nRun `tool look --deep` or `sudo tool\nstop NAME`; `tool` alone is none.\n\n```\n" +
	"x=$(tool ask 'a b' --all) # why\nprint \"$x\" |\n  sudo tool take \"$dir/file\" [--at TIME]\n```\n\n```yaml\ntool: no\n```\n\n" +
	"## Two\n\n```\nssh -F \"$dir/config\" node sudo tool mend < \"$dir/key\"\n```\n\n```text\nservice tool: new (image a, port 1)\n```\n"

func read(t *testing.T) Page {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCallsOfAProgram(t *testing.T) {
	calls, err := read(t).Calls("tool")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, call := range calls {
		found = append(found, call.Section+": "+call.String())
	}
	want := []string{"One: tool ask a b --all", "One: tool take $dir/file", "One: tool look --deep", "One: tool stop NAME", "Two: tool mend"}
	if !slices.Equal(found, want) {
		t.Errorf("they are %q, want %q", found, want)
	}
}

func TestBlocksAreRunAsTheyStand(t *testing.T) {
	p := read(t)
	blocks, err := p.Blocks("One")
	if err != nil || len(blocks) != 1 {
		t.Fatalf("%q, %v", blocks, err)
	}
	statements, err := Statements(blocks[0])
	if err != nil || len(statements) != 2 || statements[0].Text != "x=$(tool ask 'a b' --all)" || statements[1].Text != "print \"$x\" |\n  sudo tool take \"$dir/file\"" {
		t.Errorf("%+v, %v", statements, err)
	}
	if _, err := p.Blocks("Three"); err == nil {
		t.Error("a section that is not there has blocks")
	}
}
