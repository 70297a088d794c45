// Package nameserver is the sandbox's name server. It knows the names of the played
// cloud and of the sandbox's own services, and asks the machine's own name servers
// for all others.
//
// It needs the standard library alone, as every program that goes into an image
// (see program in sandbox/machine), and so it reads and writes packets itself: a
// query is one question, and an answer a few records of two types.
package nameserver

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sources build the server.
//
//go:embed *.go server/*.go
var Sources embed.FS

// Table is a part of what the server knows.
type Table struct {
	// Zones are those that the server answers for. A name in one of them that is not
	// in Records does not exist.
	Zones []string `json:"zones,omitempty"`
	// Records are given by their full names, without a dot at the end.
	Records []Record `json:"records,omitempty"`
	// Resolvers are the name servers, as address:port, that know all other names.
	Resolvers []string `json:"resolvers,omitempty"`
}

// Record is a name's addresses, or the name that it stands for.
type Record struct {
	Name      string       `json:"name"` // "*.example.com" stands for what has no record of its own
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Target    string       `json:"target,omitempty"` // a CNAME's
	TTL       uint32       `json:"ttl"`              // in seconds
}

// Read puts together what the JSON files of a directory say. There is one for each
// writer, who replaces it in one step; the server reads them for every question, so
// that a change is seen at once.
func Read(dir string) (Table, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return Table{}, err
	}
	var all Table
	for _, file := range files {
		var part Table
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed meanwhile
		}
		if err == nil {
			err = json.Unmarshal(text, &part)
		}
		if err != nil {
			return Table{}, fmt.Errorf("read the names in %s: %w", file, err)
		}
		all.Zones = append(all.Zones, part.Zones...)
		all.Records = append(all.Records, part.Records...)
		all.Resolvers = append(all.Resolvers, part.Resolvers...)
	}
	return all, nil
}

// owns says whether the server answers for a name.
func (t Table) owns(name string) bool {
	return slices.ContainsFunc(t.Zones, func(zone string) bool { return below(name, zone) })
}

// below says that a name is another one, or lies in it.
func below(name, zone string) bool {
	name, zone = strings.ToLower(name), strings.ToLower(zone)
	return name == zone || strings.HasSuffix(name, "."+zone)
}

// find returns the record of a name, that of a wildcard above it, or nil; exists
// says that the name does, be it without a record.
func (t Table) find(name string) (record *Record, exists bool) {
	if r := t.exactly(name); r != nil {
		return r, true
	}
	if t.occupied(name) {
		return nil, true
	}
	// The nearest name above that exists decides (RFC 4592).
	for _, rest, more := strings.Cut(name, "."); more; _, rest, more = strings.Cut(rest, ".") {
		if r := t.exactly("*." + rest); r != nil {
			return r, true
		}
		if t.occupied(rest) {
			break
		}
	}
	return nil, false
}

func (t Table) exactly(name string) *Record {
	i := slices.IndexFunc(t.Records, func(r Record) bool { return strings.EqualFold(r.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Records[i]
}

// occupied says that a name is a zone's, a record's, or above a record's.
func (t Table) occupied(name string) bool {
	isZone := slices.ContainsFunc(t.Zones, func(zone string) bool { return strings.EqualFold(zone, name) })
	return isZone || slices.ContainsFunc(t.Records, func(r Record) bool { return below(r.Name, name) })
}
