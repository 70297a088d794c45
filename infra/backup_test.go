package infra

import (
	"slices"
	"strings"
	"testing"

	"averazure/internal/recorder"
)

func withBackups() Config {
	c := full()
	c.Managers, c.BackupTime = 3, "02:00"
	return c
}

// Every manager, and no worker, may write backups, with its VM's own identity, into a
// container that holds nothing else.
func TestManagersMayWriteBackups(t *testing.T) {
	r, made := mustRecord(t, withBackups())
	if made.Backup == nil || made.Backup.Time != "02:00" || made.Backup.Days != 30 {
		t.Fatalf("%+v", made.Backup)
	}
	container := r.Get("azure-native:storage/v20230101:BlobContainer", "aver-backup-storage-backups")
	scope, _ := recorder.At(container.Outputs, "id").(string)
	var principals, granted []string
	for _, vm := range r.OfType(vmType) {
		principal, _ := recorder.At(vm.Outputs, "identity.principalId").(string)
		if manager := strings.HasPrefix(vm.Name, "aver-manager"); manager != (recorder.At(vm.Inputs, "identity.type") == "SystemAssigned") {
			t.Errorf("%s: identity %v", vm.Name, recorder.At(vm.Inputs, "identity.type"))
		} else if manager {
			principals = append(principals, principal)
		}
	}
	for _, role := range r.OfType("azure-native:authorization/v20220401:RoleAssignment") {
		if recorder.At(role.Inputs, "scope") != scope {
			continue
		}
		principal, _ := recorder.At(role.Inputs, "principalId").(string)
		granted = append(granted, principal)
		if id, _ := recorder.At(role.Inputs, "roleDefinitionId").(string); !strings.HasSuffix(id, blobContributor) {
			t.Errorf("%s gives %s", role.Name, id)
		}
	}
	slices.Sort(principals)
	slices.Sort(granted)
	if len(principals) != 3 || !slices.Equal(granted, principals) {
		t.Errorf("granted to %v, want %v", granted, principals)
	}
	account := r.Get("azure-native:storage/v20230101:StorageAccount", "aver-backup-storage")
	if at := recorder.At(account.Inputs, "allowSharedKeyAccess"); at != false {
		t.Errorf("a key opens it: %v", at)
	}
}

// What is needed to restore a lost cluster is protected, unless keepBackups is false, and
// nothing else is.
func TestBackupsAreProtected(t *testing.T) {
	for _, keep := range []bool{true, false} {
		c := withBackups()
		c.KeepBackups, c.KeepData = keep, false
		r, _ := mustRecord(t, c)
		var protected []string
		for _, res := range r.Resources() {
			if res.Request.GetProtect() {
				protected = append(protected, res.Name)
			}
		}
		slices.Sort(protected)
		want := []string{"aver-age-key", "aver-backup-key", "aver-backup-storage", "aver-backup-storage-backups", "aver-backup-storage-blobs"}
		if !keep {
			want = nil
		}
		if !slices.Equal(protected, want) {
			t.Errorf("keep %t: %v", keep, protected)
		}
	}
}

func TestNoBackupsMakeNothing(t *testing.T) {
	c := full()
	c.KeepData = false
	r, made := mustRecord(t, c)
	for _, res := range r.Resources() {
		if res.Request.GetProtect() {
			t.Errorf("%s is protected", res.Name)
		}
	}
	if made.Backup != nil || strings.Contains(r.Inventory(), "backup") {
		t.Errorf("%+v\n%s", made.Backup, r.Inventory())
	}
	for _, vm := range r.OfType(vmType) {
		if recorder.At(vm.Inputs, "identity") != nil {
			t.Errorf("%s has an identity", vm.Name)
		}
	}
}

func TestTimesOfBackups(t *testing.T) {
	for time, ok := range map[string]bool{"": true, "00:00": true, "23:59": true, "24:00": false, "2:00": false, "02:60": false, "02:00:00": false, "night": false} {
		c := full()
		c.BackupTime = time
		if problems := c.Validate(); (len(problems) == 0) != ok {
			t.Errorf("%q: %v", time, problems)
		}
	}
}
