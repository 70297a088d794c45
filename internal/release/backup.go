package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"
	volumetypes "github.com/docker/docker/api/types/volume"

	"averazure/internal/backup"
	"averazure/internal/stackfile"
)

const (
	// freezeLimit is how long the containers of a service may be paused for a volume.
	freezeLimit = 10 * time.Minute
	// quietLimit is how long after its beginning a nightly backup waits for deployments and
	// restores, for all volumes together. With this limit, the longest of its steps still
	// fits into the unit's limit (cluster/scripts/stackctl-backup.service).
	quietLimit = 2 * time.Hour
	// quietPause is the time between two looks.
	quietPause = 10 * time.Second
	// swarmName is the name in backups of the Swarm; there is only one Swarm.
	swarmName = "swarm"
)

// Engine are the calls about this node alone that backups make; *client.Client implements
// them.
type Engine interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	ContainerPause(ctx context.Context, id string) error
	ContainerUnpause(ctx context.Context, id string) error
	VolumeInspect(ctx context.Context, name string) (volumetypes.Volume, error)
	VolumeCreate(ctx context.Context, options volumetypes.CreateOptions) (volumetypes.Volume, error)
}

// Backups makes and restores backups on one manager.
type Backups struct {
	*Deployer
	Engine Engine
	Store  backup.Store
	// Recipient is the public key that backups are encrypted for; nil where no backups are
	// made.
	Recipient age.Recipient
	// Days is how long backups are kept.
	Days int
	// Frozen is a file that lists the paused containers. The next run reads it and
	// unpauses them if this process died.
	Frozen string
}

// Backup backs up the volumes on this manager, and on the leader also the Swarm, and
// removes old backups. If one fails, the others are still made. Only one backup runs on a
// manager at a time.
func (b *Backups) Backup(ctx context.Context) Result {
	unlock, err := b.lock()
	switch {
	case errors.Is(err, errBackupRuns):
		return Result{Outcome: Busy, Problems: []Problem{{Code: "busy", Reason: err.Error()}}, Verdict: err.Error()}
	case err == nil:
		defer unlock()
		err = b.thaw(ctx) // containers that an interrupted run left paused
	}
	began := b.now()
	var made []string
	var problems []Problem
	if err == nil {
		made, problems, err = b.backUp(ctx, began)
	}
	if err != nil {
		problems = append(problems, Problem{Code: CodeOf(err), Reason: err.Error()})
	}
	result := Result{Outcome: Runs, Problems: problems, Seconds: b.now().Sub(began).Seconds(), Verdict: "backed up " + strings.Join(made, ", ")}
	if len(made) == 0 {
		result.Verdict = "there is nothing to back up on " + b.Host
	}
	if len(problems) > 0 {
		result.Outcome = Failed
		result.Verdict = "not everything was backed up: " + reasons(problems)
	}
	b.tell(context.WithoutCancel(ctx), began, result)
	return result
}

