package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"averazure/sandbox/images"
)

// acmeAddress is where VMs find the ACME server. Every VM forwards it to the server's own
// address. Caddy trusts public roots only and accepts plain http only at a private
// address (since 2.7 also at names such as NAME.internal).
// https://github.com/caddyserver/certmagic/blob/v0.17.2/certmagic.go#L311
const acmeAddress = "10.255.255.254"

// acmeRouteFile is the VM's route to the ACME server, loaded at every boot.
const acmeRouteFile = "/etc/averazure/acme.nft"

// acmeDir is the ACME server's directory in its container.
const acmeDir = "/var/lib/acme"

// RootFile is the root certificate of the sandbox's authority, in PEM, for curl and
// browsers.
func (r *Room) RootFile() string { return filepath.Join(r.StateDir, "ca.crt") }

// ACMEServer is the URL of the ACME server's directory.
func (r *Room) ACMEServer() string { return "http://" + acmeAddress + "/dir" }

// acmeHost is the ACME server's address on the sandbox's internet.
func (r *Room) acmeHost() string { return r.address(4) }

// acmeRoute forwards packets for acmeAddress, of the VM itself and of its containers.
func (r *Room) acmeRoute() []byte {
	return fmt.Appendf(nil, `table ip averazure-acme
delete table ip averazure-acme
table ip averazure-acme {
	chain containers {
		type nat hook prerouting priority dstnat;
		ip daddr %[1]s dnat to %[2]s
	}
	chain own {
		type nat hook output priority -100;
		ip daddr %[1]s dnat to %[2]s
	}
}
`, acmeAddress, r.acmeHost())
}

func (r *Room) acmeRecipe() images.Recipe {
	return images.Recipe{
		Kind: "acme", Files: imageFiles("acme"), Mode: map[string]int64{"acme": 0o755},
		Programs: map[string]images.Program{"acme": {Path: "averazure/tools", Sources: os.DirFS(r.toolsDir), Command: "acme"}},
	}
}

// ensureACME makes sure that the ACME server runs and answers. It replaces an outdated
// server; the data that the server has to keep are in the sandbox's state.
func (r *Room) ensureACME(ctx context.Context, ca *authority, base images.Base) error {
	if err := r.ensureIssuer(ca); err != nil {
		return err
	}
	return r.ensureTrusted(ctx, r.acmeRecipe(), base, ca, func(ref string) error { return r.runACME(ctx, ref, ca) }, r.awaitACME)
}

func (r *Room) runACME(ctx context.Context, ref string, ca *authority) error {
	id, err := r.createService(ctx, "acme", r.acmeHost(),
		&container.Config{
			Image: ref, Labels: r.labels("acme", labelCA, ca.fingerprint()),
			Cmd: []string{"-names", net.JoinHostPort(r.NameServer(), "53")},
		},
		&container.HostConfig{
			Mounts:    []mount.Mount{{Type: mount.TypeBind, Source: r.issuerDir(), Target: acmeDir}},
			LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}},
		})
	if err != nil {
		return err
	}
	return r.docker.ContainerStart(ctx, id, container.StartOptions{})
}

func (r *Room) issuerDir() string { return filepath.Join(r.StateDir, "acme") }

// ensureIssuer makes sure that the ACME server has an issuer certificate under the
// sandbox's root, and that RootFile exists.
func (r *Room) ensureIssuer(ca *authority) error {
	if err := writeFile(r.RootFile(), ca.pem, 0o644); err != nil {
		return err
	}
	dir := r.issuerDir()
	root, err := os.ReadFile(filepath.Join(dir, "root.crt"))
	if err == nil && bytes.Equal(root, ca.pem) {
		return nil
	}
	cert, key, err := ca.issuer("averazure sandbox, " + r.Name)
	if err != nil {
		return err
	}
	// The root is written last: with it, the directory is complete.
	return errors.Join(os.MkdirAll(dir, 0o700),
		writeFile(filepath.Join(dir, "issuer.key"), key, 0o600),
		writeFile(filepath.Join(dir, "issuer.crt"), cert, 0o644),
		writeFile(filepath.Join(dir, "root.crt"), ca.pem, 0o644))
}

// acmeTime is how long the ACME server may take to answer after its start.
var acmeTime = 30 * time.Second

func (r *Room) awaitACME(ctx context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	return await(ctx, acmeTime, 100*time.Millisecond, "it", func(ctx context.Context) error {
		return answers(ctx, client, "http://"+r.acmeHost()+"/dir", http.StatusOK)
	})
}
