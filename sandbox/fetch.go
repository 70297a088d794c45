package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerLimit is how long the service may take to answer after an up that restarted
// Docker on its nodes, because Swarm then restarts the tasks. An edge without a
// certificate tries again after one minute, and after two more.
const answerLimit = 200 * time.Second

// visitor is an HTTP client on the sandbox's internet: it connects to the entry's address
// for every name, and it trusts the sandbox's root certificate, given in PEM.
func visitor(out outputs, root []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return nil, errors.New("the sandbox's root file contains no certificate; run `down` and `up`")
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if net.ParseIP(host) == nil {
			host = out.EntryAddress
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(host, port))
	}
	// The transport has no proxy: the addresses are on this machine.
	return &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

// fetch reads a page and repeats the request until the page is there or the limit is
// over.
func fetch(ctx context.Context, client *http.Client, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last error
	for {
		page, err := fetchOnce(ctx, client, url)
		if err == nil {
			return page, nil
		}
		if ctx.Err() == nil || last == nil { // an error caused by the limit itself says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no answer within %s: %w", answerLimit, last)
		case <-tick.C:
		}
	}
}

func fetchOnce(ctx context.Context, client *http.Client, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", url, response.Status)
	}
	return string(body), nil
}
