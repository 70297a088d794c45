// Package stackctl holds the tests of the script that its directory's parts make
// up. They run it as it is installed, with a docker and a curl that play a Swarm.
package stackctl

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "docker" || name == "curl" {
		os.Exit(fake())
	}
	os.Exit(m.Run())
}

// node is a manager with stackctl on it.
type node struct {
	t   *testing.T
	dir string
	env []string
}

func newNode(t *testing.T) *node {
	t.Helper()
	t.Parallel()
	n := &node{t: t, dir: t.TempDir()}
	parts, _ := filepath.Glob("*.sh")
	whole := "#!/usr/bin/env bash\n"
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		whole += strings.SplitN(string(text), "\n", 3)[2]
	}
	if err := os.WriteFile(filepath.Join(n.dir, "stackctl"), []byte(whole), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docker", "curl"} {
		// A copy and not a link: the fake finds its world beside itself, and the
		// loader, which runs as nobody, must be able to start it.
		if err := os.Link(self, filepath.Join(n.dir, name)); err != nil {
			if out, err := exec.Command("cp", self, filepath.Join(n.dir, name)).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	// The loader runs without privileges; let it pass as it does on a node.
	stub := "#!/bin/sh\nwhile case $1 in --*) true ;; *) false ;; esac; do shift; done\nexec \"$@\"\n"
	if err := os.WriteFile(filepath.Join(n.dir, "setpriv"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	n.env = []string{"PATH=" + n.dir + ":" + os.Getenv("PATH"), "STACKCTL_RUN=" + n.dir, "STACKCTL_POLL=0", "STACKCTL_SETTLE=0",
		"STACKCTL_PATIENCE=0", "STACKCTL_CONVERGE=8", "STACKCTL_LOCK=2"}
	n.change(func(w *world) {
		w.secret("azure_client_secret-1", "azure_client_secret")
		w.current(`{"azure_client_secret":"azure_client_secret-1"}`)
	})
	return n
}

func (w *world) secret(name, logical string) {
	spec := swarm.SecretSpec{Annotations: swarm.Annotations{Name: name, Labels: map[string]string{"averazure.secret": logical}}}
	w.Secrets = append(w.Secrets, swarm.Secret{ID: name, Meta: w.tick(), Spec: spec})
}

func (w *world) current(versions string) {
	spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "averazure-secrets-1", Labels: map[string]string{"averazure.secrets": "1"}}, Data: []byte(versions)}
	w.Configs = append(without(w.Configs, func(c swarm.Config) bool { return c.Spec.Name == spec.Name }), swarm.Config{Meta: w.tick(), Spec: spec})
}

func (n *node) change(f func(*world)) {
	w := readWorld(n.dir)
	f(w)
	w.write(n.dir)
}

// run runs stackctl and returns its exit status and what it said.
func (n *node) run(stdin string, args ...string) (int, string) {
	n.t.Helper()
	cmd := exec.Command(filepath.Join(n.dir, "stackctl"), args...)
	cmd.Env, cmd.Stdin = n.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// want runs stackctl and checks its exit status and parts of what it said.
func (n *node) want(status int, stdin, args string, said ...string) {
	n.t.Helper()
	got, out := n.run(stdin, strings.Fields(args)...)
	for _, part := range said {
		if !strings.Contains(out, part) {
			n.t.Errorf("stackctl %s does not say %q", args, part)
		}
	}
	if got != status || n.t.Failed() {
		n.t.Fatalf("stackctl %s: exit status %d, want %d:\n%s", args, got, status, out)
	}
}

// door runs what the deploy key asks for.
func (n *node) door(status int, stdin, asked string, said ...string) {
	n.t.Helper()
	before := n.env
	n.env = append(n.env[:len(n.env):len(n.env)], "SSH_ORIGINAL_COMMAND="+asked)
	n.want(status, stdin, "ssh", said...)
	n.env = before
}

type report struct {
	InSync      bool
	Token       string
	Differences []string
	Release     *struct {
		Number int
		From   string
	}
	Releases []struct{ Number int }
	Services []struct{ Name, Image string }
}

func (n *node) status() report {
	n.t.Helper()
	status, out := n.run("", "status", "aver")
	var r report
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil {
		n.t.Fatalf("status: %d, %v:\n%s", status, err, out)
	}
	return r
}

// runs checks which image and which release run.
func (n *node) runs(image string, number int, from string) {
	n.t.Helper()
	r := n.status()
	if !r.InSync || len(r.Services) == 0 || !strings.Contains(r.Services[0].Image, image+"@") || r.Release.Number != number || r.Release.From != from {
		n.t.Fatalf("want %s as release %d from %s, have %+v %+v", image, number, from, r, r.Release)
	}
}

// file is a stack file whose api has an image; more is added to that service.
func file(image string, more ...string) string {
	return "services:\n  api:\n    image: reg.example/" + image + "\n    secrets: [azure_client_secret]\n    environment: {PRICE: \"5$$\"}\n" +
		strings.Join(append([]string{}, more...), "") + "secrets:\n  azure_client_secret: {external: true}\n"
}
