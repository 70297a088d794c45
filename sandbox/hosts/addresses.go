package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Public addresses end in these octets. Lower ones belong to this machine and the
// sandbox's services.
const firstPublic, lastPublic = 10, 250

// AllocatePublicIP gives the holder an address on the sandbox's internet. The same holder
// always gets the same address.
func (r *Room) AllocatePublicIP(_ context.Context, id string) (string, error) {
	var address string
	err := r.addresses(func(held map[string]string) error {
		if address = held[id]; address != "" {
			return nil
		}
		address = r.freeAddress(held)
		if address == "" {
			return fmt.Errorf("all %d public addresses of the sandbox are in use; delete VMs or addresses", lastPublic-firstPublic+1)
		}
		held[id] = address
		return nil
	})
	return address, err
}

// ReleasePublicIP releases the holder's address.
func (r *Room) ReleasePublicIP(_ context.Context, id string) error {
	return r.addresses(func(held map[string]string) error {
		delete(held, id)
		return nil
	})
}

// freeAddress is the lowest free address.
func (r *Room) freeAddress(held map[string]string) string {
	taken := slices.Collect(maps.Values(held))
	for n := firstPublic; n <= lastPublic; n++ {
		if address := r.address(byte(n)); !slices.Contains(taken, address) {
			return address
		}
	}
	return ""
}

// addresses changes the record of public addresses and their holders.
func (r *Room) addresses(change func(map[string]string) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	file := filepath.Join(r.StateDir, "addresses.json")
	held := map[string]string{}
	if err := readJSON(file, &held); err != nil {
		return err
	}
	if err := change(held); err != nil {
		return err
	}
	return writeJSON(file, held)
}

// readJSON reads the value from the file. A missing file leaves the value unchanged.
func readJSON(file string, value any) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("%s is damaged (%w); `down` removes it", file, err)
	}
	return nil
}

// writeJSON replaces the file in one step, so an interrupted run leaves either the old or
// the new content.
func writeJSON(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, append(text, '\n'), 0o600)
}

func writeFile(file string, content []byte, mode fs.FileMode) error {
	temporary := file + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
