package command

import (
	"context"
	"maps"
	"testing"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestUpdatePreviewKnowsTheOutputOnlyWhereAnInputWasAdded(t *testing.T) {
	inputs := resource.PropertyMap{"connection": str("c"), "create": str("date")}
	old := resource.PropertyMap{"connection": str("c"), "create": str("date"), "stdout": str("before"), "stderr": str("")}
	for name, c := range map[string]struct {
		change resource.PropertyMap
		known  bool
	}{
		"added":             {resource.PropertyMap{"delete": str("true")}, true},
		"added, not known":  {resource.PropertyMap{"delete": plugin.Unknown()}, false},
		"changed":           {resource.PropertyMap{"create": str("id")}, false},
		"added and changed": {resource.PropertyMap{"create": str("id"), "delete": str("true")}, false},
		"became a secret":   {nil, false},
	} {
		news := inputs.Copy()
		maps.Copy(news, c.change)
		state, err := update(context.Background(), urn, "id", inputs, old, news, true)
		if err != nil || state["stdout"].IsComputed() == c.known {
			t.Errorf("%s: stdout = %v, err %v", name, state["stdout"], err)
		}
	}
	state, _ := update(context.Background(), urn, "id", inputs, old, resource.PropertyMap{"connection": str("c")}, true)
	if !state["stdout"].IsComputed() {
		t.Error("removed: the output is known")
	}
}

func TestCheckFillsInDefaultsAndNamesWhatIsMissing(t *testing.T) {
	news, failures, err := check(context.Background(), urn, nil, resource.PropertyMap{
		"connection": resource.NewObjectProperty(resource.PropertyMap{
			"host":  str("h"),
			"proxy": resource.NewObjectProperty(resource.PropertyMap{"port": resource.NewNumberProperty(2222)}),
		}),
	})
	if err != nil || len(failures) != 1 || failures[0].Property != "connection.proxy.host" {
		t.Errorf("failures = %v, err %v", failures, err)
	}
	if !news["addPreviousOutputInEnv"].BoolValue() {
		t.Error("the default of addPreviousOutputInEnv is true")
	}
	c := news["connection"].ObjectValue()
	if c["user"].StringValue() != "root" || c["port"].NumberValue() != 22 || c["dialErrorLimit"].NumberValue() != 10 || c["perDialTimeout"].NumberValue() != 15 {
		t.Errorf("defaults = %v", c)
	}
	if p := c["proxy"].ObjectValue(); p["port"].NumberValue() != 2222 || p["user"].StringValue() != "root" {
		t.Errorf("proxy defaults = %v", p)
	}
	if _, failures, _ := check(context.Background(), urn, nil, resource.PropertyMap{}); len(failures) != 1 || failures[0].Property != "connection" {
		t.Errorf("failures = %v", failures)
	}
	unknown := resource.PropertyMap{"connection": plugin.Unknown(), "addPreviousOutputInEnv": resource.NewBoolProperty(false)}
	if news, failures, err := check(context.Background(), urn, nil, unknown); err != nil || len(failures) != 0 || news["addPreviousOutputInEnv"].BoolValue() {
		t.Errorf("unknown connection: %v, %v, %v", news, failures, err)
	}
}

func TestTriggersReplaceAndEverythingElseUpdates(t *testing.T) {
	typ := Plugin("").Types["command:remote:Command"]
	trigger := func(v string) resource.PropertyValue {
		return resource.NewArrayProperty([]resource.PropertyValue{str(v)})
	}
	old := resource.PropertyMap{"create": str("a"), "triggers": trigger("1")}
	if d := typ.Compare(old, resource.PropertyMap{"create": str("b"), "triggers": trigger("1")}); len(d.Changes) != 1 || d.Changes[0].Replace {
		t.Errorf("changed create: %v", d)
	}
	if d := typ.Compare(old, resource.PropertyMap{"create": str("a"), "triggers": trigger("2")}); len(d.Changes) != 1 || !d.Changes[0].Replace || d.DeleteBeforeReplace {
		t.Errorf("changed trigger: %v", d)
	}
	secret := old.Copy()
	secret["create"] = resource.MakeSecret(str("a"))
	if d := typ.Compare(old, secret); len(d.Changes) != 1 || d.Changes[0].Path != "create" || d.Changes[0].Replace {
		t.Errorf("create became a secret: %v", d)
	}
	if d := typ.Compare(old, old); len(d.Changes) != 0 {
		t.Errorf("no change: %v", d)
	}
}
