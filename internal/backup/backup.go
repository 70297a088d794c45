// Package backup keeps encrypted copies of the data that a Swarm cannot produce again. It
// defines how backups are named, how they are encrypted, how long they are kept, and the
// store that holds them, a container of an Azure storage account. The caller decides what a
// backup contains.
//
// It encrypts for a public key (age, https://age-encryption.org/v1), so that a node that
// makes backups cannot read them. docs/decisions/0024-backups.md says what is backed up and
// why.
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

// Kind is the kind of content that a backup has.
type Kind string

// The kinds.
const (
	// Swarm is what stackctl and the stack files stored in the Swarm; see release.Snapshot.
	Swarm Kind = "swarm"
	// Volume is the content of a named volume, a tar archive.
	Volume Kind = "volume"
)

// Name is everything about a backup that may be known without the key.
type Name struct {
	Kind Kind `json:"kind"`
	// Of is the volume's name. For the Swarm it is always the same.
	Of string `json:"of"`
	// Host is the node that it was made on.
	Host string `json:"host"`
	// Time is when it was begun, in whole seconds.
	Time time.Time `json:"time"`
}

// Backup is a complete backup in the store.
type Backup struct {
	Name
	// Size is its size in the store, in bytes.
	Size int64 `json:"size"`
}

// timeForm sorts in the order of the times, and has no character that needs quoting.
const timeForm = "20060102T150405Z"

const suffix = ".age"

// parts matches the names that Docker accepts for volumes, and host names.
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

// Parse reads a name; false if it is not the name of a backup.
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

// Object is an object of a store: its name and its size.
type Object struct {
	Name string
	Size int64
}

// Store keeps backups.
type Store interface {
	// List returns all objects whose names begin with the prefix.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Put stores the content that it reads, completely or not at all. It never replaces an
	// object.
	Put(ctx context.Context, name string, content io.Reader) error
	// Get reads one object.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete removes one object. Deleting an object that does not exist is not an error.
	Delete(ctx context.Context, name string) error
}

// List returns the backups of a store, newest first. The kind "" means all kinds.
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

// Expired returns the backups that may be deleted: older than so many days, and not the
// newest of their volume or Swarm. So a volume that is no longer backed up keeps its last
// backup, and nothing is lost when backups fail for months.
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

// Newest is the newest backup of a kind and name that was begun no later than a given time,
// and, where a host is named, on that host; false if there is none. The list is in the
// order of List.
func Newest(all []Backup, kind Kind, of, host string, until time.Time) (Backup, bool) {
	at := slices.IndexFunc(all, func(b Backup) bool {
		return b.Kind == kind && b.Of == of && (host == "" || b.Host == host) && (until.IsZero() || !b.Time.After(until))
	})
	if at < 0 {
		return Backup{}, false
	}
	return all[at], true
}
