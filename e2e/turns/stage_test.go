// Package turns tests the order in which nodes are rebuilt, with the real engine on the
// unchanged program. Azure is the sandbox's, but its VMs and what runs on them are only
// recorded, so the tests take seconds and need no Docker.
package turns

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"golang.org/x/crypto/ssh"

	"averazure/sandbox/azure"
	"averazure/sandbox/plugin"
	"averazure/sandbox/standin"
	"averazure/sandbox/workspace"
)

// event is one operation on a resource.
type event struct {
	what, name string // create, update or delete, and the resource's name
	vm         bool
	began, end time.Time
}

// stage is a program under test with its state.
type stage struct {
	t      *testing.T
	work   *workspace.Workspace
	env    []string
	mu     sync.Mutex
	events []event
	fails  string // the name of a command that fails
}

// pause is how long an operation takes, so that two operations at the same time are
// recognised.
const pause = 30 * time.Millisecond

// note carries out an operation and records it.
func (s *stage) note(what string, urn resource.URN, do func() error) error {
	e := event{what: what, name: urn.Name(), vm: strings.HasSuffix(string(urn.Type()), ":VirtualMachine"), began: time.Now()}
	time.Sleep(pause)
	err := do()
	e.end = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	if err == nil && !e.vm && what != "delete" && e.name == s.fails {
		return fmt.Errorf("%s fails in this test", e.name)
	}
	return err
}

