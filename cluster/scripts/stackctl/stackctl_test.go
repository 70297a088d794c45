// Package stackctl holds the tests of the script that its directory's parts make
// up. They run it as it is installed, with a docker and an API that play a Swarm.
package stackctl

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/swarm"
)

// bin is where stackctl and what it calls are, for all tests. Everything is
// written before the first process starts: one that is forked while a program is
// open for writing keeps it from being run ("text file busy").
var bin string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker" {
		os.Exit(fake())
	}
	os.Exit(install(m.Run))
}

// install fills bin, then runs the tests.
func install(run func() int) int {
	var err error
	if bin, err = os.MkdirTemp("", "stackctl"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(bin)
	parts, _ := filepath.Glob("*.sh")
	whole := "#!/usr/bin/env bash\n"
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			panic(err)
		}
		whole += strings.SplitN(string(text), "\n", 3)[2]
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	// The loader runs without privileges; let it pass as it does on a node.
	setpriv := "#!/bin/sh\nwhile case $1 in --*) true ;; *) false ;; esac; do shift; done\nexec \"$@\"\n"
	for name, text := range map[string]string{"stackctl": whole, "setpriv": setpriv} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			panic(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(bin, "docker")); err != nil {
		panic(err)
	}
	return run()
}

// node is a manager with stackctl on it.
type node struct {
	t   *testing.T
	dir string
	env []string
	// asked is told what the Docker API is asked for, before it answers; what it
	// returns, if anything, is the answer.
	asked func(path string) string
}

func newNode(t *testing.T) *node {
	t.Helper()
	t.Parallel()
	n := &node{t: t, dir: t.TempDir()}
	n.serve()
	n.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "STACKCTL_RUN=" + n.dir, "STACKCTL_SOCKET=" + n.socket(),
		"STACKCTL_POLL=0.1", "STACKCTL_SETTLE=0", "STACKCTL_PATIENCE=0", "STACKCTL_CONVERGE=8", "STACKCTL_LOCK=2"}
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

func (n *node) socket() string { return filepath.Join(n.dir, "docker.sock") }

// serve plays the part of the Docker API that is read.
func (n *node) serve() {
	listener, err := net.Listen("unix", n.socket())
	if err != nil {
		n.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		answer := ""
		if n.asked != nil {
			answer = n.asked(in.URL.Path)
		}
		if answer == "" {
			answer = readWorld(n.dir).get(in.URL)
		}
		_, _ = io.WriteString(out, answer)
	})}
	go func() { _ = server.Serve(listener) }()
	n.t.Cleanup(func() { _ = server.Close() })
}

func (n *node) change(f func(*world)) {
	w := readWorld(n.dir)
	f(w)
	w.write(n.dir)
}

// run runs stackctl and returns its exit status and what it said.
func (n *node) run(stdin string, args ...string) (int, string) {
	n.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "stackctl"), args...)
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
