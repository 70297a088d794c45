package hosts

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"averazure/sandbox/blobs"
	"averazure/sandbox/images"
)

const (
	// azuriteVersion is the version of the npm package.
	azuriteVersion = "3.35.0"
	npmRegistry    = "https://registry.npmjs.org/"
	// blobsData holds the service's data in its container, blobsConfig its certificate.
	blobsData, blobsConfig = "/var/lib/blobs", "/etc/blobs"
)

// BlobAddress is the blob service's address on the sandbox's internet.
func (r *Room) BlobAddress() string { return r.address(5) }

func (r *Room) blobsDir() string { return filepath.Join(r.StateDir, "blobs") }

// Blobs tells the blob service which containers exist and who may use them. Without
// containers no service runs: Azurite is downloaded when the first VM gets a role for a
// container.
func (r *Room) Blobs(ctx context.Context, table blobs.Table) error {
	if err := os.MkdirAll(r.blobsDir(), 0o700); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(r.blobsDir(), "table.json"), table); err != nil || len(table.Containers) == 0 {
		return err
	}
	ca, err := openAuthority(filepath.Join(r.cacheDir, "ca"))
	if err != nil {
		return err
	}
	hub, err := r.hub(ctx)
	if err != nil {
		return err
	}
	unlock, err := r.builder().Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.ensureBlobs(ctx, ca, r.base(hub)); err != nil {
		return fmt.Errorf("blob service: %w", err)
	}
	return nil
}

// blobsRecipe makes npm trust what this machine trusts, because npm may go through a proxy
// that has its own authority.
func blobsRecipe() images.Recipe {
	files := imageFiles("blobs")
	files["trusted.crt"] = images.HostCertificates()
	return images.Recipe{
		Kind: "blobs", Files: files, Mode: map[string]int64{"server": 0o755},
		Args:     map[string]string{"AZURITE": azuriteVersion, "NPM_REGISTRY": cmp.Or(os.Getenv("npm_config_registry"), npmRegistry)},
		Programs: map[string]images.Program{"server": {Path: "averazure/sandbox/blobs", Sources: blobs.Sources, Command: "server"}},
	}
}

// ensureBlobs makes sure that the blob service runs and answers. It replaces an outdated
// service; the blobs are in the sandbox's state.
func (r *Room) ensureBlobs(ctx context.Context, ca *authority, base images.Base) error {
	return r.ensureTrusted(ctx, blobsRecipe(), base, ca, func(ref string) error { return r.runBlobs(ctx, ref, ca) },
		func(ctx context.Context) error { return r.awaitBlobs(ctx, ca) })
}

func (r *Room) runBlobs(ctx context.Context, ref string, ca *authority) error {
	cert, key, err := ca.issueName("*." + blobs.Domain)
	if err != nil {
		return err
	}
	id, err := r.createService(ctx, "blobs", r.BlobAddress(),
		&container.Config{Image: ref, Labels: r.labels("blobs", labelCA, ca.fingerprint())},
		&container.HostConfig{
			Mounts:    []mount.Mount{{Type: mount.TypeBind, Source: r.blobsDir(), Target: blobsData}},
			LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}},
		})
	if err != nil {
		return err
	}
	content, err := images.Tar(map[string][]byte{blobsConfig + "/tls.crt": cert, blobsConfig + "/tls.key": key}, map[string]int64{blobsConfig + "/tls.key": 0o600})
	if err != nil {
		return err
	}
	if err := r.docker.CopyToContainer(ctx, id, "/", content, container.CopyToContainerOptions{}); err != nil {
		return err
	}
	return r.docker.ContainerStart(ctx, id, container.StartOptions{})
}

// blobsTime is how long the blob service may take to answer after its start.
var blobsTime = 60 * time.Second

// awaitBlobs waits until the service refuses a request without a token.
func (r *Room) awaitBlobs(ctx context.Context, ca *authority) error {
	client := trusting(ca)
	client.Transport.(*http.Transport).TLSClientConfig.ServerName = "any." + blobs.Domain
	defer client.CloseIdleConnections()
	return await(ctx, blobsTime, 200*time.Millisecond, "it", func(ctx context.Context) error {
		return answers(ctx, client, "https://"+r.BlobAddress()+"/", http.StatusUnauthorized)
	})
}

// issueName issues a server's certificate for a name and returns it with its key, both in
// PEM.
func (a *authority) issueName(name string) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := certificate(name, 365*24*time.Hour)
	template.DNSNames = []string{name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	return encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", keyDER), err
}
