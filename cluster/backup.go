package cluster

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Backup says where the managers put their backups, and when they make them.
type Backup struct {
	// Container is the address of a blob container to which every manager's VM may write.
	Container pulumi.StringInput
	// Recipient is the public key, in authorized_keys form, that they encrypt for.
	Recipient pulumi.StringInput
	// Time is when the backups are made, HH:MM in UTC.
	Time string
	// Days is how long backups are kept.
	Days int
}

// backupUnit is the systemd unit that makes backups.
//
//go:embed scripts/stackctl-backup.service
var backupUnit string

// spread is the most by which the timer delays a backup, so that the managers do not pause
// their containers at the same moment.
const spread = "10min"

// timer is the systemd unit that starts the backups. If the VM was off at night, the backup
// is made when the VM runs again.
func (b Backup) timer() string {
	return fmt.Sprintf(`[Unit]
Description=Averazure: backups every night

[Timer]
OnCalendar=*-*-* %s:00 UTC
RandomizedDelaySec=%s
FixedRandomDelay=yes
Persistent=yes

[Install]
WantedBy=timers.target
`, b.Time, spread)
}

// backupInputs are the inputs that the managers' equipment needs for backups, beside the
// values that are already known.
func (a Args) backupInputs() (container, recipient pulumi.StringInput) {
	if a.Backup == nil {
		return pulumi.String(""), pulumi.String("")
	}
	return a.Backup.Container, a.Backup.Recipient
}

// equipBackups adds stackctl's settings and systemd's units for backups.
func (a Args) equipBackups(equipment, settings map[string]any, container, recipient string) {
	if a.Backup == nil {
		return
	}
	settings["backup"] = map[string]any{"container": container, "recipient": recipient, "days": a.Backup.Days}
	equipment["backup"] = map[string]string{"service": strings.TrimSpace(backupUnit), "timer": strings.TrimSpace(a.Backup.timer())}
}
