package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// anotherImage makes an update rebuild every VM.
const anotherImage = "vmImage=Debian:debian-13:13-gen2:0.20251006.2257"

// rebuild lets one update rebuild three managers, one after another, while requests to the
// application go through the load balancer.
func (b *bench) rebuild(ctx context.Context) error {
	settings := append(whole(3, 0), "loadBalancer=true")
	if _, _, err := b.box.up(ctx, settings); err != nil {
		return err
	}
	o, err := b.box.outputs(ctx, settings)
	if err != nil {
		return err
	}
	client, err := b.visitor(o)
	if err != nil {
		return err
	}
	if err := answers(ctx, client, o.APIURL); err != nil {
		return err
	}
	visits := make(chan visits)
	watched, stop := context.WithCancel(ctx)
	defer stop()
	go func() { visits <- visit(watched, client, o.APIURL) }()
	_, took, err := b.box.up(ctx, append(settings, anotherImage))
	stop()
	seen := <-visits
	if err != nil {
		return err
	}
	if err := b.look(ctx); err != nil {
		return err
	}
	b.blocks["rebuild"] = table("Three managers rebuilt one after another, in one up", []row{
		{"from the beginning of the up to its end", "", seconds(took.Seconds())},
		{"requests meanwhile, ten a second, each on a connection of its own", "", fmt.Sprint(seen.asked)},
		{"of these lost", "", fmt.Sprint(seen.lost)},
		{"the longest time without an answer", "", seconds(seen.gap.Seconds())},
	})
	return b.box.destroy(ctx, settings)
}

// visitor returns an HTTP client that connects to the balancer's address, whatever name is
// asked for, with a new connection for each request.
func (b *bench) visitor(o outputs) (*http.Client, error) {
	root, err := os.ReadFile(filepath.Join(".sandbox", b.box.name, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return nil, fmt.Errorf("the sandbox's ca.crt has no certificate")
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, asked string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(asked)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(o.EntryAddress, port))
		},
	}}, nil
}

// answers waits for the first answer.
func answers(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := ask(ctx, client, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer in 2 minutes: %w", err)
		case <-time.After(time.Second):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}

// visits are the results of repeated requests.
type visits struct {
	asked, lost int
	gap         time.Duration // the longest between two answers
}

// visit asks ten times a second, one request after another, until the context ends.
func visit(ctx context.Context, client *http.Client, url string) (v visits) {
	good := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			v.gap = max(v.gap, time.Since(good))
			return v
		case <-tick.C:
		}
		err := ask(context.WithoutCancel(ctx), client, url) // the client has a timeout of its own
		v.asked++
		if err != nil {
			v.lost++
			continue
		}
		v.gap, good = max(v.gap, time.Since(good)), time.Now()
	}
}
