package azure

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"averazure/sandbox/plugin"
)

// kind is one type of resource, a row of the table. A nil function does nothing.
type kind struct {
	tokens []string // the SDK's tokens
	azure  string   // the service's name for it
	path   string   // the id, with the names of its inputs
	inside string   // the parent's path, unless it is the part of path before the resource's name
	auto   autoName // the name if the program gives none
	rule   nameRule

	located  bool     // takes its resource group's location
	required []string // inputs without which Check fails
	refs     []string // inputs that hold the id of something that must exist
	replaces []string // inputs whose change replaces the resource, besides those in path
	frozen   []string // inputs that the service refuses to change
	hidden   []string // inputs that are neither recorded nor returned
	computed []string // outputs that only the service knows
	adopts   []string // outputs that are inputs too and that the service changes
	secrets  []string // outputs that are secret
	echo     bool     // every input is an output too, as in bridged providers
	filters  bool     // a change may affect packet filters
	upsert   bool     // creating it overwrites an existing one
	keeps    bool     // an update first reads what others added, to keep it (MaintainSubResourcePropertiesIfNotSet in azure-native's crud.go)
	oldFirst bool     // a replacement deletes the old resource first, unlike other bridged types

	// identify makes the id if path does not define it.
	identify func(op *operation) string
	// check validates the inputs before anything changes.
	check func(inputs object) []plugin.Failure
	// judge refuses what the service would refuse, given the record.
	judge func(op *operation) error
	// complete adds the service's outputs to op.state.
	complete func(op *operation)
	// create and change do the work on the VMs; remove undoes it.
	create, change func(ctx context.Context, op *operation) error
	remove         func(ctx context.Context, c *Cloud, e *entry) error
	// touches updates other resources after this one was created, changed or removed.
	touches func(r *record, e *entry)
	// keep may refuse a deletion.
	keep func(op *operation) error
	// gone tells whether the real thing behind the resource has vanished.
	gone func(ctx context.Context, c *Cloud, e *entry) (bool, error)
}

// autoName is how azure-native names a resource without a name (getDefaultName in its
// provider/pkg/provider/provider.go).
type autoName int

const (
	named      autoName = iota // no automatic name
	autoRandom                 // the program's name and 8 hex digits
	autoCopy                   // the program's name, for things inside others
	autoUUID                   // a random UUID
)

// createBeforeDelete is the input with which azure-native remembers that the name is
// random, so the new resource can exist beside the old one.
const createBeforeDelete = "__createBeforeDelete"

// parameter finds the inputs in a path.
var parameter = regexp.MustCompile(`\{(\w+)\}`)

// parts lists the inputs of the id; the resource's own name is last.
func (k *kind) parts() []string {
	var names []string
	for _, m := range parameter.FindAllStringSubmatch(k.path, -1) {
		names = append(names, m[1])
	}
	return names
}

// nameInput is the input with the resource's own name.
func (k *kind) nameInput() string {
	parts := k.parts()
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}

// id fills in the path.
func (k *kind) id(subscription string, inputs object) string {
	path := parameter.ReplaceAllStringFunc(k.path, func(p string) string {
		return text(inputs, strings.Trim(p, "{}"))
	})
	if strings.HasPrefix(path, "/resourceGroups/") {
		return "/subscriptions/" + subscription + path
	}
	return path // starts with a scope, which contains the subscription
}

// container is the id of the parent: a resource group, a network.
func (k *kind) container(subscription string, inputs object) string {
	parts := k.parts()
	if k.identify != nil || len(parts) < 2 {
		return ""
	}
	if k.inside != "" {
		return (&kind{path: k.inside}).id(subscription, inputs)
	}
	path, _, _ := strings.Cut(k.path, "{"+parts[len(parts)-1]+"}")
	end := strings.LastIndex(path, "}") + 1
	return (&kind{path: path[:end]}).id(subscription, inputs)
}

