// Package nameserver is the sandbox's name server. It knows the names of the local cloud
// and of the sandbox's services, and asks this machine's name servers for all others.
//
// Like every program in an image it uses the standard library only (see images.Program),
// so it parses and writes packets itself: a query is one question, and an answer has a
// few records of two types.
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

// Sources are the files from which the server is built.
//
//go:embed *.go server/*.go
var Sources embed.FS

// Table is a part of the server's data.
type Table struct {
	// Zones are the zones that the server answers for. A name in them without a record
	// does not exist.
	Zones []string `json:"zones,omitempty"`
	// Records have full names without a final dot.
	Records []Record `json:"records,omitempty"`
	// Resolvers are the name servers, as address:port, for all other names.
	Resolvers []string `json:"resolvers,omitempty"`
}

// Record is the addresses of a name, or its CNAME.
type Record struct {
	Name      string       `json:"name"` // "*.example.com" is a wildcard
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Target    string       `json:"target,omitempty"` // a CNAME's
	TTL       uint32       `json:"ttl"`              // in seconds
}

// Read merges the JSON files of a directory. Each writer has one file and replaces it in
// one step. The server reads them for every question, so a change is effective at once.
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

// owns tells whether the server answers for a name.
func (t Table) owns(name string) bool {
	return slices.ContainsFunc(t.Zones, func(zone string) bool { return below(name, zone) })
}

// below tells whether a name equals another one or lies below it.
func below(name, zone string) bool {
	name, zone = strings.ToLower(name), strings.ToLower(zone)
	return name == zone || strings.HasSuffix(name, "."+zone)
}

// find returns the record of a name or of a matching wildcard, or nil. exists tells
// whether the name exists, even without a record.
func (t Table) find(name string) (record *Record, exists bool) {
	if r := t.exactly(name); r != nil {
		return r, true
	}
	if t.occupied(name) {
		return nil, true
	}
	// The closest existing name decides (RFC 4592).
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

// occupied tells whether a name is a zone, a record, or above a record.
func (t Table) occupied(name string) bool {
	isZone := slices.ContainsFunc(t.Zones, func(zone string) bool { return strings.EqualFold(zone, name) })
	return isZone || slices.ContainsFunc(t.Records, func(r Record) bool { return below(r.Name, name) })
}
