package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/handbook"
)

// page is a code block of docs/operations.md, followed as an operator on call would follow
// it: commands for a node run there, all others in the repository.
type page struct {
	t          *testing.T
	section    string
	statements []string
	dir        string // the value of $dir, which the block "Log in to a node" makes
	said       strings.Builder
}

// follow reads a code block; the first one has the number 0. Each pair of filled is a text
// of the page and what replaces it here.
func follow(t *testing.T, section string, number int, filled ...string) *page {
	t.Helper()
	document, err := handbook.Read(filepath.Join(box.project, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := document.Blocks(section)
	if err != nil || number >= len(blocks) {
		t.Fatalf("%q has %d code blocks: %v", section, len(blocks), err)
	}
	for i := 0; i < len(filled); i += 2 {
		if !strings.Contains(blocks[number], filled[i]) {
			t.Fatalf("%q does not say %q:\n%s", section, filled[i], blocks[number])
		}
	}
	statements, err := handbook.Statements(strings.NewReplacer(filled...).Replace(blocks[number]))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, section: section}
	for _, s := range statements {
		p.statements = append(p.statements, s.Text)
	}
	return p
}

// isLocal tells whether a command is typed in the repository, not on a node.
func isLocal(statement string) bool {
	first := strings.Fields(statement)[0]
	return !slices.Contains([]string{"sudo", "systemctl", "journalctl", "df"}, first)
}

// on follows all commands in their order, those for a node on that node and the others in
// the repository, and returns what they printed.
func (p *page) on(node string) string {
	p.t.Helper()
	for len(p.statements) > 0 {
		p.next(node)
	}
	return p.said.String()
}

// here follows a block that has no command for a node.
func (p *page) here() string { p.t.Helper(); return p.on("") }

// next follows one command.
func (p *page) next(node string) string {
	p.t.Helper()
	statement := p.statements[0]
	p.statements = p.statements[1:]
	var out string
	var err error
	switch {
	case isLocal(statement):
		out, err = p.local(statement)
	case node == "":
		p.t.Fatalf("%q: on which node is this: %s", p.section, statement)
	default:
		out, err = box.tryExec(context.Background(), node, "bash", "-euo", "pipefail", "-c", statement)
	}
	p.said.WriteString(out)
	if err != nil {
		p.t.Fatalf("%q: %s: %v\n%s", p.section, statement, err, out)
	}
	return out
}

// shims take the place of the programs that an operator has: Pulumi does not ask for
// confirmation, and curl finds the entry's name and trusts its certificate as a browser
// does on Azure.
func shims(t *testing.T, statement string) string {
	t.Helper()
	bin := t.TempDir()
	pulumi := strings.Join(box.command(t.Context(), "pulumi", "--").Args, " ")
	scripts := map[string]string{
		"pulumi": `case "$1" in up | refresh | destroy | cancel) set -- "$@" --yes ;; esac; export PATH='` + os.Getenv("PATH") + `'; exec ` + pulumi + ` "$@"`, // this script looks for pulumi itself
		"az":     `echo "az $*"`,
	}
	if strings.Contains(statement, "curl ") { // the Pulumi stack has outputs then
		o := box.outputs(t)
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Fatal(err)
		}
		scripts["curl"] = fmt.Sprintf(`exec %s --cacert %s --resolve %s:443:%s --resolve %[3]s:80:%[4]s "$@"`, curl,
			filepath.Join(box.stateDir(), "ca.crt"), o.EntryName, o.EntryAddress)
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func (p *page) local(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = box.project
	cmd.Env = append(os.Environ(), "PATH="+shims(p.t, script)+":"+os.Getenv("PATH"), "dir="+p.dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// loggedIn follows "Log in to a node" up to the login to the first manager, and returns
// $dir.
func loggedIn(t *testing.T) string {
	t.Helper()
	temp := t.TempDir()
	p := follow(t, "Log in to a node", 0)
	last := slices.IndexFunc(p.statements, func(s string) bool { return strings.HasPrefix(s, "ssh ") }) + 1
	if last == 0 {
		t.Fatal("the page logs in nowhere")
	}
	if out, err := p.local("export TMPDIR=" + temp + "\n" + strings.Join(p.statements[:last], "\n") + " </dev/null"); err != nil {
		t.Fatalf("log in: %v\n%s", err, out)
	}
	made, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("%q, %v", made, err)
	}
	return made[0]
}

// TestCommandsOfOperationsWithoutAFault follows the sections that only look, or that change
// nothing while there is no fault.
func TestCommandsOfOperationsWithoutAFault(t *testing.T) {
	const manager = "aver-manager"
	edge := edgeRunsOn(t, manager)
	if err := box.engine(t.Context(), "cp", filepath.Join(box.project, "repos", "stack-repo"), containerName(manager)+":/root/stack"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.exec(t, manager, "rm", "-r", "/root/stack") })
	for _, look := range []struct {
		section string
		number  int
		node    string
		filled  []string
	}{
		{"The site is down", 0, "", nil},
		{"The site is down", 1, manager, nil},
		{"What runs, and is it what was released?", 0, manager, []string{"aver stack.yml", "aver /root/stack/stack.yml"}},
		{"What the agent did", 0, manager, nil},
		{"A deployment was red", 0, manager, nil},
		{"The page does not open", 0, manager, nil},
		{"502 although all tasks run", 1, manager, nil},
		{"Updates and reboots", 0, manager, []string{"stackctl-agent -g reboot", "stackctl-agent -g reboot || true"}}, // journalctl exits with 1 if no line matches
		{"Rebuild or resize the nodes", 0, "", nil},
	} {
		t.Run(fmt.Sprintf("%s, %d", look.section, look.number), func(t *testing.T) {
			follow(t, look.section, look.number, look.filled...).on(look.node)
		})
	}
	t.Run("502, on the node of the edge", func(t *testing.T) {
		p := follow(t, "502 although all tasks run", 0)
		p.next(manager)
		if said := p.on(edge); !strings.Contains(said, "aver_api") {
			t.Errorf("the node of the edge does not know the API:\n%s", said)
		}
	})
	t.Run("log in", func(t *testing.T) { loggedIn(t) })
	box.mustRun(t, "preview", "--expect-no-changes")
}
