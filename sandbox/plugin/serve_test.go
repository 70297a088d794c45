package plugin

import (
	"context"
	"strings"
	"testing"

	"averazure/sandbox/plugin/plugintest"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const urn = "urn:pulumi:dev::p::test:index:Thing::thing"

// client serves p as the sandbox does and returns the engine's side.
func client(t *testing.T, p *Plugin) pulumirpc.ResourceProviderClient {
	t.Helper()
	port, stop, err := Serve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := plugintest.Connect(t, port)
	if _, err := c.Configure(context.Background(), &pulumirpc.ConfigureRequest{AcceptSecrets: true, AcceptResources: true}); err != nil {
		t.Fatal(err)
	}
	return c
}

func pack(t *testing.T, m resource.PropertyMap) *structpb.Struct {
	t.Helper()
	s, err := engine.MarshalProperties(m, engine.MarshalOptions{KeepSecrets: true, KeepUnknowns: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unpack(t *testing.T, s *structpb.Struct) resource.PropertyMap {
	t.Helper()
	m, err := engine.UnmarshalProperties(s, engine.MarshalOptions{KeepSecrets: true, KeepUnknowns: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func thing(typ Type) *Plugin {
	return &Plugin{Name: "test", Version: "1.2.3", Types: map[string]Type{"test:index:Thing": typ}}
}

func str(s string) resource.PropertyValue { return resource.NewStringProperty(s) }

func TestPluginInfoAndSchema(t *testing.T) {
	c := client(t, thing(Type{}))
	info, err := c.GetPluginInfo(context.Background(), &emptypb.Empty{})
	if err != nil || info.GetVersion() != "1.2.3" {
		t.Errorf("info = %v, %v", info, err)
	}
	schema, err := c.GetSchema(context.Background(), &pulumirpc.GetSchemaRequest{})
	if err != nil || !strings.Contains(schema.GetSchema(), `"name":"test"`) {
		t.Errorf("schema = %v, %v", schema, err)
	}
	hello, err := c.Handshake(context.Background(), &pulumirpc.ProviderHandshakeRequest{EngineAddress: "127.0.0.1:1"})
	if err != nil || !hello.GetAcceptSecrets() {
		t.Errorf("handshake = %v, %v", hello, err)
	}
}

func TestSecretsAreHiddenFromFunctionsAndPutBack(t *testing.T) {
	var seen resource.PropertyMap
	c := client(t, thing(Type{
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap, _ bool) (string, resource.PropertyMap, error) {
			seen = inputs
			state := inputs.Copy()
			state["token"], state["open"] = str("t"), str("o")
			return "id-1", state, nil
		},
		Secrets: []string{"token"},
	}))
	inputs := resource.PropertyMap{
		"password": resource.MakeSecret(str("p")),
		"nested":   resource.NewObjectProperty(resource.PropertyMap{"key": resource.MakeSecret(str("k")), "name": str("n")}),
		"list":     resource.NewArrayProperty([]resource.PropertyValue{str("a"), resource.MakeSecret(str("b"))}),
	}
	resp, err := c.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn, Properties: pack(t, inputs)})
	if err != nil || resp.GetId() != "id-1" {
		t.Fatalf("resp = %v, %v", resp, err)
	}
	if seen.ContainsSecrets() || seen["password"].StringValue() != "p" {
		t.Errorf("the function saw %v", seen)
	}
	state := unpack(t, resp.GetProperties())
	for _, key := range []resource.PropertyKey{"password", "token", "list"} {
		if !state[key].IsSecret() {
			t.Errorf("%s is not secret: %v", key, state[key])
		}
	}
	nested := state["nested"].ObjectValue()
	if !nested["key"].IsSecret() || nested["name"].IsSecret() || state["open"].IsSecret() {
		t.Errorf("state = %v", state)
	}
}

func TestSecretFromNamesTheInputsThatCount(t *testing.T) {
	typ := Type{SecretFrom: map[string][]string{"stdout": {"create"}, "stdin": nil}}
	state := typ.concealState(
		resource.PropertyMap{"stdout": str("x"), "stdin": str("y"), "other": str("z")},
		resource.PropertyMap{"create": resource.MakeSecret(str("c")), "stdin": resource.MakeSecret(str("y"))}, nil)
	if !state["stdout"].IsSecret() || state["stdin"].IsSecret() || state["other"].IsSecret() {
		t.Errorf("state = %v", state)
	}
}

// A secret inside a secret stays marked. Otherwise switching between the original and this
// plugin would cause an update.
func TestASecretWithinASecretStaysOne(t *testing.T) {
	inner := resource.PropertyMap{"key": resource.MakeSecret(str("k")), "host": str("h")}
	state := Type{}.concealState(
		resource.PropertyMap{"connection": resource.NewObjectProperty(resource.PropertyMap{"key": str("k"), "host": str("h")})},
		resource.PropertyMap{"connection": resource.MakeSecret(resource.NewObjectProperty(inner))}, nil)
	if !state["connection"].IsSecret() {
		t.Fatalf("state = %v", state)
	}
	if got := state["connection"].SecretValue().Element.ObjectValue(); !got["key"].IsSecret() || got["host"].IsSecret() {
		t.Errorf("connection = %v", got)
	}
}

func TestDefaults(t *testing.T) {
	c, ctx := client(t, thing(Type{})), context.Background()
	inputs := pack(t, resource.PropertyMap{"a": str("1"), "s": resource.MakeSecret(str("2"))})
	created, err := c.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: inputs})
	if err != nil || !strings.HasPrefix(created.GetId(), "thing-") {
		t.Fatalf("created = %v, %v", created, err)
	}
	read, err := c.Read(ctx, &pulumirpc.ReadRequest{Urn: urn, Id: created.GetId(), Properties: created.GetProperties(), Inputs: inputs})
	if err != nil || read.GetId() != created.GetId() || !unpack(t, read.GetProperties())["s"].IsSecret() {
		t.Errorf("read = %v, %v", read, err)
	}
	news := pack(t, resource.PropertyMap{"a": str("9")})
	updated, err := c.Update(ctx, &pulumirpc.UpdateRequest{Urn: urn, Id: created.GetId(), Olds: created.GetProperties(), OldInputs: inputs, News: news})
	if err != nil {
		t.Fatal(err)
	}
	if state := unpack(t, updated.GetProperties()); len(state) != 1 || state["a"].StringValue() != "9" {
		t.Errorf("updated = %v, want the new inputs alone", state)
	}
	if _, err := c.Delete(ctx, &pulumirpc.DeleteRequest{Urn: urn, Id: "x"}); err != nil {
		t.Error(err)
	}
}

func TestReadOfSomethingGone(t *testing.T) {
	c := client(t, thing(Type{Read: func(context.Context, resource.URN, string, resource.PropertyMap, resource.PropertyMap) (string, resource.PropertyMap, resource.PropertyMap, error) {
		return "", nil, nil, nil
	}}))
	read, err := c.Read(context.Background(), &pulumirpc.ReadRequest{Urn: urn, Id: "x"})
	if err != nil || read.GetId() != "" {
		t.Errorf("read = %v, %v", read, err)
	}
}

func TestUnknownTypeAndPanicAreErrors(t *testing.T) {
	c := client(t, thing(Type{Check: func(context.Context, resource.URN, resource.PropertyMap, resource.PropertyMap) (resource.PropertyMap, []Failure, error) {
		panic("boom")
	}}))
	_, err := c.Check(context.Background(), &pulumirpc.CheckRequest{Urn: "urn:pulumi:dev::p::test:index:Other::x"})
	if err == nil || !strings.Contains(err.Error(), "test:index:Other") {
		t.Errorf("err = %v", err)
	}
	_, err = c.Check(context.Background(), &pulumirpc.CheckRequest{Urn: urn})
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("err = %v", err)
	}
}

func TestCheckFailuresAndSecretInputs(t *testing.T) {
	c := client(t, thing(Type{
		Check: func(_ context.Context, _ resource.URN, _, news resource.PropertyMap) (resource.PropertyMap, []Failure, error) {
			return news, []Failure{{Property: "name", Reason: "too long"}}, nil
		},
		Secrets: []string{"connection"},
	}))
	resp, err := c.Check(context.Background(), &pulumirpc.CheckRequest{Urn: urn, News: pack(t, resource.PropertyMap{
		"name": resource.MakeSecret(str("x")), "connection": str("y"), "later": Unknown(),
	})})
	if err != nil || len(resp.GetFailures()) != 1 || resp.GetFailures()[0].GetProperty() != "name" {
		t.Fatalf("resp = %v, %v", resp, err)
	}
	inputs := unpack(t, resp.GetInputs())
	if !inputs["name"].IsSecret() || !inputs["connection"].IsSecret() || !inputs["later"].IsComputed() {
		t.Errorf("inputs = %v", inputs)
	}
}

func TestFunctions(t *testing.T) {
	p := thing(Type{})
	p.Functions = map[string]Function{"test:index:double": func(_ context.Context, args resource.PropertyMap) (resource.PropertyMap, error) {
		return resource.PropertyMap{"v": str(args["v"].StringValue() + args["v"].StringValue())}, nil
	}}
	c := client(t, p)
	resp, err := c.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: "test:index:double", Args: pack(t, resource.PropertyMap{"v": resource.MakeSecret(str("a"))})})
	if err != nil {
		t.Fatal(err)
	}
	if v := unpack(t, resp.GetReturn())["v"]; !v.IsSecret() || v.SecretValue().Element.StringValue() != "aa" {
		t.Errorf("v = %v", v)
	}
	if _, err := c.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: "test:index:none"}); err == nil {
		t.Error("a function that does not exist answered")
	}
}

func TestParameters(t *testing.T) {
	value := &pulumirpc.ParameterizeRequest{Parameters: &pulumirpc.ParameterizeRequest_Value{
		Value: &pulumirpc.ParameterizeRequest_ParametersValue{Name: "test_part", Version: "9.9.9", Value: []byte("part")}}}
	args := &pulumirpc.ParameterizeRequest{Parameters: &pulumirpc.ParameterizeRequest_Args{
		Args: &pulumirpc.ParameterizeRequest_ParametersArgs{Args: []string{"part"}}}}
	p := thing(Type{})
	if _, err := client(t, p).Parameterize(context.Background(), value); err == nil {
		t.Error("a plugin without parameters takes one")
	}
	p.Parameterize = func(parameter []byte) (string, error) { return "test_" + string(parameter), nil }
	c := client(t, p)
	answer, err := c.Parameterize(context.Background(), value)
	if err != nil || answer.GetName() != "test_part" || answer.GetVersion() != p.Version {
		t.Errorf("answer %v, %v; the version is the plugin's own", answer, err)
	}
	if _, err := c.Parameterize(context.Background(), args); err == nil {
		t.Error("arguments are taken, for which there is no schema")
	}
}
