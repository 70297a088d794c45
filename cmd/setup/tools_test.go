package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"averazure/internal/handbook"
)

// playedBy is the environment variable with the path of a world's socket, for the
// executables that stand in for az, gh and pulumi. Each of them is this test's own binary,
// which asks the world and prints its answer.
const playedBy = "SETUP_TEST_WORLD"

// played are the tools that a world can answer for.
var played = []string{"az", "gh", "pulumi"}

func TestMain(m *testing.M) {
	if socket := os.Getenv(playedBy); socket != "" && slices.Contains(played, filepath.Base(os.Args[0])) {
		os.Exit(play(socket, filepath.Base(os.Args[0]), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// said is a call and its result.
type said struct {
	Name   string
	Args   []string
	Input  string
	Answer string
	Error  string
}

// play is one call of an executable.
func play(socket, name string, args []string) int {
	given := ""
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			panic(err)
		}
		given = string(text)
	}
	connection, err := net.Dial("unix", socket)
	if err != nil {
		panic(err)
	}
	call := said{Name: name, Args: args, Input: given}
	if err := errors.Join(json.NewEncoder(connection).Encode(call), json.NewDecoder(connection).Decode(&call)); err != nil {
		panic(err)
	}
	if call.Error != "" {
		fmt.Fprintln(os.Stderr, "ERROR: "+call.Error)
		return 1
	}
	fmt.Println(call.Answer)
	return 0
}

// onPath puts the executables that the world plays in front of everything else on PATH.
func (p *place) onPath() {
	p.t.Helper()
	own, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	bin := p.t.TempDir()
	for _, name := range played {
		if err := os.Symlink(own, filepath.Join(bin, name)); err != nil {
			p.t.Fatal(err)
		}
	}
	socket := filepath.Join(bin, "world")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			var call said
			if err := json.NewDecoder(connection).Decode(&call); err == nil {
				var failed error
				call.Answer, failed = p.world.run(p.t.Context(), strings.NewReader(call.Input), call.Name, call.Args...)
				if failed != nil {
					call.Error = failed.Error()
				}
				err = json.NewEncoder(connection).Encode(call)
			}
			connection.Close()
		}
	}()
	p.t.Setenv(playedBy, socket)
	p.t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// TestRealProcesses runs the whole setup with executables that are called as az, gh and
// pulumi are. Arguments, standard input and errors arrive unchanged, and every flag is one
// that the command has.
func TestRealProcesses(t *testing.T) {
	p := newPlace(t, false)
	p.onPath()
	run := func(typed string, args ...string) (string, error) {
		cmd := command(execute, time.Millisecond)
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetIn(strings.NewReader(typed))
		cmd.SetArgs(append([]string{"--owner", "acme"}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	// The error of a failed command contains what the command printed. The next run
	// continues.
	p.world.FailAt = 4
	if out, err := run("yes\nthe-token\n", fromAnywhere...); err == nil || !strings.Contains(err.Error(), "ERROR: call 4 fails") {
		t.Fatalf("a failure is lost: %v\n%s", err, out)
	}
	p.world.FailAt = 0
	if out, err := run("yes\nthe-token\n", fromAnywhere...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.world.Outputs, p.world.Deployed = map[string]any{"deployerClientId": "client-1"}, true
	if out, err := run("yes\nthe-writer\nthe-reader\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if secrets := p.world.Secrets; secrets["averazure:registryPullToken"] != "the-token" || secrets["production/DELIVERY_TOKEN"] != "the-writer" || secrets["drift/DELIVERY_TOKEN"] != "the-reader" {
		t.Errorf("the tokens that were typed arrived as %q", secrets)
	}
	changes := p.world.Changes
	if out, err := run(""); err != nil || p.world.Changes != changes {
		t.Errorf("another run changes %d things: %v\n%s", p.world.Changes-changes, err, out)
	}
	for _, words := range p.world.Words {
		if slices.Contains(played, words[0]) {
			if _, _, err := handbook.Tool(words); err != nil {
				t.Error(err)
			}
		}
	}
}
