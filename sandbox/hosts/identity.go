package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"

	"averazure/sandbox/images"
)

// Identity is a VM's identity in Entra ID. The metadata service issues tokens for it.
type Identity struct {
	Principal string `json:"principal"` // object id
	Tenant    string `json:"tenant"`
}

// tokensFile is the file in a VM that holds its identity. The metadata service reads it for
// every request.
const tokensFile = "/etc/averazure/identity.json"

// Identify sets a VM's identity. An empty identity removes the earlier one. Both also work
// for a VM that is not booted yet.
func (r *Room) Identify(ctx context.Context, vmID string, identity Identity) error {
	text, err := json.Marshal(identity)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.identityPath(vmID)), 0o755); err != nil {
		return err
	}
	if err := writeFile(r.identityPath(vmID), text, 0o644); err != nil {
		return err
	}
	found, err := r.find(ctx, labelVM, vmID)
	if err != nil || found == nil {
		return err
	}
	content, err := images.Tar(map[string][]byte{tokensFile: text}, nil)
	if err != nil {
		return err
	}
	return r.docker.CopyToContainer(ctx, found.ID, "/", content, container.CopyToContainerOptions{})
}

func (r *Room) identityPath(vmID string) string {
	return filepath.Join(r.StateDir, "identities", shortHash(vmID)+".json")
}

// storedIdentity is the VM's identity, or nil if it never had one.
func (r *Room) storedIdentity(vmID string) ([]byte, error) {
	text, err := os.ReadFile(r.identityPath(vmID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func (r *Room) dropIdentity(vmID string) error {
	err := os.Remove(r.identityPath(vmID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
