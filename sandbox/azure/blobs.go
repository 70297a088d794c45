package azure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"averazure/sandbox/blobs"
	"averazure/sandbox/hosts"
	"averazure/sandbox/nameserver"
)

// Built-in roles that may write or read blobs.
var (
	blobWriters = []string{"Storage Blob Data Contributor", "Storage Blob Data Owner"}
	blobReaders = []string{"Storage Blob Data Reader"}
)

// blobTable lists the containers for which a VM has a role, with every principal that has a
// role for them. Nothing in the sandbox could use the other containers.
func (r *record) blobTable() blobs.Table {
	var table blobs.Table
	for _, e := range r.of("BlobContainer") {
		account := r.get(strings.Split(e.ID, "/blobServices/")[0])
		if account == nil || e.Pending {
			continue
		}
		c := blobs.Container{Account: account.name(), Name: e.name(), Store: storeOf(e.ID, text(account.State, "creationTime"))}
		if r.grant(&c, e.ID) {
			table.Containers = append(table.Containers, c)
		}
	}
	return table
}

// grant adds the principals that have a role for a container, and tells whether a VM is
// among them.
func (r *record) grant(c *blobs.Container, id string) (used bool) {
	for _, role := range r.of("RoleAssignment") {
		principal, name := text(role.Inputs, "principalId"), builtInRoles[strings.ToLower(last(text(role.Inputs, "roleDefinitionId")))]
		if role.Pending || !strings.EqualFold(text(role.Inputs, "scope"), id) {
			continue
		}
		if slices.Contains(blobWriters, name) {
			c.Writers = append(c.Writers, principal)
		} else if slices.Contains(blobReaders, name) {
			c.Readers = append(c.Readers, principal)
		}
		used = used || r.isMachine(principal)
	}
	return used
}

// storeOf is a container's name in Azurite. A container of a new account gets a new name.
func storeOf(id, created string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(id) + " " + created))
	return "c" + hex.EncodeToString(sum[:15])
}

func (r *record) isMachine(principal string) bool {
	return slices.ContainsFunc(r.of("VirtualMachine"), func(e *entry) bool {
		return principal != "" && strings.EqualFold(text(e.State, "identity.principalId"), principal)
	})
}

// blobNames are the names of the accounts that the blob service answers for.
func (r *record) blobNames() (zones []string, records []nameserver.Record) {
	address, err := netip.ParseAddr(r.blobAddress)
	if err != nil {
		return nil, nil
	}
	for _, c := range r.blobTable().Containers {
		name := c.Account + "." + blobs.Domain
		if !slices.ContainsFunc(records, func(n nameserver.Record) bool { return n.Name == name }) {
			records = append(records, nameserver.Record{Name: name, TTL: labelTTL, Addresses: []netip.Addr{address}})
		}
		zones = []string{blobs.Domain}
	}
	return zones, records
}

// reblob updates the blob service. Updates run one at a time, so the last change wins.
func (c *Cloud) reblob(ctx context.Context) error {
	c.filters.Lock()
	defer c.filters.Unlock()
	c.mu.Lock()
	table := c.record.blobTable()
	mark := ""
	if len(table.Containers) > 0 {
		mark = c.record.marked(table)
	}
	behind := mark != c.record.Blobs
	c.mu.Unlock()
	if !behind {
		return nil
	}
	if err := c.hosts.Blobs(ctx, table); err != nil {
		return err
	}
	return c.noted(func(r *record) { r.Blobs = mark })
}

// identify sets the VM's identity to that of its resource.
func identify(ctx context.Context, op *operation) error {
	own := hosts.Identity{}
	if principal := text(op.state, "identity.principalId"); principal != "" {
		own = hosts.Identity{Principal: principal, Tenant: op.record.Tenant}
	}
	return op.hosts.Identify(ctx, text(op.state, "vmId"), own)
}
