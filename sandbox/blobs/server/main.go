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

// Where the sandbox puts what it gives to the service, and what that keeps.
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
	// Azurite takes tokens over TLS alone.
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
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // its certificate is the accounts', and it is in here
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
