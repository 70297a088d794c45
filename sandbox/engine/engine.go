// Package engine finds a Docker engine on this machine, or installs and starts one for
// the sandbox, separate from everything else that runs here.
package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/client"
)

// runDir holds the socket, the pidfile and the runtime state of the sandbox's engine. It
// is short, since a socket's path has at most 108 bytes. A reboot removes it together
// with the processes.
const runDir = "/run/averazure-sandbox"

const defaultHost = "unix:///var/run/docker.sock"

// Options say where the sandbox's engine keeps its data and who logs its progress.
type Options struct {
	CacheDir string
	Log      func(format string, args ...any)
}

// Engine is a running Docker engine.
type Engine struct {
	Host   string // for DOCKER_HOST
	Client *client.Client
	ours   *daemon // nil if the sandbox did not start it
}

// Find connects to a running engine: the one in DOCKER_HOST, else the sandbox's, else the
// machine's. It returns nil if there is none.
func Find(ctx context.Context, opts Options) (*Engine, error) {
	own := newDaemon(runDir, filepath.Join(opts.CacheDir, "engine"), opts.Log)
	if host := os.Getenv("DOCKER_HOST"); host != "" && host != own.host() {
		if !strings.HasPrefix(host, "unix://") {
			return nil, fmt.Errorf("DOCKER_HOST is %s; the sandbox needs an engine on this machine: unset DOCKER_HOST, or set it to a unix:// socket", host)
		}
		docker, err := connect(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("DOCKER_HOST is %s, which does not answer (%w); unset it, and the sandbox starts an engine", host, err)
		}
		return &Engine{Host: host, Client: docker}, nil
	}
	if docker, err := connect(ctx, own.host()); err == nil {
		return &Engine{Host: own.host(), Client: docker, ours: own}, own.locate(ctx, docker)
	}
	if docker, err := connect(ctx, defaultHost); err == nil {
		return &Engine{Host: defaultHost, Client: docker}, nil
	}
	return nil, nil
}

// Ensure connects to a running engine, or installs and starts one that outlives this
// process.
func Ensure(ctx context.Context, opts Options) (*Engine, error) {
	unlock, err := lock(ctx, runDir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found, err := Find(ctx, opts)
	if found != nil || err != nil {
		return found, err
	}
	if err := Install(ctx, opts, map[string]string{"dockerd": "docker.io", "iptables": "iptables"}); err != nil {
		return nil, fmt.Errorf("install a Docker engine: %w", err)
	}
	// With an init system, the package has started the engine already.
	if docker, err := connect(ctx, defaultHost); err == nil {
		return &Engine{Host: defaultHost, Client: docker}, nil
	}
	own := newDaemon(runDir, filepath.Join(opts.CacheDir, "engine"), opts.Log)
	docker, err := own.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start a Docker engine: %w", err)
	}
	return &Engine{Host: own.host(), Client: docker, ours: own}, nil
}

// Existing connects to a running engine. It starts the sandbox's engine if its data are
// still there, as after a reboot. It returns nil if there is none, and installs nothing.
func Existing(ctx context.Context, opts Options) (*Engine, error) {
	found, err := Find(ctx, opts)
	if err != nil {
		return nil, err
	}
	return existing(ctx, opts, found)
}

func existing(ctx context.Context, opts Options, found *Engine) (*Engine, error) {
	if found != nil {
		return found, nil
	}
	if _, err := os.Stat(filepath.Join(opts.CacheDir, "engine")); err != nil {
		return nil, nil
	}
	if _, err := LookPath("dockerd"); err != nil {
		return nil, nil
	}
	return Ensure(ctx, opts)
}

// Ours tells whether the sandbox started the engine and may stop it.
func (e *Engine) Ours() bool { return e.ours != nil }

// Stop ends the sandbox's engine and removes its data. It leaves another engine alone and
// removes only the sandbox's lock.
func (e *Engine) Stop(ctx context.Context) error {
	unlock, err := lock(ctx, runDir)
	if err != nil {
		return err
	}
	defer unlock()
	if e.ours == nil {
		if _, err := os.Stat(filepath.Join(runDir, "docker.sock")); err == nil {
			return nil // another user's sandbox runs one
		}
		return os.RemoveAll(runDir)
	}
	if err := e.ours.stop(ctx, bridges(ctx, e.Client)); err != nil {
		return fmt.Errorf("stop the Docker engine: %w", err)
	}
	return os.RemoveAll(runDir)
}

// connect returns a client that has reached the engine, at the newest API version that
// both support.
func connect(ctx context.Context, host string) (*client.Client, error) {
	docker, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		docker.Close()
		return nil, err
	}
	docker.NegotiateAPIVersion(ctx)
	return docker, nil
}
