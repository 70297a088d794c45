package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestReferenceIsUpToDate(t *testing.T) {
	project, err := os.ReadFile("../../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Reference(project)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/configuration.md is not what Pulumi.yaml says; run `make docs`")
	}
}

func TestReferenceShowsTypeDefaultAndSecrecy(t *testing.T) {
	page, err := Reference([]byte(`
config:
  workers: {type: integer, default: 2, description: Number of workers.}
  sshCidrs: {type: array, items: {type: string}, description: Who may.}
  registryToken: {type: string, default: "", description: "Secret: the token."}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| `workers` | integer | `2` | Number of workers. |",
		"| `sshCidrs` | list of string | required | Who may. |",
		"| `registryToken` | string, secret | `\"\"` | Secret: the token. |",
	} {
		if !strings.Contains(string(page), row) {
			t.Errorf("no row %s in:\n%s", row, page)
		}
	}
}

func TestOfATemporaryFileNothingIsSaid(t *testing.T) {
	var out strings.Builder
	passOn(&out, strings.NewReader("[  1s] at work\nWrote stack dependency graph to `/tmp/x.dot`\nand more"), "/tmp/x.dot")
	if want := "[  1s] at work\nand more\n"; out.String() != want {
		t.Errorf("passed on is %q, want %q", out.String(), want)
	}
}

// TestGraphShowsEveryResource holds the picture against what the sandbox's
// configuration makes. The name of a client secret goes by the day.
func TestGraphShowsEveryResource(t *testing.T) {
	graph, err := os.ReadFile("../graph.svg")
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := os.ReadFile("../../testdata/sandbox.inventory")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(inventory)), "\n")[1:]
	for _, line := range lines {
		fields := strings.Fields(line)
		text := ">" + strings.ReplaceAll(fields[1], "-", "&#45;") + "<"
		if day, ok := strings.CutSuffix(text, "DATE<"); ok {
			text = day + "20"
		}
		if !bytes.Contains(graph, []byte(text)) {
			t.Errorf("docs/graph.svg has no %s; with a sandbox up, run `make docs`", fields[1])
		}
	}
	if len(lines) < 50 {
		t.Errorf("only %d resources in the inventory", len(lines))
	}
}
