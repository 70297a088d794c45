package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// ReleaseList is what `stackctl releases` prints.
type ReleaseList struct {
	Stack string `json:"stack"`
	// Releases are the ones that a rollback can go back to, oldest first.
	Releases []ReleaseStatus `json:"releases"`
	// Left are the releases that the rollback in force withdrew, oldest first.
	Left []ReleaseStatus `json:"left,omitempty"`
	// LastAttempt is as in Status.
	LastAttempt *Attempt `json:"lastAttempt,omitempty"`
}

// Releases are the releases of a stack, each with what it changed.
func (d *Reader) Releases(ctx context.Context, stack string) (ReleaseList, error) {
	ctx, cancel := d.glance(ctx)
	defer cancel()
	list := ReleaseList{Stack: stack, Releases: []ReleaseStatus{}}
	h, err := d.load(ctx, stack)
	if err != nil {
		return list, err
	}
	if h.last() == nil {
		if err := d.known(ctx, stack); err != nil {
			return list, err
		}
	} else if back := h.last().RolledBack; back != nil {
		list.Left = back.Left
	}
	list.Releases = append(list.Releases, summaries(plain(h))...)
	list.LastAttempt, err = d.lastAttempt(ctx, stack)
	return list, err
}

// summaries are releases, each with its changes from the one before.
func summaries(releases []Release) []ReleaseStatus {
	var list []ReleaseStatus
	for i, r := range releases {
		one := r.Summary()
		if i > 0 {
			one.Changes = changesSince(releases[i-1], r)
		}
		list = append(list, one)
	}
	return list
}

// changesSince describes what a release changed from the one before.
func changesSince(before, r Release) []string {
	if back := r.RolledBack; back != nil && (r.By == ByRollback || r.By == ByHeal) {
		return []string{fmt.Sprintf("back to release %d, from %d", back.To, back.From)}
	}
	texts := textsOf(Changes(&before, r.Specs))
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		if was, had := before.Secrets[name]; had && was != r.Secrets[name] {
			texts = append(texts, fmt.Sprintf("secret %s: another value", name))
		}
	}
	return texts
}

// toldOf is the most changes that are listed for one release.
const toldOf = 20

func textsOf(changes []Change) []string {
	var texts []string
	for _, change := range changes[:min(len(changes), toldOf)] {
		texts = append(texts, change.Text)
	}
	if more := len(changes) - toldOf; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return texts
}
