package azure

import (
	"testing"
)

func diskArgs(name string, gb float64, changes object) object {
	return with(object{"resourceGroupName": "aver-rg", "diskName": name, "diskSizeGB": gb, "sku": object{"name": "StandardSSD_LRS"},
		"creationData": object{"createOption": "Empty"}}, changes)
}

func attach(disk *res, lun float64, more object) object {
	return with(object{"lun": lun, "createOption": "Attach", "deleteOption": "Detach", "managedDisk": object{"id": disk.id}}, more)
}

func (s *scene) nodeWith(name, address string, changes object) (*res, error) {
	nic := s.create("NetworkInterface", name+"-nic", s.nicArgs(name+"-nic", address, nil))
	return s.try("VirtualMachine", name, with(vmArgs(name, nic), changes))
}

// Deleting a VM detaches its data disk, and the next VM gets the same disk.
func TestADataDiskOutlivesItsMachine(t *testing.T) {
	s := newScene(t)
	disk := s.create("Disk", "data", diskArgs("aver-manager-data", 32, nil))
	with1 := object{dataDisks: []any{attach(disk, 0, nil)}}
	vm, err := s.nodeWith("aver-manager", "10.0.0.4", with1)
	if err != nil {
		t.Fatal(err)
	}
	unique := text(disk.state, "uniqueId")
	if got := s.fake.attached[text(vm.state, "vmId")]; len(got) != 1 || got[0].ID != unique || s.fake.disks[unique] != 32 {
		t.Fatalf("attached %v, disks %v", got, s.fake.disks)
	}
	entry := func() object { return s.cloud.record.get(disk.id).State }
	if entry()["managedBy"] != vm.id || entry()["diskState"] != "Attached" {
		t.Errorf("the disk says %v", entry())
	}
	s.wantRefusal(disk.delete(), "OperationNotAllowed", "data")
	if err := vm.delete(); err != nil {
		t.Fatal(err)
	}
	if entry()["managedBy"] != nil || entry()["diskState"] != "Unattached" || s.fake.disks[unique] != 32 {
		t.Errorf("the disk says %v", entry())
	}
	again := s.create("VirtualMachine", "aver-manager", vm.inputs)
	if got := s.fake.attached[text(again.state, "vmId")]; len(got) != 1 || got[0].ID != unique {
		t.Errorf("attached %v", got)
	}
	// The disk is detached and attached again while the VM runs.
	if err := again.update(object{dataDisks: []any{}}); err != nil || len(s.fake.attached[text(again.state, "vmId")]) != 0 {
		t.Errorf("detached: %v, %v", err, s.fake.attached)
	}
	if err := again.update(with1); err != nil || len(s.fake.attached[text(again.state, "vmId")]) != 1 {
		t.Errorf("attached: %v, %v", err, s.fake.attached)
	}
	for _, r := range []*res{again, disk} {
		if err := r.delete(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.fake.disks) != 0 {
		t.Errorf("left: %v", s.fake.disks)
	}
}

func TestDisksOfMachinesThatCannotHaveThem(t *testing.T) {
	s := newScene(t)
	free := s.create("Disk", "free", diskArgs("free", 32, nil))
	zoned := s.create("Disk", "zoned", diskArgs("zoned", 32, object{"zones": list("1")}))
	taken := s.create("Disk", "taken", diskArgs("taken", 32, nil))
	if _, err := s.nodeWith("aver-manager", "10.0.0.4", object{dataDisks: []any{attach(taken, 0, nil)}}); err != nil {
		t.Fatal(err)
	}
	nic := s.create("NetworkInterface", "nic2", s.nicArgs("nic2", "10.0.0.5", nil))
	for _, c := range []struct {
		code    string
		changes object
	}{
		{"ConflictingUserInput", object{dataDisks: []any{attach(taken, 0, nil)}}},
		{"BadRequest", object{dataDisks: []any{attach(zoned, 0, nil)}}},
		{"BadRequest", object{"zones": list("2"), dataDisks: []any{attach(zoned, 0, nil)}}},
		{"BadRequest", object{"zones": list("1"), dataDisks: []any{attach(free, 0, nil)}}},
		{"InvalidParameter", object{dataDisks: []any{attach(free, 0, nil), attach(free, 0, nil)}}},
		{"InvalidParameter", object{dataDisks: []any{attach(free, 64, nil)}}},
		{"InvalidParameter", object{dataDisks: []any{attach(free, 0, object{"managedDisk": nil})}}},
		{"InvalidResourceReference", object{dataDisks: []any{attach(free, 0, object{"managedDisk.id": free.id + "x"})}}},
		{"PropertyChangeNotAllowed", object{dataDisks: []any{attach(free, 0, object{"diskSizeGB": 16.0})}}},
		{notPlayed, object{dataDisks: []any{attach(free, 0, object{"createOption": "Empty"})}}},
		{notPlayed, object{dataDisks: []any{attach(free, 0, object{"deleteOption": "Delete"})}}},
	} {
		s.refused(c.code, "VirtualMachine", "aver-worker-1", with(vmArgs("aver-worker-1", nic), c.changes))
	}
	if _, err := s.try("VirtualMachine", "aver-worker-1", with(vmArgs("aver-worker-1", nic), object{"zones": list("1"), dataDisks: []any{attach(zoned, 0, nil)}})); err != nil {
		t.Error(err)
	}
}

// An attached disk grows and does not shrink; the VM's outputs follow.
func TestDisksGrow(t *testing.T) {
	s := newScene(t)
	disk := s.create("Disk", "data", diskArgs("data", 32, nil))
	for code, changes := range map[string]object{
		"InvalidParameter": {"diskSizeGB": 0.0}, notPlayed: {"creationData": object{"createOption": "Copy"}}, "InvalidAvailabilityZone": {"zones": list("4")},
	} {
		s.refused(code, "Disk", "other", diskArgs("other", 32, changes))
	}
	s.refused("InvalidParameter", "Disk", "other", diskArgs("-other", 32, nil))
	if err := disk.update(object{"sku": object{"name": "Premium_LRS"}}); err != nil {
		t.Error(err)
	}
	vm, err := s.nodeWith("aver-manager", "10.0.0.4", object{dataDisks: []any{attach(disk, 0, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.update(object{"diskSizeGB": 64.0}); err != nil || s.fake.disks[text(disk.state, "uniqueId")] != 64 {
		t.Errorf("it has %v: %v", s.fake.disks, err)
	}
	if got := number(items(s.cloud.record.get(vm.id).State, dataDisks)[0], "diskSizeGB"); got != 64 {
		t.Errorf("the VM's has %d GiB", got)
	}
	if s.cloud.record.get(disk.id).State["managedBy"] != vm.id {
		t.Errorf("the disk says %v", s.cloud.record.get(disk.id).State)
	}
	for _, c := range []struct {
		code    string
		changes object
	}{
		{"OperationNotAllowed", object{"diskSizeGB": 32.0}},
		{"OperationNotAllowed", object{"diskSizeGB": 8192.0}},
		{"OperationNotAllowed", object{"sku": object{"name": "StandardSSD_LRS"}}},
		{"PropertyChangeNotAllowed", object{"zones": list("1")}},
	} {
		s.wantRefusal(disk.update(c.changes), c.code, "data")
	}
}
