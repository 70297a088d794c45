// Package blobs plays the blob service of Azure's storage accounts, for who signs in with
// a token of Entra ID: the doors of the accounts, who may do what in which container, and
// the codes with which Azure refuses. What is behind a door is kept by Azurite, Azure's own
// emulator, which knows nothing of roles.
//
// It is built of the standard library alone, for it runs in a container.
package blobs

import (
	"embed"
	"encoding/json"
	"os"
	"strings"
)

// Sources are this package's own, of which the sandbox builds the server.
//
//go:embed *.go server/*.go
var Sources embed.FS

// Domain is where the accounts have their names.
const Domain = "blob.core.windows.net"

// Table is all that the service has to know.
type Table struct {
	Containers []Container
}

// Container is one of an account.
type Container struct {
	Account, Name string
	// Store is the container in Azurite; one that was made anew has another one.
	Store string
	// Writers and Readers are the object ids of principals with a role for it.
	Writers, Readers []string
}

// ReadTable reads a table's file, which may change at any time; none is an empty table.
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

// find is the container of that account and name; nil where there is none.
func (t Table) find(account, name string) *Container {
	for i, c := range t.Containers {
		if c.Account == account && c.Name == name {
			return &t.Containers[i]
		}
	}
	return nil
}

// allows tells whether a principal may do what a method does.
func (c Container) allows(principal string, reads bool) bool {
	for _, id := range c.Writers {
		if strings.EqualFold(id, principal) {
			return true
		}
	}
	for _, id := range c.Readers {
		if reads && strings.EqualFold(id, principal) {
			return true
		}
	}
	return false
}
