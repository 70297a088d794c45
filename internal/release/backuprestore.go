package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	volumetypes "github.com/docker/docker/api/types/volume"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

// Wish is what is to be restored.
type Wish struct {
	// Until is a time: the newest backup before it is restored; zero is now.
	Until time.Time
	// Volumes are restored from any node's backups. Empty means those that this node
	// backed up. NoVolumes restores none.
	Volumes   []string
	NoVolumes bool
	// Identity is the private key that decrypts the backups.
	Identity age.Identity
}

// sameNight is the longest time between backups of the same night, when several managers
// each back up their own volume of the same name. If the service moved, the older manager's
// backup is older than that.
const sameNight = 12 * time.Hour

// Restore brings a stack back from backups: its newest release, and the volumes of its
// services that have the label.
func (b *Backups) Restore(ctx context.Context, stack string, wish Wish) Result {
	from, err := b.restoration(ctx, stack, wish)
	var refused refusedError
	switch {
	case err == nil:
	case errors.As(err, &refused), errors.Is(err, backup.ErrOtherKey):
		result := refuse(cmp.Or(refused.code, "backup"), err)
		result.Stack = stack
		return result
	default:
		return Result{Stack: stack, Outcome: Failed, Problems: []Problem{{Code: "backup", Reason: err.Error()}},
			Verdict: fmt.Sprintf("%s: nothing was touched: %v", stack, err)}
	}
	result := b.Deployer.Restore(ctx, stack, from)
	if result.Outcome == Runs && len(from.Volumes) > 0 {
		result.Verdict += "; restored " + strings.Join(from.Volumes, ", ")
	}
	return result
}

// restoration reads the Swarm's backup, and finds the backups of the volumes.
func (b *Backups) restoration(ctx context.Context, stack string, wish Wish) (from Restoration, err error) {
	all, err := backup.List(ctx, b.Store, "")
	if err != nil {
		return from, err
	}
	release, err := b.newestOf(ctx, stack, all, wish, &from.Snapshot)
	if err != nil || wish.NoVolumes {
		return from, err
	}
	var mine []backup.Backup
	var elsewhere []string
	for _, name := range restorable(*release, wish.Volumes) {
		one, found, err := b.newestVolume(ctx, all, name, "", wish)
		if err != nil {
			return from, err
		}
		if own, has, _ := b.newestVolume(ctx, all, name, b.Host, wish); has && one.Time.Sub(own.Time) < sameNight {
			one = own
		}
		switch {
		case !found && len(wish.Volumes) > 0:
			return from, refusedError{"backup", fmt.Errorf("there is no backup of volume %s; `stackctl backups` lists what there is", name)}
		case !found:
			b.say("there is no backup of volume %s; it stays as it is", name)
		case one.Host != b.Host && len(wish.Volumes) == 0:
			elsewhere = append(elsewhere, fmt.Sprintf("%s on %s", name, one.Host))
		default:
			mine = append(mine, one)
			from.Volumes = append(from.Volumes, name)
		}
	}
	if len(elsewhere) > 0 {
		return from, refusedError{"elsewhere", fmt.Errorf("not all volumes were backed up on %s: %s. Services would start with empty ones; "+
			"run restore on each manager with --volume for each of its volumes (here: %s), or with --no-volumes", b.Host, strings.Join(elsewhere, ", "), cmp.Or(strings.Join(from.Volumes, ", "), "none"))}
	}
	from.Fill = func(ctx context.Context) error { return b.fill(ctx, stack, mine, wish.Identity) }
	return from, nil
}

// newestVolume is the newest backup of a volume that the key decrypts; if a host is named,
// only that host's backups count. It returns false if there is no backup, and an error if
// all backups are for another key. Whether the backup is complete is known only when it is
// read.
func (b *Backups) newestVolume(ctx context.Context, all []backup.Backup, name, host string, wish Wish) (backup.Backup, bool, error) {
	opened := errors.New("opened")
	var otherKey error
	all = slices.Clone(all)
	for {
		one, found := backup.Newest(all, backup.Volume, name, host, wish.Until)
		if !found {
			return one, false, otherKey
		}
		err := backup.Read(ctx, b.Store, one.Name, wish.Identity, func(io.Reader) error { return opened })
		if !errors.Is(err, backup.ErrOtherKey) {
			return one, true, nil
		}
		otherKey = cmp.Or(otherKey, err)
		b.say("passed over the backup %s: %v", one.Name, err)
		all = slices.DeleteFunc(all, func(other backup.Backup) bool { return other == one })
	}
}

