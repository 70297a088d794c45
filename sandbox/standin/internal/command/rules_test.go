package command

import (
	"context"
	"maps"
	"strings"
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

func TestCheckFillsInDefaults(t *testing.T) {
	news, failures, err := check(context.Background(), urn, nil, resource.PropertyMap{
		"connection": resource.NewObjectProperty(resource.PropertyMap{
			"host":  str("h"),
			"proxy": resource.NewObjectProperty(resource.PropertyMap{"host": str("p"), "port": resource.NewNumberProperty(2222)}),
		}),
	})
	if err != nil || len(failures) != 0 {
		t.Errorf("failures = %v, err %v", failures, err)
	}
	if len(news) != 1 {
		t.Errorf("inputs = %v: the original adds defaults to connections alone", news)
	}
	c := news["connection"].ObjectValue()
	if c["user"].StringValue() != "root" || c["port"].NumberValue() != 22 || c["dialErrorLimit"].NumberValue() != 10 || c["perDialTimeout"].NumberValue() != 15 {
		t.Errorf("defaults = %v", c)
	}
	if p := c["proxy"].ObjectValue(); p["port"].NumberValue() != 2222 || p["user"].StringValue() != "root" {
		t.Errorf("proxy defaults = %v", p)
	}
}

func TestCheckRefusesWhatTheTypeDoesNotTake(t *testing.T) {
	to := func(more resource.PropertyMap) resource.PropertyValue {
		c := resource.PropertyMap{"host": str("h")}
		maps.Copy(c, more)
		return resource.NewObjectProperty(c)
	}
	proxy := resource.NewObjectProperty(resource.PropertyMap{"port": resource.NewNumberProperty(22)})
	list := resource.NewArrayProperty([]resource.PropertyValue{str("a")})
	for want, inputs := range map[string]resource.PropertyMap{
		"connection: Missing required field 'connection'":          {},
		"connection: Missing required field 'host'":                {"connection": to(resource.PropertyMap{"proxy": proxy})},
		"retries: Unrecognized field 'retries'":                    {"connection": to(nil), "retries": str("3")},
		"connection: Unrecognized field 'hostname'":                {"connection": to(resource.PropertyMap{"hostname": str("h")})},
		"create: must be a 'string'; got 'float64'":                {"connection": to(nil), "create": resource.NewNumberProperty(1)},
		"stdin: must be a 'string'; got '[]interface {}'":          {"connection": to(nil), "stdin": list},
		"triggers: must be a '[]interface {}'; got 'string'":       {"connection": to(nil), "triggers": str("a")},
		"addPreviousOutputInEnv: must be a 'bool'; got 'string'":   {"connection": to(nil), "addPreviousOutputInEnv": str("no")},
		"connection: must be a 'command.connection'; got 'string'": {"connection": str("h")},
	} {
		field, reason, _ := strings.Cut(want, ": ")
		_, failures, err := check(context.Background(), urn, nil, inputs)
		if err != nil || len(failures) != 1 || failures[0].Property != field || !strings.Contains(failures[0].Reason, reason) {
			t.Errorf("failures = %q, err %v; want %q", failures, err, want)
		}
	}
}

func TestCheckTakesWhatAPreviewDoesNotKnow(t *testing.T) {
	unknown := plugin.Unknown()
	for _, inputs := range []resource.PropertyMap{
		{"connection": unknown},
		{"connection": resource.NewObjectProperty(resource.PropertyMap{"host": unknown, "dialErrorLimit": unknown, "proxy": unknown})},
		{"connection": resource.NewObjectProperty(resource.PropertyMap{"host": str("h")}), "create": unknown, "triggers": unknown,
			"environment": unknown, "addPreviousOutputInEnv": unknown},
		{"connection": resource.NewObjectProperty(resource.PropertyMap{"host": str("h")}),
			"triggers":    resource.NewArrayProperty([]resource.PropertyValue{unknown}),
			"environment": resource.NewObjectProperty(resource.PropertyMap{"A": unknown})},
	} {
		if _, failures, err := check(context.Background(), urn, nil, inputs); err != nil || len(failures) > 0 {
			t.Errorf("%v: %v, %v", inputs, failures, err)
		}
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
