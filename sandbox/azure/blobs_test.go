package azure

import (
	"slices"
	"testing"

	"averazure/sandbox/hosts"
)

const contributorRole = "/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe"

// A VM has the identity of its resource, from its first boot or from a later change.
func TestMachinesHaveTheirIdentity(t *testing.T) {
	s := newScene(t)
	vm, _, _ := s.node("aver-manager", "10.0.0.4")
	id := text(vm.state, "vmId")
	if own, told := s.fake.identities[id]; !told || own != (hosts.Identity{}) {
		t.Errorf("without an identity: %+v", own)
	}
	for range 2 { // the identity does not change
		if err := vm.update(object{"identity": object{"type": "SystemAssigned"}}); err != nil {
			t.Fatal(err)
		}
		if own := s.fake.identities[id]; own.Principal == "" || own.Principal != text(vm.state, "identity.principalId") || own.Tenant != s.cloud.record.Tenant {
			t.Errorf("%+v, the resource has %v", own, vm.state["identity"])
		}
	}
	if err := vm.update(object{"identity": nil}); err != nil {
		t.Fatal(err)
	}
	if own := s.fake.identities[id]; own != (hosts.Identity{}) {
		t.Errorf("it was taken back: %+v", own)
	}
}

// The blob service serves only containers that a VM may use. It also knows the other
// principals with a role for them.
func TestBlobServiceFollowsTheRoles(t *testing.T) {
	s := newScene(t)
	s.create("StorageAccount", "store", accountArgs("averstore"))
	container := s.create("BlobContainer", "data", object{"resourceGroupName": "aver-rg", "accountName": "averstore", "containerName": "data"})
	app := s.create(site, "func", appArgs(s.plan()))
	nic := s.create("NetworkInterface", "nic", s.nicArgs("nic", "10.0.0.5", nil))
	vm := s.create("VirtualMachine", "vm", with(vmArgs("vm", nic), object{"identity": object{"type": "SystemAssigned"}}))
	role := func(name string, of *res, role string) *res {
		return s.create("RoleAssignment", name, object{"scope": container.id, "principalId": text(of.state, "identity.principalId"), "principalType": "ServicePrincipal", "roleDefinitionId": role})
	}
	role("app", app, contributorRole)
	if len(s.fake.blobs) != 0 || slices.Contains(s.fake.zones, "blob.core.windows.net") {
		t.Errorf("no VM has a role: %+v, %v", s.fake.blobs, s.fake.zones)
	}
	assigned := role("vm", vm, contributorRole)
	told := s.fake.blobs
	if len(told) != 1 || len(told[0].Containers) != 1 {
		t.Fatalf("%+v", told)
	}
	box := told[0].Containers[0]
	if box.Account != "averstore" || box.Name != "data" || len(box.Store) != 31 || len(box.Writers) != 2 || !slices.Contains(box.Writers, text(vm.state, "identity.principalId")) || len(box.Readers) != 0 {
		t.Errorf("%+v", box)
	}
	if s.fake.names["averstore.blob.core.windows.net"] != "203.0.113.5" || !slices.Contains(s.fake.zones, "blob.core.windows.net") {
		t.Errorf("names %v, zones %v", s.fake.names, s.fake.zones)
	}
	s.create("BlobContainer", "more", object{"resourceGroupName": "aver-rg", "accountName": "averstore", "containerName": "more"})
	if len(s.fake.blobs) != 1 {
		t.Errorf("nothing changed, and it was told: %+v", s.fake.blobs)
	}
	if err := assigned.delete(); err != nil {
		t.Fatal(err)
	}
	if now := s.fake.blobs[len(s.fake.blobs)-1]; len(s.fake.blobs) != 2 || len(now.Containers) != 0 || s.fake.names["averstore.blob.core.windows.net"] != "" {
		t.Errorf("the role is gone: %+v, %v", s.fake.blobs, s.fake.names)
	}
}

// A new account does not see the blobs of an earlier account with the same name.
func TestStoresOfAccountsMadeAgain(t *testing.T) {
	if storeOf("/a/B", "t1") != storeOf("/A/b", "t1") || storeOf("/a/b", "t1") == storeOf("/a/b", "t2") || storeOf("/a/b", "t1") == storeOf("/a/c", "t1") {
		t.Error("stores are not those of their containers")
	}
}
