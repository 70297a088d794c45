// Package machine is the sandbox's hardware: Linux hosts in containers, the
// networks between them, a packet filter before each, and a registry. It knows
// Docker and nothing of Azure or Pulumi.
package machine

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"averazure/sandbox/engine"
)

// Labels by which the sandbox recognises what is its own.
const (
	labelSandbox = "averazure.sandbox" // the sandbox's name, on every object
	labelRole    = "averazure.role"    // "node", "registry", "internet", "vnet", "mesh"
	labelVM      = "averazure.vm"      // a node's VM id
	labelNode    = "averazure.node"    // a node's name
	labelNetwork = "averazure.vnet"    // a virtual network's id
	labelImage   = "averazure.image"   // what an image is for
)

// Options name a sandbox and say where it keeps what.
type Options struct {
	Name     string // of the sandbox; prefix of its containers' names
	CIDR     string // the /24 that plays the internet
	StateDir string // goes with the sandbox
	CacheDir string // stays, to make the next start fast
	Log      func(format string, a ...any)
}

// Room is one sandbox's machines.
type Room struct {
	Name, CIDR, StateDir string

	cacheDir string
	internet netip.Prefix
	log      func(format string, a ...any)
	engine   *engine.Engine
	docker   *client.Client
	mu       sync.Mutex // guards the files in StateDir
}

// Open connects to a Docker engine, which it installs and starts if there is
// none, and returns the room of the sandbox.
func Open(ctx context.Context, opts Options) (*Room, error) {
	return open(opts, func(found engine.Options) (*engine.Engine, error) { return engine.Ensure(ctx, found) })
}

// OpenExisting returns the room if there is an engine that could hold something
// of it, and nil otherwise. It installs nothing.
func OpenExisting(ctx context.Context, opts Options) (*Room, error) {
	return open(opts, func(found engine.Options) (*engine.Engine, error) { return engine.Existing(ctx, found) })
}

func open(opts Options, connect func(engine.Options) (*engine.Engine, error)) (*Room, error) {
	internet, err := parseInternet(opts.CIDR)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{opts.StateDir, filepath.Join(opts.CacheDir, "images")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	found, err := connect(engine.Options{CacheDir: opts.CacheDir, Log: opts.Log})
	if err != nil || found == nil {
		return nil, err
	}
	return &Room{
		Name: opts.Name, CIDR: internet.String(), StateDir: opts.StateDir,
		cacheDir: opts.CacheDir, internet: internet, log: opts.Log,
		engine: found, docker: found.Client,
	}, nil
}

// parseInternet accepts an IPv4 /24: the sandbox's fixed addresses need 10, and
// its nodes some more.
func parseInternet(cidr string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() != 24 {
		return netip.Prefix{}, fmt.Errorf("the sandbox's internet is %q; it must be an IPv4 /24, as 198.18.0.0/24", cidr)
	}
	return prefix.Masked(), nil
}

// DockerHost is the engine's address, for DOCKER_HOST.
func (r *Room) DockerHost() string { return r.engine.Host }

// HostAddress is this machine's own address on the sandbox's internet, from
// which its connections to the nodes come.
func (r *Room) HostAddress() string { return r.address(1) }

// address is the nth address of the internet.
func (r *Room) address(n byte) string {
	bytes := r.internet.Addr().As4()
	bytes[3] = n
	return netip.AddrFrom4(bytes).String()
}

// labels are those of an object of this sandbox, more given as key, value.
func (r *Room) labels(role string, more ...string) map[string]string {
	labels := map[string]string{labelSandbox: r.Name, labelRole: role}
	for i := 0; i+1 < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return labels
}

// mine filters for this sandbox's objects with all the labels, given as key,
// value.
func (r *Room) mine(more ...string) filters.Args {
	args := filters.NewArgs(filters.Arg("label", labelSandbox+"="+r.Name))
	for i := 0; i+1 < len(more); i += 2 {
		args.Add("label", more[i]+"="+more[i+1])
	}
	return args
}
