package azure

import (
	"context"
	"strings"
	"testing"
	"time"

	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"

	"averazure/sandbox/plugin"
	"averazure/sandbox/plugin/plugintest"
)

// githubProvider is a provider with its own connection, as in the engine.
type githubProvider struct {
	w     *world
	owner string
	rpc   pulumirpc.ResourceProviderClient
}

// githubFor serves the plugin and returns a function that configures a provider of it.
func (w *world) githubFor() func(owner string) *githubProvider {
	w.t.Helper()
	port, stop, err := plugin.Serve(context.Background(), byOwner(&plugin.Plugin{Name: "github", Version: "1.0.0", Types: w.cloud.types(githubKinds())}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(stop)
	return func(owner string) *githubProvider {
		p := &githubProvider{w, owner, plugintest.Connect(w.t, port)}
		if owner == "" {
			return p
		}
		if _, err := p.rpc.Configure(context.Background(), &pulumirpc.ConfigureRequest{Args: w.wire(object{"owner": owner}), AcceptSecrets: true}); err != nil {
			w.t.Fatal(err)
		}
		return p
	}
}

func (w *world) wire(o object) *structpb.Struct {
	w.t.Helper()
	s, err := engine.MarshalProperties(toEngine(o), engine.MarshalOptions{KeepUnknowns: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (p *githubProvider) urn(token string) string {
	return string(p.w.urn(p.w.full(token), "of-"+p.owner))
}

func (p *githubProvider) create(token string, inputs object) (id string, state object, err error) {
	response, err := p.rpc.Create(context.Background(), &pulumirpc.CreateRequest{Urn: p.urn(token), Properties: p.w.wire(inputs)})
	if err != nil {
		return "", nil, err
	}
	return response.GetId(), response.GetProperties().AsMap(), nil
}

func (p *githubProvider) delete(token, id string) error {
	_, err := p.rpc.Delete(context.Background(), &pulumirpc.DeleteRequest{Urn: p.urn(token), Id: id})
	return err
}

// gone tells whether a refresh would drop the resource.
func (p *githubProvider) gone(token, id string, inputs, state object) bool {
	p.w.t.Helper()
	response, err := p.rpc.Read(context.Background(), &pulumirpc.ReadRequest{
		Urn: p.urn(token), Id: id, Inputs: p.w.wire(inputs), Properties: p.w.wire(state)})
	if err != nil {
		p.w.t.Fatal(err)
	}
	if after := response.GetProperties().AsMap(); after[ownerInput] != nil {
		p.w.t.Errorf("the engine sees the owner: %v", after)
	}
	return response.GetId() == ""
}

func (w *world) delivered(repository string) Delivered {
	w.t.Helper()
	d, err := ReadDelivered(w.file, repository)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

var (
	someSecret   = object{"repository": "stack-repo", "secretName": "TOKEN", "plaintextValue": "s3cr3t-value"}
	someVariable = object{"repository": "stack-repo", "variableName": "IMAGE", "value": "a"}
)

// A move from one owner to another has this order: the new owner's resource is created with
// the same inputs, then the old owner's is deleted.
func TestProvidersOfTwoOwnersShareNothing(t *testing.T) {
	w := newWorld(t)
	provider := w.githubFor()
	acme, umbrella := provider("Acme"), provider("umbrella")
	for token, inputs := range map[string]object{"ActionsSecret": someSecret, "ActionsVariable": someVariable} {
		for _, p := range []*githubProvider{acme, umbrella} {
			id, state, err := p.create(token, inputs)
			if err != nil || strings.Contains(id, "/") || state[ownerInput] != nil {
				t.Errorf("%s: id %q, %v, %v", token, id, state, err)
			}
			if p.gone(token, id, inputs, state) {
				t.Errorf("%s is gone", id)
			}
		}
	}
	for _, id := range []struct{ token, id string }{{"ActionsSecret", "stack-repo:TOKEN"}, {"ActionsVariable", "stack-repo:IMAGE"}} {
		if err := acme.delete(id.token, id.id); err != nil {
			t.Error(err)
		}
	}
	if d := w.delivered("acme/stack-repo"); len(d.Secrets)+len(d.Variables) != 0 {
		t.Errorf("the old owner still has %v", d)
	}
	if d := w.delivered("Umbrella/stack-repo"); d.Secrets["TOKEN"] != "s3cr3t-value" || d.Variables["IMAGE"] != "a" {
		t.Errorf("the new owner has %v", d)
	}
	if _, _, err := provider("").create("ActionsVariable", someVariable); err == nil || !strings.Contains(err.Error(), errLostOwner.Error()) {
		t.Errorf("a connection that was never configured: %v", err)
	}
}

func TestVariablesGoBeforeTheOwnerOfTheProgram(t *testing.T) {
	t.Setenv("GITHUB_OWNER", "umbrella")
	w := newWorld(t)
	provider := w.githubFor()
	for _, want := range []string{"umbrella", "wayne"} {
		if _, _, err := provider("acme").create("ActionsVariable", someVariable); err != nil {
			t.Fatal(err)
		}
		if len(w.delivered(want+"/stack-repo").Variables) != 1 || len(w.delivered("acme/stack-repo").Variables) != 0 {
			t.Errorf("%s has got nothing", want)
		}
		t.Setenv("GITHUB_ORGANIZATION", "wayne")
	}
}

func TestDeployKeyIsInOneRepositoryOnly(t *testing.T) {
	w := newWorld(t)
	provider := w.githubFor()
	key := object{"repository": "stack-repo", "title": "pipeline", "key": testKey}
	id, _, err := provider("acme").create("RepositoryDeployKey", key)
	if err != nil || !strings.HasPrefix(id, "stack-repo:") {
		t.Fatalf("id %q, %v", id, err)
	}
	if _, _, err := provider("umbrella").create("RepositoryDeployKey", key); err == nil || !strings.Contains(err.Error(), "key is already in use") {
		t.Errorf("another owner's repository got it too: %v", err)
	}
}

// Only azure-native treats a missing resource as deleted.
func TestDeletingTwiceIsAnError(t *testing.T) {
	s := newScene(t)
	for _, r := range []*res{
		s.create("ActionsSecret", "secret", someSecret), s.create("ActionsVariable", "variable", someVariable),
		s.create("RepositoryDeployKey", "key", object{"repository": "stack-repo", "title": "pipeline", "key": testKey}),
		s.create("Application", "app", object{"displayName": "aver"}),
	} {
		if err := r.delete(); err != nil {
			t.Fatal(err)
		}
		s.wantRefusal(r.delete(), "404", r.id)
	}
	store := s.create("StorageAccount", "store", accountArgs("averstore"))
	for range 2 {
		if err := store.delete(); err != nil {
			t.Error(err)
		}
	}
}

func TestSecretThatSomebodyElseSetIsGone(t *testing.T) {
	clock := now
	t.Cleanup(func() { now = clock })
	w := newWorld(t)
	acme := w.githubFor()("acme")
	id, state, err := acme.create("ActionsSecret", someSecret)
	if err != nil || acme.gone("ActionsSecret", id, someSecret, state) {
		t.Fatalf("gone at once: %v", err)
	}
	now = func() time.Time { return clock().Add(time.Minute) }
	if _, _, err := acme.create("ActionsSecret", with(someSecret, object{"plaintextValue": "theirs"})); err != nil {
		t.Fatal(err)
	}
	if !acme.gone("ActionsSecret", id, someSecret, state) {
		t.Error("what somebody else wrote passes for ours")
	}
}
