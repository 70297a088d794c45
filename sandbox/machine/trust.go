package machine

import (
	"errors"
	"os"
	"path/filepath"
)

// hostTrust is where every engine looks for the authorities of a registry.
const hostTrust = "/etc/docker/certs.d"

// ownerFile says in a registry's directory which sandbox put it there; engines
// read only certificates and keys.
const ownerFile = "averazure.sandbox"

// trustHere lets this machine's engine push to the sandbox's registries. Only
// their two addresses are concerned.
func (r *Room) trustHere(ca *authority, root string) error {
	for _, port := range []string{registryPort, mirrorPort} {
		dir := filepath.Join(root, r.registryHost()+":"+port)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, ownerFile), []byte(r.Name), 0o644); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, "ca.crt"), ca.pem, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// distrustHere takes back what trustHere did, at whatever addresses the sandbox
// has had, and then the directories above if nobody else has put anything there.
func (r *Room) distrustHere(root string) error {
	owners, err := filepath.Glob(filepath.Join(root, "*", ownerFile))
	errs, ours := []error{err}, false
	for _, file := range owners {
		if name, err := os.ReadFile(file); err == nil && string(name) == r.Name {
			errs, ours = append(errs, os.RemoveAll(filepath.Dir(file))), true
		}
	}
	if ours {
		os.Remove(root)
		os.Remove(filepath.Dir(root))
	}
	return errors.Join(errs...)
}
