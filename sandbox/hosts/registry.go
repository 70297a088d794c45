package hosts

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"averazure/sandbox/images"
)

// Registry has the addresses of the sandbox's registries.
type Registry struct {
	Server string // host:port, with a login
	Mirror string // URL of the mirror of Docker Hub, without a login
}

// Logins are the registry's logins.
type Logins struct {
	// Push may push and pull, Pull may only pull. A sandbox of an older version has no
	// Pull.
	Push, Pull Login
}

// Login is a user of the registry.
type Login struct{ Username, Password string }

const (
	registryPusher = "sandbox"
	registryPuller = "sandbox-pull"

	registryPort = "5000"
	mirrorPort   = "5001"
)

// registryHost is the registry's address. It is fixed, since image names contain it.
func (r *Room) registryHost() string { return r.address(2) }
func (r *Room) mirrorServer() string { return r.registryHost() + ":" + mirrorPort }

// Registry returns the registries' addresses.
func (r *Room) Registry() Registry {
	return Registry{
		Server: r.registryHost() + ":" + registryPort,
		Mirror: "https://" + r.mirrorServer(),
	}
}

// RegistryLogins creates the logins once and keeps them in the sandbox's state.
func (r *Room) RegistryLogins() (Logins, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	file := filepath.Join(r.StateDir, "registry.json")
	var kept struct{ Password, PullPassword string }
	if err := readJSON(file, &kept); err != nil {
		return Logins{}, err
	}
	if kept.Password == "" {
		kept.Password, kept.PullPassword = rand.Text(), rand.Text()
		if err := writeJSON(file, kept); err != nil {
			return Logins{}, err
		}
	}
	logins := Logins{Push: Login{registryPusher, kept.Password}}
	if kept.PullPassword != "" {
		logins.Pull = Login{registryPuller, kept.PullPassword}
	}
	return logins, nil
}

// ensureRegistry makes sure that the registry runs and answers. It starts a stopped
// registry again, because that one holds the pushed images.
func (r *Room) ensureRegistry(ctx context.Context, ca *authority, base images.Base) error {
	found, err := r.find(ctx, labelRole, "registry")
	if err != nil {
		return err
	}
	if found != nil {
		if kept, err := r.keepRegistry(ctx, found, ca); kept || err != nil {
			return err
		}
		if err := r.removeContainer(ctx, found.ID); err != nil {
			return err
		}
	}
	rec := images.Recipe{Kind: "registry", Files: imageFiles("registry"), Mode: map[string]int64{"serve": 0o755}}
	ref, err := r.builder().Ensure(ctx, rec, base)
	if err != nil {
		return err
	}
	if err := r.runRegistry(ctx, ref, ca); err != nil {
		return fmt.Errorf("start the registry: %w", err)
	}
	return r.awaitRegistry(ctx, ca)
}

// keepRegistry starts a stopped registry and tells whether to keep it. It does not keep a
// registry that never started, because that lacks its files. It does not keep one whose
// certificate is from another authority either, for example after the cache was removed.
func (r *Room) keepRegistry(ctx context.Context, found *container.Summary, ca *authority) (bool, error) {
	if issuer, ok := found.Labels[labelCA]; ok && issuer != ca.fingerprint() {
		r.log("replacing the registry: its certificate is from another authority")
		return false, nil
	}
	switch found.State {
	case container.StateRunning:
		return true, nil
	case container.StateCreated:
		return false, nil
	}
	r.log("starting the registry again")
	err := r.docker.ContainerStart(ctx, found.ID, container.StartOptions{})
	if err == nil {
		err = r.awaitRegistry(ctx, ca)
	}
	if err != nil && ctx.Err() == nil {
		r.log("replacing the registry: %v", err)
		return false, nil
	}
	return err == nil, err
}

func (r *Room) runRegistry(ctx context.Context, ref string, ca *authority) error {
	secrets, err := r.registryFiles(ca)
	if err != nil {
		return err
	}
	mirrored := r.mirrorDir()
	if err := os.MkdirAll(mirrored, 0o755); err != nil {
		return err
	}
	id, err := r.createService(ctx, "registry", r.registryHost(),
		&container.Config{
			Image: ref, Labels: r.labels("registry", labelCA, ca.fingerprint()),
			Volumes: map[string]struct{}{"/var/lib/registry": {}},
		},
		&container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: mirrored, Target: "/var/lib/mirror"}}})
	if err != nil {
		return err
	}
	content, err := images.Tar(secrets, map[string]int64{"/etc/registry/tls.key": 0o600})
	if err != nil {
		return err
	}
	if err := r.docker.CopyToContainer(ctx, id, "/", content, container.CopyToContainerOptions{}); err != nil {
		return err
	}
	return r.docker.ContainerStart(ctx, id, container.StartOptions{})
}

// mirrorDir holds the mirror's images. All sandboxes share it.
func (r *Room) mirrorDir() string { return filepath.Join(r.cacheDir, "mirror") }

// registryFiles are the registry's certificate and its logins.
func (r *Room) registryFiles(ca *authority) (map[string][]byte, error) {
	cert, key, err := ca.issue(r.registryHost())
	if err != nil {
		return nil, err
	}
	logins, err := r.RegistryLogins()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"/etc/registry/tls.crt": cert,
		"/etc/registry/tls.key": key,
		"/etc/registry/readers": htpasswd(logins.Push, logins.Pull),
		"/etc/registry/writers": htpasswd(logins.Push),
	}, nil
}

// htpasswd is a password file of nginx (auth_basic). A random password needs no slow
// hash, which nginx would compute at every request.
func htpasswd(logins ...Login) []byte {
	var file bytes.Buffer
	for _, login := range logins {
		if login.Username != "" {
			sum := sha1.Sum([]byte(login.Password))
			fmt.Fprintf(&file, "%s:{SHA}%s\n", login.Username, base64.StdEncoding.EncodeToString(sum[:]))
		}
	}
	return file.Bytes()
}
