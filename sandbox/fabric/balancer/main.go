// Command balancer runs the sandbox's load balancers.
//
//	balancer serve            runs until it is stopped
//	balancer load <CONFIG     loads a configuration into the running one
//	balancer state            prints the health of the VMs
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"averazure/sandbox/fabric"
)

const socket = "/run/balancer.sock"

func main() {
	log.SetFlags(log.Ltime)
	what := "serve"
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	do, ok := map[string]func() error{"serve": serve, "load": load, "state": state}[what]
	if !ok {
		log.Fatalf("balancer: unknown command %s; use serve, load or state", what)
	}
	if err := do(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	b := &fabric.Balancer{File: "/var/lib/balancer.json", Alive: "/var/lib/averazure-mesh/alive", Link: "eth0"}
	if err := b.Start(ctx); err != nil {
		return err
	}
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b}
	go server.Serve(listener)
	<-ctx.Done()
	return server.Close()
}

func load() error { return ask(http.MethodPut, os.Stdin) }

func state() error { return ask(http.MethodGet, nil) }

// ask sends a request to the running balancer, which may just have been started.
func ask(method string, body io.Reader) error {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	request, err := http.NewRequest(method, "http://balancer/", body)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(string(text))
	}
	_, err = fmt.Print(string(text))
	return err
}

func dial(ctx context.Context) (net.Conn, error) {
	for tries := 0; ; tries++ {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err == nil || tries == 100 {
			return conn, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
