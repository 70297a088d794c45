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
