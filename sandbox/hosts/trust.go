package hosts

import (
	"errors"
	"os"
	"path/filepath"
)

// hostTrust is where every engine looks for the authorities of registries.
const hostTrust = "/etc/docker/certs.d"

// ownerFile is a file in a registry's directory that names the sandbox. Engines ignore it:
// they read only certificates and keys there.
const ownerFile = "averazure.sandbox"

// trustHere lets this machine's engine push to the sandbox's two registries.
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

// distrustHere undoes trustHere for all addresses that the sandbox ever had, and removes
// empty parent directories.
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
