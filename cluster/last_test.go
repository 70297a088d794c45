package cluster

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/internal/drift"
)

// joined is the state that a run leaves: the nodes' VMs, and what these printed.
func joined(vms map[string]string, members map[string]string, said map[string]string) *drift.Marks {
	commands := map[string]drift.Command{}
	for node, vm := range members {
		commands[node+"-member"] = drift.Command{VM: vm}
	}
	for command, vm := range said {
		commands[command] = drift.Command{VM: vm, Said: fmt.Sprintf(`{"node":"id-%s","swarm":"s","worker":"w","manager":"m"}`, command)}
	}
	return drift.WithNodes(vms, commands)
}

func TestNodesOfTheLastRun(t *testing.T) {
	nodes := []string{"m1", "m2", "m3", "w1"}
	all := map[string]string{"m1": "1", "m2": "2", "m3": "3", "w1": "4"}
	for name, test := range map[string]struct {
		state      *drift.Marks
		waits      []string
		unfinished []string
		facts      bool
	}{
		"nothing": {state: nil},
		"all":     {state: joined(all, all, map[string]string{"m1-init": "1", "m2-join": "2", "m3-join": "3", "w1-join": "4"}), waits: nodes, facts: true},
		"a first run that ended before the joins": {state: joined(all, nil, map[string]string{"m1-init": "1"}),
			waits: []string{"m1"}, unfinished: []string{"m1"}},
		"a first run that ended with the VMs": {state: joined(all, nil, nil)},
		"a first run that ended before two joins": {state: joined(all, all, map[string]string{"m1-init": "1", "m2-join": "2"}),
			waits: []string{"m1", "m2"}, facts: true},
		"the first manager is gone": {state: joined(map[string]string{"m2": "2", "m3": "3"}, all, map[string]string{"m1-init": "1", "m2-join": "2", "m3-join": "3"}),
			waits: []string{"m2", "m3"}, facts: true},
		// The engine keeps the commands about a VM until they are made again.
		"the first was rebuilt and nothing could take it out": {state: joined(
			map[string]string{"m1": "new", "m2": "2", "m3": "3"}, map[string]string{"m1": "1", "m2": "2", "m3": "3"},
			map[string]string{"m1-init": "new", "m1-rejoin": "new", "m2-join": "2", "m3-join": "3"}),
			waits: []string{"m1", "m2", "m3"}, unfinished: []string{"m1"}, facts: true},
		"the second was rebuilt and did not join": {state: joined(
			map[string]string{"m1": "1", "m2": "new", "m3": "3"}, map[string]string{"m1": "1", "m2": "2", "m3": "3"},
			map[string]string{"m1-init": "1", "m2-join": "2", "m3-join": "3"}),
			waits: []string{"m1", "m2", "m3"}, facts: true},
		// The member command keeps the trigger with which it was made.
		"a data disk keeps the second a member": {state: joined(all, map[string]string{"m1": "1", "m2": "m2", "m3": "3", "w1": "4"},
			map[string]string{"m1-init": "1", "m2-join": "2", "m2-drain": "2", "m3-join": "3", "w1-join": "4"}), waits: nodes, facts: true},
		"a data disk, and nothing would drain the second": {state: joined(all, map[string]string{"m1": "1", "m2": "m2", "m3": "3", "w1": "4"},
			map[string]string{"m1-init": "1", "m2-join": "2", "m2-drain": "old", "m3-join": "3", "w1-join": "4"}),
			waits: nodes, unfinished: []string{"m2"}, facts: true},
	} {
		last := LastOf(test.state, nodes, 3)
		if !reflect.DeepEqual(last.Nodes, test.waits) || !reflect.DeepEqual(last.Unfinished, test.unfinished) || (last.facts != nil) != test.facts {
			t.Errorf("%s: %v wait, %v unfinished, facts %v", name, last.Nodes, last.Unfinished, last.facts)
		}
	}
}

// A single manager leaves no facts: while it is rebuilt, no other manager keeps the Swarm.
func TestOneManagerLeavesNoFacts(t *testing.T) {
	state := joined(map[string]string{"m1": "1", "w1": "2"}, map[string]string{"m1": "1", "w1": "2"}, map[string]string{"m1-init": "1", "w1-join": "2"})
	if last := LastOf(state, []string{"m1", "w1"}, 1); last.facts != nil || len(last.Nodes) != 2 {
		t.Errorf("%+v", last)
	}
}

// A node is drained for changes that restart its Docker: settings other than the mirrors,
// and settings that somebody changed by hand. A change in the script's text restarts
// nothing.
func TestSettingsThatRestartDocker(t *testing.T) {
	line := func(head int, config Config, mark string) resource.PropertyMap {
		text := fmt.Sprintf("sudo head -c %d %s 'n' %s%s", head, quote("averazure-settings"), quote(config.restartsFor()), drift.Comment(mark))
		return resource.PropertyMap{"update": resource.NewStringProperty(text)}
	}
	with := func(change func(*Config)) Config {
		config := Defaults()
		change(&config)
		return config
	}
	before := line(10, Defaults(), "")
	for name, test := range map[string]struct {
		after    resource.PropertyMap
		restarts bool
	}{
		"nothing":        {line(10, Defaults(), ""), false},
		"another script": {line(20, Defaults(), ""), false},
		"mirrors":        {line(10, with(func(c *Config) { c.RegistryMirrors = []string{"https://m"} }), ""), false},
		"logs":           {line(10, with(func(c *Config) { c.LogMaxFiles++ }), ""), true},
		"drift":          {line(10, Defaults(), "0123456789ab"), true},
	} {
		if got := restarts(before, test.after); got != test.restarts {
			t.Errorf("%s: %t", name, got)
		}
	}
}
