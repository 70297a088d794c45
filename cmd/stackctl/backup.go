package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"averazure/internal/backup"
	"averazure/internal/backup/blobs"
	"averazure/internal/release"
)

// frozenFile names the containers that are paused for a backup. After a reboot neither the
// file nor the paused containers exist.
const frozenFile = "/run/stackctl-backup/frozen"

// backups are what the verbs about backups do; *release.Backups is one.
type backups interface {
	Backup(ctx context.Context) release.Result
	Thaw(ctx context.Context) release.Result
	List(ctx context.Context) ([]backup.Backup, error)
	Restore(ctx context.Context, stack string, wish release.Wish) release.Result
}

// backupSettings are the settings that `pulumi up` writes about backups. Without a
// container no backup is made.
type backupSettings struct {
	// Container is the address of a container in a storage account.
	Container string `json:"container"`
	// Recipient is the public key that backups are encrypted for.
	Recipient string `json:"recipient"`
	// Days is how long they are kept.
	Days int `json:"days"`
}

// connectBackups connects to Docker on this manager and to the store of its backups.
func connectBackups(s settings, say func(format string, args ...any)) (backups, error) {
	store, err := blobs.Open(s.Backup.Container)
	if err != nil {
		return nil, err
	}
	recipient, err := backup.Recipient(s.Backup.Recipient)
	if err != nil {
		return nil, err
	}
	docker, err := client.NewClientWithOpts(client.WithHost(dockerSocket), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	d, err := deployerOn(docker, s.bounds(), say)
	if err != nil {
		return nil, err
	}
	return &release.Backups{Deployer: d, Engine: docker, Store: store, Recipient: recipient, Days: s.Backup.Days, Frozen: frozenFile}, nil
}

// withBackups runs a verb about backups.
func (a *app) withBackups(do func(backups) error) error {
	s, err := a.readSettings()
	if err != nil {
		return err
	}
	if s.Backup == nil {
		return mistakef("no-backups", "backups are off; averazure:backupTime turns them on")
	}
	b, err := a.connectBackups(s, a.say)
	if err != nil {
		return err
	}
	return do(b)
}

func (a *app) backupCommand() *cobra.Command {
	var thaw bool
	cmd := &cobra.Command{
		Use:     "backup",
		Short:   "Back up the Swarm and the labelled volumes on this manager; systemd runs it every night",
		Example: "  systemctl start stackctl-backup    # now; journalctl -u stackctl-backup says how it went",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withBackups(func(b backups) error {
				if thaw {
					a.report(b.Thaw(cmd.Context()))
				} else {
					a.report(b.Backup(cmd.Context()))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&thaw, "thaw", false, "make no backup; only let containers go on that an interrupted backup paused")
	return cmd
}

func (a *app) backupsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "backups",
		Short:   "List the backups, newest first",
		Example: "  stackctl backups",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withBackups(func(b backups) error {
				list, err := b.List(cmd.Context())
				if err != nil {
					return err
				}
				if a.json {
					a.print(struct {
						Backups []backup.Backup `json:"backups"`
					}{append([]backup.Backup{}, list...)})
					return nil
				}
				table{a.out, a.terminal}.backups(list)
				return nil
			})
		},
	}
}

// backups lists the backups that can be restored.
func (t table) backups(list []backup.Backup) {
	rows := []row{line(plain, "TIME", "KIND", "OF", "MADE ON", "SIZE")}
	for _, one := range list {
		rows = append(rows, line(plain, one.Time.UTC().Format(time.RFC3339), one.Kind, one.Of, one.Host, bytesOf(one.Size)))
	}
	t.rows(rows...)
}

// bytesOf writes a size with three digits.
func bytesOf(size int64) string {
	value, unit := float64(size), 0
	for units := len("BKMGT") - 1; value >= 1000 && unit < units; unit++ {
		value /= 1024
	}
	return fmt.Sprintf("%.3g %c", value, "BKMGT"[unit])
}

// keyTime is how long the key may take to arrive, and keyLimit how long it may be.
const (
	keyTime  = time.Minute
	keyLimit = 16 << 10
)

// restoration is what restore was called with.
type restoration struct {
	at, key string
	wish    release.Wish
}

func (r *restoration) check() (err error) {
	if r.wish.NoVolumes && len(r.wish.Volumes) > 0 {
		return mistakef("usage", "--volume and --no-volumes contradict each other")
	}
	if r.at == "" {
		return nil
	}
	if r.wish.Until, err = time.Parse(time.RFC3339, r.at); err != nil {
		return mistakef("usage", "--at %q is not a time such as 2026-11-25T12:00:00Z", r.at)
	}
	return nil
}

func (a *app) restoreCommand() *cobra.Command {
	var r restoration
	cmd := &cobra.Command{
		Use:   "restore STACK < KEY",
		Short: "Bring a stack back from a backup: its newest release, and its labelled volumes",
		Long: "restore brings a stack back from a backup: its newest release, and the labelled volumes that this manager backed up. " +
			"It stops the services that use them meanwhile, and replaces what the volumes hold now. " +
			"The private key (`pulumi stack output backupPrivateKey --show-secrets`) comes on standard input, or from a file.",
		Example: "  pulumi stack output backupPrivateKey --show-secrets | ssh MANAGER sudo stackctl restore aver\n" +
			"  stackctl restore aver --at 2026-11-25T12:00:00Z --key backup.key\n" +
			"  stackctl restore aver --volume aver_seq-data --key backup.key    # from any manager's backup",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(checkName(args[0]), r.check()); err != nil {
				return err
			}
			return a.withBackups(func(b backups) error {
				text, err := a.privateKey(r.key)
				if err != nil {
					return err
				}
				if r.wish.Identity, err = backup.Identity(text); err != nil {
					return mistake{"key", err}
				}
				a.report(b.Restore(cmd.Context(), args[0], r.wish))
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.at, "at", "", "take the newest backup up to this time; else the newest of all")
	f.StringVar(&r.key, "key", "", "file with the private key; else standard input")
	f.StringSliceVar(&r.wish.Volumes, "volume", nil, "restore this volume from any manager's backup; may be repeated")
	f.BoolVar(&r.wish.NoVolumes, "no-volumes", false, "restore only the release, no volumes")
	return cmd
}

// privateKey reads the key that opens backups.
func (a *app) privateKey(path string) ([]byte, error) {
	if path == "" {
		return a.receive("private key", keyLimit, keyTime)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, mistake{"key", err}
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, keyLimit))
}