func (b *Backups) backUp(ctx context.Context, began time.Time) (made []string, problems []Problem, err error) {
	if err := b.know(ctx); err != nil {
		return nil, nil, err
	}
	state, err := b.state(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	all, problems := backedVolumes(state.Services, state.Tasks, state.Nodes)
	leads := slices.ContainsFunc(state.Nodes, func(n swarm.Node) bool {
		return n.ID == b.node && n.ManagerStatus != nil && n.ManagerStatus.Leader
	})
	if !leads {
		problems = nil // the leader reports them
	} else {
		problems = append(problems, unreached(all, state.Nodes)...)
		if err := b.backUpSwarm(ctx, began); err != nil {
			problems = append(problems, Problem{Code: "backup", Reason: err.Error()})
		} else {
			made = append(made, "the Swarm")
		}
	}
	volumes, failed := b.backUpVolumes(ctx, all, began)
	made, problems = append(made, volumes...), append(problems, failed...)
	if leads {
		err = b.expire(ctx, began)
	}
	return made, problems, err
}

// backUpVolumes backs up the volumes that are on this manager, each once.
func (b *Backups) backUpVolumes(ctx context.Context, all []kept, began time.Time) (made []string, problems []Problem) {
	done := map[string]bool{}
	for _, one := range all {
		if !slices.Contains(one.hosts, b.Host) || done[one.volume] {
			continue
		}
		done[one.volume] = true
		// If one of the services that share the volume must not be paused, none is.
		one.live = slices.ContainsFunc(all, func(k kept) bool { return k.volume == one.volume && k.live })
		err := b.quiet(ctx, began.Add(quietLimit))
		if err == nil {
			err = b.backUpVolume(ctx, one, began)
		}
		if err != nil {
			problems = append(problems, Problem{Code: "backup", Service: one.service, Node: b.Host, Reason: err.Error()})
			continue
		}
		made = append(made, "volume "+one.volume)
	}
	return made, problems
}

// quiet waits until nobody deploys or restores: a paused task cannot stop, and a volume
// that is being restored is not complete. The agent tries again and again to heal a stack
// that does not come up, but with a pause in between.
func (b *Backups) quiet(ctx context.Context, end time.Time) error {
	for told := false; ; told = true {
		holders, err := b.Holders(ctx)
		if err != nil || len(holders) == 0 {
			return err
		}
		if !b.now().Before(end) {
			return fmt.Errorf("not backed up this night: a deployment is still under way %s after the backup began: %s", quietLimit, holders[0])
		}
		if !told {
			b.say("waiting until nobody deploys: %s", holders[0])
		}
		if err := b.sleep(ctx, quietPause); err != nil {
			return err
		}
	}
}

func (b *Backups) named(kind backup.Kind, of string, began time.Time) backup.Name {
	return backup.Name{Kind: kind, Of: of, Host: b.Host, Time: began.UTC().Truncate(time.Second)}
}

func (b *Backups) backUpSwarm(ctx context.Context, began time.Time) error {
	snapshot, err := b.Snapshot(ctx)
	if err != nil {
		return err
	}
	return backup.Write(ctx, b.Store, b.named(backup.Swarm, swarmName, began), b.Recipient, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(snapshot)
	})
}

func (b *Backups) backUpVolume(ctx context.Context, one kept, began time.Time) error {
	dir, err := b.directory(ctx, one.volume)
	if err != nil {
		return err
	}
	thaw := func() error { return nil }
	if !one.live {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, freezeLimit, fmt.Errorf("it takes longer than %s, the most that a service may be paused; "+
			"label the service %s: %s if its files may be read while they change", freezeLimit, stackfile.LabelBackup, stackfile.BackupLive))
		defer end()
		if thaw, err = b.freeze(ctx, one.volume); err != nil {
			return errors.Join(err, thaw())
		}
	}
	start := b.now()
	err = backup.Write(ctx, b.Store, b.named(backup.Volume, one.volume, began), b.Recipient, func(w io.Writer) error {
		return backup.Archive(ctx, dir, one.live, w)
	})
	if err = errors.Join(err, thaw()); err == nil {
		b.say("backed up volume %s in %.1f s", one.volume, b.now().Sub(start).Seconds())
	}
	return err
}

// expire removes the backups that are too old.
func (b *Backups) expire(ctx context.Context, now time.Time) error {
	all, err := backup.List(ctx, b.Store, "")
	if err != nil {
		return err
	}
	for _, old := range backup.Expired(all, now, b.Days) {
		if err := b.Store.Delete(ctx, old.String()); err != nil {
			return fmt.Errorf("remove the backup %s: %w", old.Name, err)
		}
		b.say("removed the backup %s, older than %d days", old.Name, b.Days)
	}
	return nil
}

// List are all backups, newest first.
func (b *Backups) List(ctx context.Context) ([]backup.Backup, error) {
	return backup.List(ctx, b.Store, "")
}
