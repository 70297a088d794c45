package azure

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

// world is a cloud under test with short methods to use it as the engine does.
type world struct {
	t     *testing.T
	cloud *Cloud
	fake  *fakeHosts
	types map[string]plugin.Type
	file  string
}

func newWorld(t *testing.T) *world {
	return reopen(t, newFake(), filepath.Join(t.TempDir(), "cloud.json"))
}

func reopen(t *testing.T, fake *fakeHosts, file string) *world {
	w := &world{t: t, fake: fake, file: file, cloud: New(fake, file), types: map[string]plugin.Type{}}
	for _, p := range w.cloud.Plugins() {
		for token, typ := range p.Types {
			w.types[token] = typ
		}
	}
	return w
}

// res is a resource as an engine records it.
type res struct {
	w             *world
	token, name   string
	id            string
	inputs, state object
}

func (w *world) urn(token, name string) resource.URN {
	return resource.URN("urn:pulumi:dev::proj::" + token + "::" + name)
}

// full finds a token by its last part. If several match, it returns the program's, which
// is the last by name.
func (w *world) full(token string) string {
	if strings.Contains(token, ":") {
		return token
	}
	found := ""
	for t := range w.types {
		if typeName(t) == token {
			found = max(found, t)
		}
	}
	if found == "" {
		w.t.Fatalf("no type %s", token)
	}
	return found
}

// try creates a resource after Check, or returns the error.
func (w *world) try(token, name string, inputs object) (*res, error) {
	w.t.Helper()
	token = w.full(token)
	typ, urn := w.types[token], w.urn(token, name)
	checked, failures, err := typ.Check(context.Background(), urn, nil, toEngine(inputs))
	if err != nil {
		return nil, err
	}
	if len(failures) > 0 {
		return nil, fmt.Errorf("check: %s", failures[0].Reason)
	}
	id, state, err := typ.Create(context.Background(), urn, checked, false)
	if err != nil {
		return nil, err
	}
	return &res{w: w, token: token, name: name, id: id, inputs: fromEngine(checked), state: fromEngine(state)}, nil
}

func (w *world) create(token, name string, inputs object) *res {
	w.t.Helper()
	r, err := w.try(token, name, inputs)
	if err != nil {
		w.t.Fatalf("create %s %s: %v", token, name, err)
	}
	return r
}

// refused creates a resource and requires the code and both of the resource's names in
// the refusal.
func (w *world) refused(code, token, name string, inputs object) string {
	w.t.Helper()
	_, err := w.try(token, name, inputs)
	return w.wantRefusal(err, code, name)
}

func (w *world) wantRefusal(err error, code, name string) string {
	w.t.Helper()
	if err == nil {
		w.t.Fatalf("%s was accepted, want %s", name, code)
	}
	if strings.HasPrefix(err.Error(), "check: ") {
		name = "" // the engine adds the resource's name to an error of Check
	}
	for _, part := range []string{code, name} {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("%v\n does not name %q", err, part)
		}
	}
	return err.Error()
}

// update changes inputs in place.
func (r *res) update(changes object) error {
	typ, urn := r.w.types[r.token], r.w.urn(r.token, r.name)
	news := clone(r.inputs)
	for path, v := range changes {
		put(news, path, v)
	}
	state, err := typ.Update(context.Background(), urn, r.id, toEngine(r.inputs), toEngine(r.state), toEngine(news), false)
	if err != nil {
		return err
	}
	r.inputs, r.state = news, fromEngine(state)
	return nil
}

func (r *res) diff(changes object) plugin.Diff {
	news := clone(r.inputs)
	for path, v := range changes {
		put(news, path, v)
	}
	d, err := r.w.types[r.token].Diff(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state), toEngine(news))
	if err != nil {
		r.w.t.Fatal(err)
	}
	return d
}

func (r *res) delete() error {
	return r.w.types[r.token].Delete(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state))
}

// gone tells whether a refresh would drop the resource.
func (r *res) gone() bool {
	r.w.t.Helper()
	id, _, _, err := r.w.types[r.token].Read(context.Background(), r.w.urn(r.token, r.name), r.id, toEngine(r.inputs), toEngine(r.state))
	if err != nil {
		r.w.t.Fatal(err)
	}
	return id == ""
}
