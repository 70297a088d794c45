package infra

import (
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
)

// Backup is where the managers put their backups, and for whom they encrypt them.
type Backup struct {
	// Container is the address of a container of blobs, https://….
	Container pulumi.StringOutput
	// Key encrypts them. The managers have only its public half, so they cannot read backups.
	Key KeyPair
	// Time is when they are made, HH:MM in UTC, and Days how long they are kept.
	Time string
	Days int
}

// backups makes the storage of the managers' backups and their key, and lets every manager
// write there with the identity that Azure gives its VM. Nil if no backups are made.
func (b *builder) backups(infra *Infra) error {
	if b.args.BackupTime == "" {
		return nil
	}
	protect := b.kept()
	key, err := b.newKey("backup-key", protect)
	if err != nil {
		return err
	}
	account, container, err := b.newStorage("backup-storage", b.names.BackupStorage(), backupContainer, protect)
	if err != nil {
		return err
	}
	for _, m := range b.backers {
		err := b.newRole(grant{key: m.key + "-backups", role: blobContributor, scope: container.ID().ToStringOutput(),
			principal: textOf(m.made.Identity, "principalId"), why: "backups of " + m.name})
		if err != nil {
			return err
		}
	}
	infra.Backup = &Backup{Container: pulumi.Sprintf("%s%s", account.PrimaryEndpoints.Blob(), container.Name),
		Key: key, Time: b.args.BackupTime, Days: b.args.BackupDays}
	return nil
}

// kept protects what is needed to restore a lost cluster, so that it is not deleted with the
// cluster: the backups, their key, and the key that opens encrypted secrets of stack files.
func (b *builder) kept() pulumi.ResourceOption {
	return pulumi.Protect(b.args.BackupTime != "" && b.args.KeepBackups)
}

// backer is a manager that makes backups.
type backer struct {
	node
	made *virtualMachine
}

// backsUp tells whether a node makes backups.
func (b *builder) backsUp(n node) bool { return b.args.BackupTime != "" && n.role == host.Manager }

// timePattern is a time of the day, as systemd takes it too.
var timePattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (c Config) validateBackups(p *problems) {
	if c.BackupTime != "" && !timePattern.MatchString(c.BackupTime) {
		p.add("backupTime", c.BackupTime, "must be a time of the day in UTC, written like 02:00; empty for no backups")
	}
	if c.BackupDays < 1 || c.BackupDays > 3650 {
		p.add("backupDays", c.BackupDays, "1 to 3650 days")
	}
}
