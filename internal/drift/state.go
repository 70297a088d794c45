package drift

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/names"
	"averazure/internal/survey"
)

// readOutputs is the engine's own function: the outputs of every resource of a
// stack, as its state has them.
const readOutputs = "pulumi:pulumi:readStackResourceOutputs"

// state is what the last run left.
type state struct {
	marks   map[string]string         // by the resource's name
	made    map[string]bool           // every resource, by its name
	left    map[string]map[string]any // outputs, by the resource's type and name
	manager string                    // address of the manager that was the door
	cluster survey.Cluster
	// addresses are the public addresses of all resources.
	addresses []string
	zones     map[string]string // of VMs, by the resource's name; empty for none
	disks     map[string]Disk   // data disks, by the resource's name
	vms       map[string]string // ids of VMs, by the resource's name
	commands  map[string]Command
	warnings  []string // the warnings that the last run gave
}

// isUp tells whether an `up` ever succeeded.
func (s state) isUp() bool {
	return s.manager != "" && s.cluster.User != "" && s.cluster.Key != "" && len(s.cluster.Nodes) > 0
}

// lastState reads this stack's own state.
func lastState(ctx *pulumi.Context) (state, error) {
	stack := fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())
	var answer struct {
		Outputs map[string]map[string]any `pulumi:"outputs"` // by URN: type and outputs
	}
	if _, err := ctx.InvokePackageRaw(readOutputs, map[string]any{"stackName": stack}, &answer, ""); err != nil {
		return state{}, fmt.Errorf("read the state of %s: %w", stack, err)
	}
	return readState(answer.Outputs), nil
}

// Warnings is the output in which the component of the type keeper lists the warnings that
// were given. The output exists once a deployment has succeeded.
const (
	Warnings = "warnings"
	keeper   = names.Project + ":stack:Stack"
)

// markPattern finds the mark in a command's text.
var markPattern = regexp.MustCompile(` # drift ([0-9a-f]{12})$`)

func readState(resources map[string]map[string]any) state {
	s := state{marks: map[string]string{}, made: map[string]bool{}, left: map[string]map[string]any{}, zones: map[string]string{}, disks: map[string]Disk{}, vms: map[string]string{}, commands: map[string]Command{}}
	for urn, resourceState := range resources {
		s.made[resource.URN(urn).Name()] = true
		outputs, _ := resourceState["outputs"].(map[string]any)
		s.left[key(string(resource.URN(urn).Type()), resource.URN(urn).Name())] = outputs
		if resource.URN(urn).Type() == resource.RootStackType {
			s.read(outputs)
		}
		if address, ok := outputs["ipAddress"].(string); ok {
			s.addresses = append(s.addresses, address)
		}
		switch name := resource.URN(urn).Name(); resource.URN(urn).Type().Name() {
		case "VirtualMachine":
			s.zones[name] = zoneOf(outputs)
			s.vms[name], _ = outputs["vmId"].(string)
		case "Disk":
			size, _ := outputs["diskSizeGB"].(float64)
			sku, _ := outputs["sku"].(map[string]any)
			kind, _ := sku["name"].(string)
			s.disks[name] = Disk{Zone: zoneOf(outputs), GB: int(size), Type: kind}
		}
		if text, ok := outputs["stdout"].(string); ok {
			triggers, _ := outputs["triggers"].([]any)
			s.commands[resource.URN(urn).Name()] = Command{Said: text, VM: strings.Trim(fmt.Sprint(triggers), "[]")}
		}
		if given, ok := outputs[Warnings].([]any); ok && resource.URN(urn).Type() == keeper {
			for _, warning := range given {
				s.warnings = append(s.warnings, fmt.Sprint(warning))
			}
		}
		if mark := markOf(outputs); mark != "" {
			s.marks[resource.URN(urn).Name()] = mark
		}
	}
	return s
}

// zoneOf is the zone of a resource; empty for none.
func zoneOf(outputs map[string]any) string {
	zones, _ := outputs["zones"].([]any)
	return strings.Trim(fmt.Sprint(zones), "[]")
}

// Command is the part of a command's state that the last run left.
type Command struct {
	// Said is what the command printed; it may be a secret.
	Said string
	// VM is the id of the VM that it was about.
	VM string
}

// key names a resource: its type and name.
func key(kind, name string) string { return kind + "::" + name }

// markOf is the mark of a resource: in the text of a command, or in a tag of a VM.
func markOf(outputs map[string]any) string {
	text, _ := outputs["update"].(string)
	if found := markPattern.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	tags, _ := outputs["tags"].(map[string]any)
	mark, _ := tags[Tag].(string)
	return mark
}

// Tag is the name of the tag that holds a VM's mark.
const Tag = "drift"

// read takes what is needed to log in from the stack's outputs.
func (s *state) read(outputs map[string]any) {
	s.manager, _ = outputs["managerIp"].(string)
	user, _ := outputs["sshUser"].(string)
	private, _ := outputs["adminPrivateKey"].(string)
	var nodes []survey.Node
	text, err := json.Marshal(outputs["nodes"])
	if err == nil {
		_ = json.Unmarshal(text, &nodes) // from an older version: nothing is asked
	}
	s.cluster = survey.New(user, private, nodes)
}
