// Command server runs the blob service in its container: Azurite behind the check of roles.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"averazure/sandbox/blobs"
)

// These are the paths of the files that the sandbox gives to the service and of the data
// that the service keeps, and Azurite's port.
const (
	config      = "/etc/blobs/"
	certificate = config + "tls.crt"
	key         = config + "tls.key"
	table       = "/var/lib/blobs/table.json"
	content     = "/var/lib/blobs/content"
	port        = "10000"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "blobs:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Azurite accepts tokens only over TLS.
	azurite := exec.CommandContext(ctx, "azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", port, "--location", content,
		"--silent", "--disableTelemetry", "--skipApiVersionCheck", "--oauth", "basic", "--cert", certificate, "--key", key)
	azurite.Stdout, azurite.Stderr = os.Stderr, os.Stderr
	azurite.Cancel = func() error { return azurite.Process.Signal(syscall.SIGTERM) }
	azurite.WaitDelay = 5 * time.Second
	if err := azurite.Start(); err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- fmt.Errorf("Azurite ended: %w", errors.Join(azurite.Wait(), ctx.Err())) }()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // Azurite has the accounts' certificate and runs in this container
	}}
	server := &http.Server{Addr: ":443", ReadHeaderTimeout: 10 * time.Second,
		Handler: &blobs.Service{Table: table, Azurite: &url.URL{Scheme: "https", Host: "127.0.0.1:" + port}, Client: client}}
	go func() { ended <- server.ListenAndServeTLS(certificate, key) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