// watched is a type whose operations are recorded.
func (s *stage) watched(t plugin.Type) plugin.Type {
	create, update, remove := t.Create, t.Update, t.Delete
	t.Create = func(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (id string, state resource.PropertyMap, err error) {
		if preview {
			return create(ctx, urn, inputs, preview)
		}
		failed := s.note("create", urn, func() error { id, state, err = create(ctx, urn, inputs, preview); return err })
		return id, state, failed
	}
	t.Update = func(ctx context.Context, urn resource.URN, id string, oldInputs, oldState, news resource.PropertyMap, preview bool) (state resource.PropertyMap, err error) {
		if preview {
			return update(ctx, urn, id, oldInputs, oldState, news, preview)
		}
		failed := s.note("update", urn, func() error { state, err = update(ctx, urn, id, oldInputs, oldState, news, preview); return err })
		return state, failed
	}
	t.Delete = func(ctx context.Context, urn resource.URN, id string, inputs, state resource.PropertyMap) error {
		return s.note("delete", urn, func() error { return remove(ctx, urn, id, inputs, state) })
	}
	return t
}

// commands plays the commands that run on nodes: a join prints what it would print in a
// real Swarm.
func (s *stage) commands() *plugin.Plugin {
	answered := func(urn resource.URN, inputs resource.PropertyMap, preview bool) resource.PropertyMap {
		state := inputs.Copy()
		said := ""
		if name := urn.Name(); strings.HasSuffix(name, "join") || strings.HasSuffix(name, "-init") {
			said = `{"node":"id-` + name + `","swarm":"the-swarm","worker":"SWMTKN-w","manager":"SWMTKN-m"}`
		}
		state["stdout"], state["stderr"] = resource.NewProperty(said), resource.NewProperty("")
		if preview {
			state["stdout"], state["stderr"] = plugin.Unknown(), plugin.Unknown()
		}
		return state
	}
	typ := plugin.Type{
		Create: func(_ context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
			return urn.Name(), answered(urn, inputs, preview), nil
		},
		Update: func(_ context.Context, urn resource.URN, _ string, _, _, news resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
			return answered(urn, news, preview), nil
		},
		Delete: func(context.Context, resource.URN, string, resource.PropertyMap, resource.PropertyMap) error {
			return nil
		},
		Replaces: []string{"triggers"}, SecretsCount: true, Secrets: []string{"connection"}, SecretsInLists: true,
	}
	return &plugin.Plugin{Name: "command", Version: "1.2.1", Types: map[string]plugin.Type{
		"command:remote:Command": s.watched(typ), "command:remote:CopyToRemote": typ,
	}}
}

// open makes the stage for three managers and two workers.
func open(t *testing.T) *stage {
	t.Helper()
	project, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &stage{t: t}
	s.work, err = workspace.Open(t.Context(), workspace.Options{
		ProjectDir: project, StateDir: dir, CacheDir: filepath.Join(cache, "averazure-sandbox"), Stack: "sandbox", Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	machines := &vms{running: map[string]bool{}, sshds: sshds{keys: map[string]ssh.Signer{}, open: map[string]net.Listener{}}}
	t.Cleanup(machines.close)
	cloud := azure.New(machines, filepath.Join(dir, "cloud.json")).Plugins()
	for token, typ := range cloud[0].Types {
		if strings.HasSuffix(token, ":VirtualMachine") || strings.HasSuffix(token, ":Disk") {
			cloud[0].Types[token] = s.watched(typ)
		}
	}
	var addresses []string
	for _, p := range append(cloud, s.commands(), standin.TLS()) {
		port, stop, err := plugin.Serve(context.WithoutCancel(t.Context()), p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		addresses = append(addresses, fmt.Sprintf("%s:%d", p.Name, port))
	}
	s.env = []string{"PULUMI_DEBUG_PROVIDERS=" + strings.Join(addresses, ",")}
	return s
}

// run configures the program and runs a verb of the CLI; it returns the output.
func (s *stage) run(verb string, settings map[string]string, flags ...string) (string, error) {
	s.t.Helper()
	values := map[string]string{"averazure:managers": "3", "averazure:workers": "2", "averazure:stackDeploy": "false", "averazure:appContext": "", "averazure:dataDiskGB": "0"}
	maps.Copy(values, settings)
	var set []workspace.Setting
	for path, value := range values {
		set = append(set, workspace.Setting{Path: path, Value: value})
	}
	if err := s.work.Configure(s.t.Context(), workspace.Settings{Values: set, Secrets: map[string]string{"averazure:registryToken": "t"}}); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.events = nil
	s.mu.Unlock()
	args := append([]string{verb, "--non-interactive"}, flags...)
	if verb != "preview" {
		args = append(args, "--yes", "--skip-preview")
	}
	var said bytes.Buffer
	began := time.Now()
	bounded, cancel := context.WithTimeout(s.t.Context(), 4*time.Minute)
	defer cancel()
	command := s.work.Pulumi(bounded, s.env, args...)
	command.Stdin, command.Stdout, command.Stderr = nil, &said, &said
	err := command.Run()
	s.t.Logf("%s %v: %d operations in %s", verb, settings, len(s.events), time.Since(began).Round(100*time.Millisecond))
	return said.String(), err
}

// must runs a verb that has to succeed.
func (s *stage) must(verb string, settings map[string]string, flags ...string) string {
	s.t.Helper()
	said, err := s.run(verb, settings, flags...)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", verb, err, said)
	}
	return said
}

// nodes are the stage's nodes, in the order of their turns.
var nodes = []string{"aver-manager", "aver-manager-2", "aver-manager-3", "aver-worker-1", "aver-worker-2"}

// away is how long each node was away: from the first operation on its VM, or on its
// membership in the Swarm, to the end of its turn.
func (s *stage) away() map[string]event {
	turns := map[string]event{}
	for _, e := range s.events {
		for _, node := range nodes {
			if e.vm && e.name == node || e.name == node+"-back" && e.what != "delete" || e.name == node+"-member" && e.what == "delete" {
				turn, ok := turns[node]
				if !ok || e.began.Before(turn.began) {
					turn.began = e.began
				}
				if e.end.After(turn.end) {
					turn.end = e.end
				}
				turns[node] = turn
			}
		}
	}
	return turns
}

// oneAfterAnother checks that exactly those nodes were away, and never two at once.
func (s *stage) oneAfterAnother(want ...string) {
	s.t.Helper()
	turns := s.away()
	if got := slices.Sorted(maps.Keys(turns)); !slices.Equal(got, want) {
		s.t.Errorf("%q were away, want %q", got, want)
	}
	for i, node := range want {
		for _, other := range want[:i] {
			if turns[node].began.Before(turns[other].end) {
				s.t.Errorf("%s goes %s before %s is back", node, turns[other].end.Sub(turns[node].began), other)
			}
		}
	}
}
