package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"averazure/sandbox/nameserver"
)

// record is the state of the emulated clouds, kept in one file.
//
// The file contains no secret value of the program: secrets are hashed or left out (see
// kind.hidden). It contains Seed, the key of those hashes, so only its owner can read it.
type record struct {
	file string
	// publish passes on the record's names whenever the record is written.
	publish func(zones []string, records []nameserver.Record) error
	// blobAddress is the blob service's address.
	blobAddress string

	Subscription string            `json:"subscription"`
	Tenant       string            `json:"tenant"`
	ClientID     string            `json:"clientId"`
	ObjectID     string            `json:"objectId"`
	Seed         string            `json:"seed"`
	Resources    map[string]*entry `json:"resources"`
	// Balancing is the hash of the load balancers' configuration.
	Balancing string `json:"balancing,omitempty"`
	// Blobs is the hash of the blob service's configuration, or empty.
	Blobs string `json:"blobs,omitempty"`
	// Deleted lists the names that soft delete reserves, by id.
	Deleted map[string]bool `json:"deleted,omitempty"`
}

// entry is one resource.
type entry struct {
	ID     string `json:"id"`
	Token  string `json:"token"`
	URN    string `json:"urn"`
	Inputs object `json:"inputs"`
	State  object `json:"state"`
	// Known is set once an engine has shown that it knows the resource. An engine that was
	// killed before it wrote its state does not know the resource, and may create it again.
	Known bool `json:"known,omitempty"`
	// Filter is the hash of the VM's packet filter.
	Filter string `json:"filter,omitempty"`
	// Uplink is the hash of the VM's connection to the internet.
	Uplink string `json:"uplink,omitempty"`
	// Pending marks a resource whose creation is not finished.
	Pending bool `json:"-"`
}

func (e *entry) name() string { return last(e.ID) }

// openRecord reads the record, or creates one with a new subscription.
func openRecord(file string) (*record, error) {
	r := &record{file: file, Resources: map[string]*entry{}, Deleted: map[string]bool{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		r.Subscription, r.Tenant, r.ClientID, r.ObjectID = newUUID(), newUUID(), newUUID(), newUUID()
		r.Seed = randomHex(32)
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of the local cloud: %w", err)
	}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read the record of the local cloud %s: %w; remove the sandbox with `down`", file, err)
	}
	return r, nil
}

// save writes the record in one step. It leaves out pending resources, which nobody would
// finish.
func (r *record) save() error {
	stable := *r
	stable.Resources = maps.Clone(r.Resources)
	maps.DeleteFunc(stable.Resources, func(_ string, e *entry) bool { return e.Pending })
	data, err := json.MarshalIndent(&stable, "", " ")
	if err != nil {
		return fmt.Errorf("write the record of the local cloud: %w", err)
	}
	if err := writeAtomic(r.file, data); err != nil || r.publish == nil {
		return err
	}
	return r.publish(r.names())
}

// writeAtomic replaces the file in one step. Only its owner can read it.
func writeAtomic(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

// get finds a resource. Azure ignores case in ids.
func (r *record) get(id string) *entry { return r.Resources[strings.ToLower(id)] }

func (r *record) put(e *entry) { r.Resources[strings.ToLower(e.ID)] = e }

func (r *record) drop(id string) { delete(r.Resources, strings.ToLower(id)) }

// of lists the resources whose token ends in one of the names, by id.
func (r *record) of(names ...string) []*entry {
	var found []*entry
	for _, e := range r.Resources {
		if slices.Contains(names, typeName(e.Token)) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *entry) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// below lists what lies under id, deepest first.
func (r *record) below(id string) []*entry {
	prefix := strings.ToLower(id) + "/"
	var found []*entry
	for key, e := range r.Resources {
		if strings.HasPrefix(key, prefix) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *entry) int { return strings.Compare(b.ID, a.ID) })
	return found
}

// typeName is the last part of a token: "Subnet" of "azure-native:network/v20190601:Subnet".
func typeName(token string) string { return token[strings.LastIndex(token, ":")+1:] }
