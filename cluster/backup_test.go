package cluster

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// equipmentFor is a manager's input with backups at that time, or without backups for "".
func equipmentFor(t *testing.T, time string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(equipment("deploy", "ghcr.io", "", "")), &all); err != nil {
		t.Fatal(err)
	}
	args := Args{}
	if time != "" {
		args.Backup = &Backup{Container: pulumi.String(""), Recipient: pulumi.String(""), Time: time, Days: 30}
	}
	args.equipBackups(all, all["settings"].(map[string]any), "https://a.blob.core.windows.net/backups", "ssh-ed25519 AAAAbackup")
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The timer is installed, follows the setting, and is removed when no backups are
// configured.
func TestManagerMakesBackups(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	for _, step := range []struct{ time, called string }{
		{"", "not stackctl-backup"},
		{"02:00", "systemctl enable --quiet --now stackctl-backup.timer"},
		{"02:00", "systemctl enable --quiet --now stackctl-backup.timer"},
		{"03:30", "systemctl daemon-reload"},
		{"", "systemctl disable --quiet --now stackctl-backup.timer"},
		{"", "not stackctl-backup"},
	} {
		m.write("calls", "")
		m.want(true, "", step.called, "manager", equipmentFor(t, step.time))
		timer, unit := m.read("etc/stackctl-backup.timer"), m.read("etc/stackctl-backup.service")
		if step.time == "" {
			if timer+unit != "" || strings.Contains(m.read("etc/stackctl.json"), "backup") {
				t.Errorf("no backups, and there is\n%s%s", timer, unit)
			}
			continue
		}
		if !strings.Contains(timer, "OnCalendar=*-*-* "+step.time+":00 UTC\n") || unit != backupUnit {
			t.Errorf("at %s there is\n%s%s", step.time, timer, unit)
		}
		var settings struct {
			Backup struct {
				Container, Recipient string
				Days                 int
			}
		}
		if err := json.Unmarshal([]byte(m.read("etc/stackctl.json")), &settings); err != nil || settings.Backup.Days != 30 || settings.Backup.Recipient != "ssh-ed25519 AAAAbackup" || settings.Backup.Container == "" {
			t.Errorf("%v: %+v", err, settings)
		}
	}
}

// A timer that does not start fails the step, so the step is run again.
func TestBackupTimerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	m := managerMachine(t)
	m.program("systemctl", `case "$*" in *backup*) exit 1 ;; "is-active"*) exit 1 ;; esac`)
	m.want(false, "systemctl enable stackctl-backup.timer", "", "manager", equipmentFor(t, "02:00"))
}

// However a backup ends, no container stays paused.
func TestBackupUnitThaws(t *testing.T) {
	if !strings.Contains(backupUnit, "ExecStopPost=/usr/local/sbin/stackctl backup --thaw\n") {
		t.Error("the unit does not thaw")
	}
}
