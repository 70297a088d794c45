package machine

import (
	"errors"
	"os"
	"path/filepath"
)

// hostTrust is where an engine looks for the authorities of a registry.
const hostTrust = "/etc/docker/certs.d"

// trustHere lets this machine's engine push to the sandbox's registries. Only
// their two addresses are concerned.
func (r *Room) trustHere(ca *authority) error {
	for _, dir := range r.trustDirs() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, "ca.crt"), ca.pem, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// distrustHere takes back what trustHere did, and the directories above if
// nobody else has put anything there.
func (r *Room) distrustHere() error {
	var errs []error
	for _, dir := range r.trustDirs() {
		errs = append(errs, os.RemoveAll(dir))
	}
	os.Remove(hostTrust)
	os.Remove(filepath.Dir(hostTrust))
	return errors.Join(errs...)
}

func (r *Room) trustDirs() []string {
	return []string{
		filepath.Join(hostTrust, r.registryHost()+":"+registryPort),
		filepath.Join(hostTrust, r.mirrorServer()),
	}
}
