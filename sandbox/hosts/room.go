// Package hosts emulates hardware: VMs as containers, the networks between them, a
// packet filter for each, a registry. It uses Docker and knows neither Azure nor Pulumi.
package hosts

import (
	"cmp"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"averazure/sandbox/engine"
	"averazure/sandbox/images"
)

// Labels of the sandbox's objects in Docker.
const (
	labelSandbox = "averazure.sandbox" // the sandbox's name, on every object
	labelState   = "averazure.state"   // its state directory, which identifies the checkout
	labelRole    = "averazure.role"    // "node", "registry", "acme", "names", "blobs", "balancer", "internet", "vnet", "mesh"
	labelVM      = "averazure.vm"      // a node's VM id
	labelNode    = "averazure.node"    // a node's name
	labelNetwork = "averazure.vnet"    // a virtual network's id
	labelCA      = "averazure.ca"      // the authority that signed the container's certificate
)

// Options name a sandbox and its directories.
type Options struct {
	Name     string // of the sandbox; prefix of its containers' names
	CIDR     string // the /24 network of the sandbox's internet; "": the existing one, else DefaultCIDR
	StateDir string // removed with the sandbox
	CacheDir string // kept for a faster start
	ToolsDir string // the module that pins other people's programs
	Log      func(format string, a ...any)
}

// Room is the hosts, networks and services of one sandbox.
type Room struct {
	Name, CIDR, StateDir string

	cacheDir string
	toolsDir string
	trustDir string // where the engine looks for a registry's authority
	internet netip.Prefix
	log      func(format string, a ...any)
	engine   *engine.Engine
	docker   *client.Client
	mu       sync.Mutex // guards the files in StateDir
}

// Open connects to a Docker engine, and installs and starts one if there is none. It
// returns the sandbox's room.
func Open(ctx context.Context, opts Options) (*Room, error) {
	return open(ctx, opts, engine.Ensure)
}

// OpenExisting returns the room if there is an engine that may hold parts of it,
// otherwise nil. It installs nothing.
func OpenExisting(ctx context.Context, opts Options) (*Room, error) {
	return open(ctx, opts, engine.Existing)
}

func open(ctx context.Context, opts Options, connect func(context.Context, engine.Options) (*engine.Engine, error)) (*Room, error) {
	internet, err := parseInternet(cmp.Or(opts.CIDR, DefaultCIDR))
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{opts.StateDir, filepath.Join(opts.CacheDir, "images")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	found, err := connect(ctx, engine.Options{CacheDir: opts.CacheDir, Log: opts.Log})
	if err != nil || found == nil {
		return nil, err
	}
	r := &Room{
		Name: opts.Name, CIDR: internet.String(), StateDir: opts.StateDir,
		cacheDir: opts.CacheDir, toolsDir: opts.ToolsDir, trustDir: hostTrust, internet: internet, log: opts.Log,
		engine: found, docker: found.Client,
	}
	if err := r.refuseOthers(ctx); err != nil {
		return nil, err
	}
	return r, r.settleInternet(ctx, opts.CIDR)
}

// DockerHost is the engine's address, for DOCKER_HOST.
func (r *Room) DockerHost() string { return r.engine.Host }

// builder builds images for the room's hosts and services.
func (r *Room) builder() *images.Builder {
	return &images.Builder{Docker: r.docker, CacheDir: r.cacheDir, Labels: r.labels("build"), Log: r.log}
}

// HostAddress is this machine's address on the sandbox's internet, the source of its
// connections to the nodes.
func (r *Room) HostAddress() string { return r.address(1) }

// address is the nth address of the sandbox's internet.
func (r *Room) address(n byte) string {
	bytes := r.internet.Addr().As4()
	bytes[3] = n
	return netip.AddrFrom4(bytes).String()
}

// labels are the labels of an object of this sandbox; more are given as key, value.
func (r *Room) labels(role string, more ...string) map[string]string {
	labels := map[string]string{labelSandbox: r.Name, labelState: r.owner(), labelRole: role}
	for i := 0; i+1 < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return labels
}

// mine filters for this sandbox's objects that have all the labels, given as key, value.
func (r *Room) mine(more ...string) filters.Args {
	args := filters.NewArgs(filters.Arg("label", labelSandbox+"="+r.Name))
	for i := 0; i+1 < len(more); i += 2 {
		args.Add("label", more[i]+"="+more[i+1])
	}
	return args
}
