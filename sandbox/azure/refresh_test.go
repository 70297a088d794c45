package azure

import (
	"context"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// refreshed refreshes a resource and returns the paths in which the unchanged program then
// differs from it.
func (r *res) refreshed(ignored ...string) []string {
	r.w.t.Helper()
	typ, urn, ctx := r.w.types[r.token], r.w.urn(r.token, r.name), context.Background()
	id, inputs, state, err := typ.Read(ctx, urn, r.id, toEngine(clone(r.inputs)), toEngine(clone(r.state)))
	if err != nil || id == "" {
		r.w.t.Fatalf("%s: id %q, %v", r.name, id, err)
	}
	program := toEngine(clone(r.inputs))
	for _, ignore := range ignored { // as the engine does for IgnoreChanges
		path, err := resource.ParsePropertyPath(ignore)
		if err != nil || !path.Reset(inputs, program) {
			r.w.t.Errorf("%s: %s cannot be ignored: %v", r.name, ignore, err)
		}
	}
	diff, err := typ.Diff(ctx, urn, r.id, inputs, state, program)
	if err != nil {
		r.w.t.Fatal(err)
	}
	var paths []string
	for _, change := range diff.Changes {
		paths = append(paths, change.Path)
	}
	return paths
}

// As on Azure, a program that does not ignore the service's later changes sees drift
// after every refresh.
func TestRefreshTakesWhatTheServiceSetLaterForDrift(t *testing.T) {
	s := newScene(t)
	vm, nic, _ := s.node("aver-manager", "10.0.0.4")
	if at(nic.state, "macAddress") != nil || at(nic.state, "primary") != nil {
		t.Errorf("an interface has a hardware address before a VM has it: %v", nic.state)
	}
	if got, want := nic.refreshed(), []string{"ipConfigurations[0].etag", "macAddress", "primary"}; !slices.Equal(got, want) {
		t.Errorf("the interface differs in %q, want %q", got, want)
	}
	if got := nic.refreshed("macAddress", "primary", "ipConfigurations[*].etag"); len(got) != 0 {
		t.Errorf("with IgnoreChanges the interface differs in %q", got)
	}
	if got := s.nsg.refreshed(); len(got) != 0 {
		t.Errorf("before its first rule the group differs in %q", got)
	}
	rule := s.create("SecurityRule", "web", ruleArgs("web", 200, nil))
	if got := s.nsg.refreshed(); !slices.Equal(got, []string{"defaultSecurityRules"}) {
		t.Errorf("the group differs in %q", got)
	}
	if got := s.nsg.refreshed("defaultSecurityRules"); len(got) != 0 {
		t.Errorf("with IgnoreChanges the group differs in %q", got)
	}
	for _, r := range []*res{vm, rule, s.net, s.subnet} {
		if got := r.refreshed(); len(got) != 0 {
			t.Errorf("%s differs in %q", r.name, got)
		}
	}
}

func TestInterfaceKeepsWhatItsMachineGaveIt(t *testing.T) {
	s := newScene(t)
	vm, nic, _ := s.node("aver-manager", "10.0.0.4")
	mac := func() string { return text(s.cloud.record.get(nic.id).State, "macAddress") }
	first := mac()
	if err := nic.update(object{"tags": object{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if first == "" || mac() != first || text(nic.state, "virtualMachine.id") != vm.id {
		t.Errorf("hardware address %q became %q, of VM %q", first, mac(), text(nic.state, "virtualMachine.id"))
	}
	if err := vm.delete(); err != nil {
		t.Fatal(err)
	}
	if at(s.cloud.record.get(nic.id).State, "virtualMachine") != nil {
		t.Error("the interface is still that of a VM that is gone")
	}
}
