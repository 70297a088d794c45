package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

// Each manager records how its backups went in the labels of its own Docker config, so that
// every manager can report it.
const (
	labelBackedUp = "averazure.backed-up" // the manager's host name
	labelWhole    = "averazure.whole"     // Unix seconds of the last backup without a problem
	labelProblem  = "averazure.problem"   // of the last backup; empty for none
)

// backupLate is the age at which the last whole backup is a problem: a night is missing.
const backupLate = 50 * time.Hour

// BackupStatus is how a manager's backups went.
type BackupStatus struct {
	Host string `json:"host"`
	// Whole is when the last backup without a problem was made; zero for none yet.
	Whole time.Time `json:"whole"`
	// Problem is what was wrong with the last backup, if anything.
	Problem string `json:"problem,omitempty"`
}

// Trouble says what needs somebody's attention; empty if nothing does.
func (b BackupStatus) Trouble(now time.Time) string {
	switch {
	case b.Problem != "":
		return fmt.Sprintf("backups on %s: %s", b.Host, b.Problem)
	case now.Sub(b.Whole) > backupLate:
		return fmt.Sprintf("backups on %s: the last one was made at %s; `journalctl -u stackctl-backup` there says why", b.Host, b.Whole.UTC().Format("2006-01-02 15:04 MST"))
	}
	return ""
}

// tell records how a backup went. If that fails, the backup still counts.
func (b *Backups) tell(ctx context.Context, began time.Time, result Result) {
	notes, err := b.labelled(ctx, labelBackedUp+"="+b.Host)
	labels := map[string]string{labelBackedUp: b.Host, labelWhole: strconv.FormatInt(began.Unix(), 10), labelProblem: ""}
	if result.Outcome != Runs {
		labels[labelProblem] = excerpt(reasons(result.Problems), 500)
		labels[labelWhole] = "0"
	}
	switch {
	case err != nil:
	case len(notes) == 0:
		err = b.createConfig(ctx, configOf("averazure-backup-"+b.Host, labels, []byte("backup")))
	default:
		spec := notes[0].Spec
		if result.Outcome != Runs {
			labels[labelWhole] = spec.Labels[labelWhole]
		}
		spec.Labels = labels
		err = b.once(ctx, func(ctx context.Context) error { return b.Swarm.ConfigUpdate(ctx, notes[0].ID, notes[0].Version, spec) })
	}
	if err != nil {
		b.say("could not note how the backup went: %v", err)
	}
}

// backupStatuses are the notes of all managers in the Swarm.
func (d *Reader) backupStatuses(ctx context.Context, nodes []swarm.Node) ([]BackupStatus, error) {
	notes, err := d.labelled(ctx, labelBackedUp)
	managers := map[string]bool{}
	for _, node := range nodes {
		managers[node.Description.Hostname] = node.ManagerStatus != nil
	}
	byHost := map[string]BackupStatus{}
	for _, note := range notes {
		labels := note.Spec.Labels
		if host := labels[labelBackedUp]; managers[host] {
			seconds, _ := strconv.ParseInt(labels[labelWhole], 10, 64)
			byHost[host] = BackupStatus{Host: host, Problem: labels[labelProblem]}
			if seconds > 0 {
				byHost[host] = BackupStatus{host, time.Unix(seconds, 0).UTC(), labels[labelProblem]}
			}
		}
	}
	var list []BackupStatus
	for _, host := range slices.SortedFunc(maps.Keys(byHost), strings.Compare) {
		list = append(list, byHost[host])
	}
	return list, err
}
