package plugin

import (
	"context"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func object(m resource.PropertyMap) resource.PropertyValue { return resource.NewObjectProperty(m) }

func TestCompare(t *testing.T) {
	typ := Type{Replaces: []string{"location", "os.data", "rules"}}
	old := resource.PropertyMap{
		"location": str("west"), "size": str("s"), "version": str("1"),
		"os":    object(resource.PropertyMap{"data": str("d"), "name": str("n")}),
		"rules": resource.NewArrayProperty([]resource.PropertyValue{str("a")}),
	}
	with := func(key resource.PropertyKey, v resource.PropertyValue) resource.PropertyMap {
		m := old.Copy()
		m[key] = v
		return m
	}
	without := old.Copy()
	delete(without, "os")
	if d := typ.Compare(old, old.Copy()); len(d.Changes) != 0 {
		t.Errorf("nothing changed, but %v", d.Changes)
	}
	type comparison struct {
		news    resource.PropertyMap
		path    string
		kind    Kind
		replace bool
	}
	for name, c := range map[string]comparison{
		"the engine's own":        {with("__defaults", str("x")), "", 0, false},
		"its own version":         {with("version", str("2")), "version", Updated, false},
		"secret, same value":      {with("size", resource.MakeSecret(str("s"))), "", 0, false},
		"update":                  {with("size", str("l")), "size", Updated, false},
		"addition":                {with("tags", str("l")), "tags", Added, false},
		"replacement":             {with("location", str("east")), "location", Updated, true},
		"unknown":                 {with("location", Unknown()), "location", Updated, true},
		"below, replaces":         {with("os", object(resource.PropertyMap{"data": str("e"), "name": str("n")})), "os.data", Updated, true},
		"below, does not":         {with("os", object(resource.PropertyMap{"data": str("d"), "name": str("m")})), "os.name", Updated, false},
		"in a list":               {with("rules", resource.NewArrayProperty([]resource.PropertyValue{str("b")})), "rules[0]", Updated, true},
		"the whole object is off": {without, "os", Deleted, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := typ.Compare(old, c.news)
			if c.path == "" {
				if len(d.Changes) != 0 {
					t.Errorf("changes = %v, want none", d.Changes)
				}
				return
			}
			if want := (Change{c.path, c.kind, c.replace}); len(d.Changes) != 1 || d.Changes[0] != want {
				t.Errorf("changes = %v, want %v", d.Changes, want)
			}
		})
	}
}

func TestBelowNeedsAWholeName(t *testing.T) {
	if replaces([]string{"os"}, "osName") {
		t.Error("osName counts as os")
	}
}

func TestDiffOverTheWire(t *testing.T) {
	c := client(t, thing(Type{Replaces: []string{"a"}, DeleteBeforeReplace: true}))
	diff := func(olds, news resource.PropertyMap) *pulumirpc.DiffResponse {
		resp, err := c.Diff(context.Background(), &pulumirpc.DiffRequest{Urn: urn, Id: "x", OldInputs: pack(t, olds), Olds: pack(t, olds), News: pack(t, news)})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	a1, a2 := resource.PropertyMap{"a": resource.MakeSecret(str("1"))}, resource.PropertyMap{"a": str("2")}
	if d := diff(a1, a1); d.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("diff = %v", d)
	}
	d := diff(a1, a2)
	if d.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME || len(d.GetReplaces()) != 1 || !d.GetDeleteBeforeReplace() {
		t.Errorf("diff = %v", d)
	}
	ports := func(ports ...float64) resource.PropertyMap {
		list := []resource.PropertyValue{}
		for _, port := range ports {
			list = append(list, resource.NewProperty(port))
		}
		return resource.PropertyMap{"ports": resource.NewProperty(list), "tags": resource.NewProperty(resource.PropertyMap{"n": resource.NewProperty(float64(len(ports)))})}
	}
	// The CLI shows the names, as [diff: ~ports,tags]; ReplaceOnChanges may name a path.
	if got := diff(ports(80), ports(81, 82)).GetDiffs(); !slices.Equal(got, []string{"ports", "ports[0]", "ports[1]", "tags", "tags.n"}) {
		t.Errorf("the changed properties are %q", got)
	}
}

func TestSecretsCountWhereTheTypeSaysSo(t *testing.T) {
	open := resource.PropertyMap{"a": str("1")}
	closed := resource.PropertyMap{"a": resource.MakeSecret(str("1"))}
	for _, c := range []struct {
		typ       Type
		old, news resource.PropertyMap
		want      pulumirpc.DiffResponse_DiffChanges
	}{
		{Type{}, open, closed, pulumirpc.DiffResponse_DIFF_NONE},
		{Type{SecretsCount: true}, open, closed, pulumirpc.DiffResponse_DIFF_SOME},
		{Type{SecretsCount: true}, closed, open, pulumirpc.DiffResponse_DIFF_SOME},
		{Type{SecretsCount: true}, closed, closed, pulumirpc.DiffResponse_DIFF_NONE},
	} {
		resp, err := client(t, thing(c.typ)).Diff(context.Background(), &pulumirpc.DiffRequest{
			Urn: urn, Id: "x", OldInputs: pack(t, c.old), Olds: pack(t, c.old), News: pack(t, c.news),
		})
		if err != nil || resp.GetChanges() != c.want {
			t.Errorf("%v, %v to %v: %v, %v; want %v", c.typ.SecretsCount, c.old, c.news, resp.GetChanges(), err, c.want)
		}
	}
}

// The engine's old inputs count, not the inputs in the state.
func TestOldInputsAreCompared(t *testing.T) {
	for old, want := range map[string]pulumirpc.DiffResponse_DiffChanges{
		"1": pulumirpc.DiffResponse_DIFF_NONE, "2": pulumirpc.DiffResponse_DIFF_SOME,
	} {
		resp, err := client(t, thing(Type{})).Diff(context.Background(), &pulumirpc.DiffRequest{
			Urn: urn, Id: "x", OldInputs: pack(t, resource.PropertyMap{"a": str(old)}), News: pack(t, resource.PropertyMap{"a": str("1")}),
			Olds: pack(t, resource.PropertyMap{"a": str("recorded"), "stdout": str("x")}),
		})
		if err != nil || resp.GetChanges() != want {
			t.Errorf("%q: %v, %v", old, resp, err)
		}
	}
}

func TestConfigurationIsCheckedAndCompared(t *testing.T) {
	p := thing(Type{})
	p.CheckConfig = func(_ context.Context, news resource.PropertyMap) (resource.PropertyMap, []Failure, error) {
		return news, []Failure{{Property: "host", Reason: "unreachable"}}, nil
	}
	c, ctx, provider := client(t, p), context.Background(), "urn:pulumi:dev::p::pulumi:providers:test::default"
	resp, err := c.CheckConfig(ctx, &pulumirpc.CheckRequest{Urn: provider, News: pack(t, resource.PropertyMap{"token": resource.MakeSecret(str("x"))})})
	if err != nil || len(resp.GetFailures()) != 1 || !unpack(t, resp.GetInputs())["token"].IsSecret() {
		t.Errorf("resp = %v, %v", resp, err)
	}
	diff, err := c.DiffConfig(ctx, &pulumirpc.DiffRequest{Urn: provider, OldInputs: pack(t, resource.PropertyMap{"version": str("1")}), News: pack(t, resource.PropertyMap{"version": str("2")})})
	if err != nil || diff.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("diff = %v, %v", diff, err)
	}
}
