// Package backup keeps encrypted copies of what a Swarm cannot make again: what they are
// called, how they are encrypted, how long they are kept, and the store that has them, a
// container of an Azure storage account. The caller decides what goes into one.
//
// It encrypts for a public key (age, https://age-encryption.org/v1), so that a node
// that makes backups cannot read them. docs/decisions/0024-backups.md says what is backed
// up and why.
package backup

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kind is what a backup holds.
type Kind string

// The kinds.
const (
	// Swarm is what stackctl and the stacks' files left in the Swarm; see release.Snapshot.
	Swarm Kind = "swarm"
	// Volume is the content of a named volume, a tar archive.
	Volume Kind = "volume"
)

// Name says all of a backup that somebody may know without the key.
type Name struct {
	Kind Kind `json:"kind"`
	// Of is the volume's name; of a Swarm there is one.
	Of string `json:"of"`
	// Host is the node that it was made on.
	Host string `json:"host"`
	// Time is when it was begun, in whole seconds.
	Time time.Time `json:"time"`
}

// Backup is one that is in the store, whole.
type Backup struct {
	Name
	// Size is what it takes there, in bytes.
	Size int64 `json:"size"`
}

// timeForm sorts as the times do, and has no character that needs quoting.
const timeForm = "20060102T150405Z"

const suffix = ".age"

// parts are the names that Docker takes for volumes and that hosts have.
var parts = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)

// String is the name in the store.
func (n Name) String() string {
	return fmt.Sprintf("%s/%s/%s/%s%s", n.Kind, n.Of, n.Host, n.Time.UTC().Format(timeForm), suffix)
}

// Check says why the name is not valid; nil if it is.
func (n Name) Check() error {
	switch {
	case n.Kind != Swarm && n.Kind != Volume:
		return fmt.Errorf("unknown kind of backup %q", n.Kind)
	case !parts.MatchString(n.Of), !parts.MatchString(n.Host):
		return fmt.Errorf("%q on %q is not a valid name of a backup", n.Of, n.Host)
	}
	return nil
}

// Parse reads a name; false for what is not a backup's.
func Parse(text string) (Name, bool) {
	fields := strings.Split(text, "/")
	if len(fields) != 4 {
		return Name{}, false
	}
	moment, is := strings.CutSuffix(fields[3], suffix)
	made, err := time.Parse(timeForm, moment)
	n := Name{Kind: Kind(fields[0]), Of: fields[1], Host: fields[2], Time: made}
	return n, is && err == nil && n.Check() == nil && n.String() == text
}

// Object is what a store has under a name.
type Object struct {
	Name string
	Size int64
}

// Store keeps backups.
type Store interface {
	// List are all objects whose names begin with the prefix.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Put stores what it reads, whole or not at all. It replaces nothing.
	Put(ctx context.Context, name string, content io.Reader) error
	// Get reads one.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete removes one. Deleting one that is gone is not an error.
	Delete(ctx context.Context, name string) error
}

// List are the backups of a store, of all kinds for "", newest first.
func List(ctx context.Context, store Store, kind Kind) ([]Backup, error) {
	prefix := ""
	if kind != "" {
		prefix = string(kind) + "/"
	}
	objects, err := store.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var found []Backup
	for _, object := range objects {
		if name, ok := Parse(object.Name); ok {
			found = append(found, Backup{name, object.Size})
		}
	}
	slices.SortFunc(found, func(a, b Backup) int {
		if order := b.Time.Compare(a.Time); order != 0 {
			return order
		}
		return strings.Compare(a.String(), b.String())
	})
	return found, nil
}

// Expired are those that may be deleted: older than so many days, and not the newest of
// their volume or Swarm. So a volume that is no longer backed up keeps its last backup, and
// nothing is lost when backups fail for months.
func Expired(all []Backup, now time.Time, days int) []Backup {
	newest := map[string]time.Time{}
	series := func(b Backup) string { return string(b.Kind) + "/" + b.Of }
	for _, one := range all {
		if one.Time.After(newest[series(one)]) {
			newest[series(one)] = one.Time
		}
	}
	oldest := now.AddDate(0, 0, -days)
	var gone []Backup
	for _, one := range all {
		if one.Time.Before(oldest) && one.Time.Before(newest[series(one)]) {
			gone = append(gone, one)
		}
	}
	return gone
}

// Newest is the newest backup of a kind and name that was begun no later than a moment,
// of a host where one is named; false where there is none. The list is as List makes it.
func Newest(all []Backup, kind Kind, of, host string, until time.Time) (Backup, bool) {
	at := slices.IndexFunc(all, func(b Backup) bool {
		return b.Kind == kind && b.Of == of && (host == "" || b.Host == host) && (until.IsZero() || !b.Time.After(until))
	})
	if at < 0 {
		return Backup{}, false
	}
	return all[at], true
}