// checked is the Check of a kind. It names and places the resource and reports missing
// inputs.
func (c *Cloud) checked(k *kind, urn resource.URN, olds, inputs object) []plugin.Failure {
	c.nameIt(k, urn, olds, inputs)
	c.placeIt(k, olds, inputs)
	if p := narrowedOf(urn.Type()); p != nil && at(inputs, "azureApiVersion") == nil {
		inputs["azureApiVersion"] = p.apiVersion() // as azure-native 3 (applyDefaults)
	}
	var failures []plugin.Failure
	for _, path := range append(k.parts(), k.required...) {
		if at(inputs, path) == nil && !unknownAbove(inputs, path) {
			failures = append(failures, plugin.Failure{Property: path, Reason: fmt.Sprintf("missing required property '%s'", path)})
		}
	}
	if k.check != nil {
		failures = append(failures, k.check(inputs)...)
	}
	return failures
}

// unknownAbove tells whether a part of the path is still unknown.
func unknownAbove(inputs object, path string) bool {
	for i, r := range path {
		if r == '.' && !known(at(inputs, path[:i])) {
			_, isObject := at(inputs, path[:i]).(object)
			return !isObject
		}
	}
	return false
}

func (c *Cloud) nameIt(k *kind, urn resource.URN, olds, inputs object) {
	input := k.nameInput()
	if input == "" || k.auto == named || at(inputs, input) != nil {
		return
	}
	if old := at(olds, input); old != nil {
		inputs[input] = old
		if v, ok := olds[createBeforeDelete]; ok {
			inputs[createBeforeDelete] = v
		}
		return
	}
	switch k.auto {
	case autoCopy:
		inputs[input] = urn.Name()
	case autoUUID:
		inputs[input], inputs[createBeforeDelete] = newUUID(), true
	default:
		inputs[input], inputs[createBeforeDelete] = urn.Name()+randomHex(4), true
	}
}

// placeIt sets the location to that of the existing resource, or of its resource group
// (getDefaultLocation in azure-native's provider.go).
func (c *Cloud) placeIt(k *kind, olds, inputs object) {
	if !k.located || at(inputs, "location") != nil {
		return
	}
	if old := at(olds, "location"); old != nil {
		inputs["location"] = old
		return
	}
	group := at(inputs, "resourceGroupName")
	if !known(group) {
		inputs["location"] = group
		return
	}
	name, _ := group.(string)
	if e := c.record.get("/subscriptions/" + c.record.Subscription + "/resourceGroups/" + name); e != nil {
		inputs["location"] = text(e.State, "location")
	}
}

// compared is the Diff of a kind. As in azure-native, a replacement deletes the old
// resource first unless its name is random. A replacement that only the program requests
// (ReplaceOnChanges) does not count for that.
func (k *kind) compared(t plugin.Type, oldInputs, news resource.PropertyMap) plugin.Diff {
	diff := t.Compare(oldInputs, news)
	diff.Changes = slices.DeleteFunc(diff.Changes, func(ch plugin.Change) bool {
		return strings.HasPrefix(ch.Path, "__") || ch.Path == "location" && sameLocation(oldInputs, news)
	})
	replaces := slices.ContainsFunc(diff.Changes, func(ch plugin.Change) bool { return ch.Replace })
	if k.echo {
		diff.DeleteBeforeReplace = k.oldFirst && replaces
		return diff
	}
	diff.DeleteBeforeReplace = replaces
	if v, ok := oldInputs[createBeforeDelete]; ok && v.IsBool() {
		diff.DeleteBeforeReplace = !v.BoolValue()
	}
	return diff
}

// sameLocation treats "West Europe" and westeurope as equal.
func sameLocation(a, b resource.PropertyMap) bool {
	return normalLocation(text(fromEngine(a), "location")) == normalLocation(text(fromEngine(b), "location"))
}

func normalLocation(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