// newestOf finds the newest backup of the Swarm that the key decrypts and that has a
// release of the stack, and returns that release. After a loss, the first backups of the
// new, empty Swarm have no release, and may be for the key of another Pulumi stack.
func (b *Backups) newestOf(ctx context.Context, stack string, all []backup.Backup, wish Wish, snapshot *Snapshot) (*Release, error) {
	why := "there is no backup of the Swarm"
	var locked []string // backups for another key
	var otherKey error
	for _, one := range all {
		if one.Kind != backup.Swarm || one.Of != swarmName || !wish.Until.IsZero() && one.Time.After(wish.Until) {
			continue
		}
		*snapshot = Snapshot{}
		err := backup.Read(ctx, b.Store, one.Name, wish.Identity, func(r io.Reader) error { return json.NewDecoder(r).Decode(snapshot) })
		if errors.Is(err, backup.ErrOtherKey) {
			locked, otherKey = append(locked, one.Time.Format(time.RFC3339)), cmp.Or(otherKey, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if release, err := snapshot.last(stack); err != nil || release != nil {
			if len(locked) > 0 {
				b.say("taking the backup of %s; passed over newer ones, for another key: %s; for another night use --at", one.Time.Format(time.RFC3339), strings.Join(locked, ", "))
			}
			return release, err
		}
		why = fmt.Sprintf("no backup of the Swarm has a release of stack %s; that of %s, the oldest that was read, has %s",
			stack, one.Time.Format(time.RFC3339), cmp.Or(strings.Join(snapshot.Stacks(), ", "), "none at all"))
		b.say("the backup of %s has no release of stack %s; looking at the one before", one.Time.Format(time.RFC3339), stack)
	}
	if otherKey != nil {
		return nil, fmt.Errorf("%w; passed over, for another key: %s; for an older night use --at", otherKey, strings.Join(locked, ", "))
	}
	return nil, refusedError{"no-release", errors.New(why + "; `stackctl backups` lists what there is")}
}

// restorable are the named volumes or, if none are named, the labelled volumes of a
// release's services.
func restorable(r Release, named []string) []string {
	found := map[string]bool{}
	for _, name := range named {
		found[name] = true
	}
	for _, spec := range r.Specs.Services {
		if label := spec.Labels[stackfile.LabelBackup]; len(named) == 0 && (label == stackfile.BackupTrue || label == stackfile.BackupLive) {
			for _, name := range volumes(spec) {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// fill writes the content of backups into volumes. It creates volumes that do not exist.
func (b *Backups) fill(ctx context.Context, stack string, from []backup.Backup, identity age.Identity) error {
	for _, one := range from {
		if err := b.fillVolume(ctx, stack, one, identity); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backups) fillVolume(ctx context.Context, stack string, one backup.Backup, identity age.Identity) error {
	used, err := b.using(ctx, one.Of)
	if err != nil {
		return err
	}
	if len(used) > 0 {
		return fmt.Errorf("container %s uses volume %s; stop it first", strings.Join(used[0].Names, " "), one.Of)
	}
	// For an existing volume, Docker answers with that volume.
	if _, err := b.Engine.VolumeCreate(ctx, volumetypes.CreateOptions{Name: one.Of, Labels: map[string]string{labelNamespace: stack}}); err != nil {
		return err
	}
	dir, err := b.directory(ctx, one.Of)
	if err != nil {
		return err
	}
	b.say("restoring volume %s of %s", one.Of, one.Time.Format(time.RFC3339))
	return backup.Replace(ctx, dir, func(use func(io.Reader) error) error { return backup.Read(ctx, b.Store, one.Name, identity, use) })
}
