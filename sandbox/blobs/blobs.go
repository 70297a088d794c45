// Package blobs emulates the blob service of Azure's storage accounts for clients with a
// token of Entra ID. It checks who may do what in which container and refuses with Azure's
// codes. Azurite, Azure's own emulator, stores the blobs; it does not know roles.
//
// The package uses the standard library only, because it is compiled for a container.
package blobs

import (
	"embed"
	"encoding/json"
	"os"
	"slices"
	"strings"
)

// Sources are this package's files, from which the sandbox builds the server.
//
//go:embed *.go server/*.go
var Sources embed.FS

// Domain is the domain of the accounts' names.
const Domain = "blob.core.windows.net"

// Table is the configuration of the service.
type Table struct {
	Containers []Container
}

// Container is a container of an account.
type Container struct {
	Account, Name string
	// Store is the container's name in Azurite. A container that is created again gets a
	// new one.
	Store string
	// Writers and Readers are object ids of principals with a role for the container.
	Writers, Readers []string
}

// ReadTable reads a table's file, which may change at any time. A missing file is an
// empty table.
func ReadTable(file string) (Table, error) {
	var t Table
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	return t, err
}

// find is the container of that account and name, or nil.
func (t Table) find(account, name string) *Container {
	for i, c := range t.Containers {
		if c.Account == account && c.Name == name {
			return &t.Containers[i]
		}
	}
	return nil
}

// allows tells whether a principal may use a method.
func (c Container) allows(principal string, reads bool) bool {
	is := func(id string) bool { return strings.EqualFold(id, principal) }
	return slices.ContainsFunc(c.Writers, is) || reads && slices.ContainsFunc(c.Readers, is)
}
