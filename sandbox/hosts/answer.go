package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// registryTime is how long the registry may take to answer after its start.
var registryTime = 30 * time.Second

// awaitRegistry waits until both registries answer from this machine.
func (r *Room) awaitRegistry(ctx context.Context, ca *authority) error {
	client := trusting(ca)
	defer client.CloseIdleConnections()
	return await(ctx, registryTime, 200*time.Millisecond, "the registry", func(ctx context.Context) error {
		return errors.Join(
			answers(ctx, client, "https://"+r.Registry().Server+"/v2/", http.StatusUnauthorized),
			answers(ctx, client, r.Registry().Mirror+"/v2/", http.StatusOK))
	})
}

// trusting is an HTTP client that trusts the sandbox's authority and uses no proxy.
func trusting(ca *authority) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
}

func answers(ctx context.Context, client *http.Client, url string, want int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != want {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
