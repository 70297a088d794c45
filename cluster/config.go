package cluster

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"averazure/internal/names"
	"averazure/internal/networks"
	"averazure/internal/release"
	"averazure/internal/settings"
)

// Config is what a Pulumi stack may configure of its Swarm. A field's key in the
// configuration is its name in lower camel case, as in averazure:swarmPool.
type Config struct {
	// RegistryMirrors are mirrors of Docker Hub that the nodes ask first, such as
	// https://mirror.example.com.
	RegistryMirrors []string
	// SwarmPool is the address space of the Swarm's overlay networks, each of
	// which takes a /24 of it. It must not overlap the virtual network.
	SwarmPool string
	// DeployUser is the account of stack-repo's pipeline on every manager. It can
	// deploy, show the status, roll back, and nothing else.
	DeployUser string
	// DeployScope is what that account may deploy: "stack" allows everything that a stack
	// file can say, except what would take a node over; "images" allows only other images,
	// replicas and labels.
	DeployScope string
	// DeployTimeout is how long a deployment may take until everything runs, image pulls
	// included, such as 10m. Putting it back may take as long again. A rolling update whose
	// own settings take longer gets that longer time.
	DeployTimeout string
	// DeployPatience is how long tasks may crash or find no node before that counts as a
	// failure, such as 40s: they may wait for one another.
	DeployPatience string
	// MaintenanceWindow is when nodes that have to reboot do so, one after another, in UTC,
	// such as "Sunday 03:00-05:00"; empty for never.
	MaintenanceWindow string
	// Rebalance says that tasks are spread over the nodes again when a node is new: the
	// tasks of services with several replicas that start the new task first and keep no
	// data on a node.
	Rebalance bool
	// LogMaxSize is the size at which a container's log is rotated, such as 10m.
	LogMaxSize string
	// LogMaxFiles is the number of log files kept of each container.
	LogMaxFiles int
}

// Defaults is the configuration of a Pulumi stack without settings. The pool is far from
// Docker's own bridges (172.17.0.0 and up) and from the usual networks.
func Defaults() Config {
	return Config{
		SwarmPool: "10.254.0.0/16", DeployUser: "deploy", DeployScope: scopes[0], DeployTimeout: "10m", DeployPatience: "40s",
		MaintenanceWindow: "Sunday 03:00-05:00", LogMaxSize: "10m", LogMaxFiles: 3,
	}
}

// scopes are the values of deployScope, the default first.
var scopes = []string{"stack", "images"}

var (
	userNames = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	logSizes  = regexp.MustCompile(`^[1-9][0-9]{0,5}[kmg]$`)
)

// smallestPool still has room for 16 networks, the Swarm's own one included.
const smallestPool = 20

// Validate reports every problem, each with its key.
func (c Config) Validate() []error {
	var problems []error
	add := func(key, format string, args ...any) {
		problems = append(problems, settings.Problemf(key, format, args...))
	}
	c.validateNetworks(add)
	c.validateDeployments(add)
	if !logSizes.MatchString(c.LogMaxSize) {
		add("logMaxSize", "%q: a number and k, m or g, such as 10m", c.LogMaxSize)
	}
	if c.LogMaxFiles < 1 || c.LogMaxFiles > 100 {
		add("logMaxFiles", "%d: 1 to 100", c.LogMaxFiles)
	}
	return problems
}

func (c Config) validateNetworks(add func(key, format string, args ...any)) {
	for i, mirror := range c.RegistryMirrors {
		u, err := url.Parse(mirror)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || (u.Path != "" && u.Path != "/") || u.User != nil || u.RawQuery != "" {
			add(fmt.Sprintf("registryMirrors[%d]", i), "%q is not a mirror; write scheme and host only, such as https://mirror.example.com", mirror)
		}
	}
	pool, err := networks.Parse(c.SwarmPool)
	switch {
	case err != nil:
		add("swarmPool", "%q: %w", c.SwarmPool, err)
	case !networks.Private(pool):
		add("swarmPool", "%s must be a private network (%s) or a part of one: the nodes could not reach the owner of these addresses any more", c.SwarmPool, networks.PrivateNames)
	case networks.OnBridge(pool):
		add("swarmPool", "%s overlaps %s, Docker's bridges on every node; 10.254.0.0/16 is free", c.SwarmPool, networks.BridgeNames)
	case pool.Bits() > smallestPool:
		add("swarmPool", "%s is too small: each overlay network takes a /24; /%d or larger", c.SwarmPool, smallestPool)
	}
}

func (c Config) validateDeployments(add func(key, format string, args ...any)) {
	if !userNames.MatchString(c.DeployUser) {
		add("deployUser", "%q: 1 to 31 lower-case letters, digits and dashes, a letter first", c.DeployUser)
	} else if names.ReservedUser(c.DeployUser) {
		// An existing account has its home elsewhere, and sshd would not read its keys there.
		add("deployUser", "%q: Azure or Debian keeps that name for itself; take another, such as deploy", c.DeployUser)
	}
	if !slices.Contains(scopes, c.DeployScope) {
		add("deployScope", "%q: %s", c.DeployScope, strings.Join(scopes, " or "))
	}
	for _, bound := range []struct {
		key, value string
		low, high  time.Duration
	}{{"deployTimeout", c.DeployTimeout, time.Minute, 6 * time.Hour}, {"deployPatience", c.DeployPatience, 5 * time.Second, time.Hour}} {
		if length, err := time.ParseDuration(bound.value); err != nil || length < bound.low || length > bound.high {
			add(bound.key, "%q: from %s to %s, written like 90s, 10m or 1h30m", bound.value, bound.low, bound.high)
		}
	}
	if _, err := release.ParseWindow(c.MaintenanceWindow); err != nil {
		add("maintenanceWindow", "%w", err)
	}
}

// Bounds are the bounds of a deployment, as stackctl on the managers has them.
func (c Config) Bounds() release.Settings {
	bounds := release.Defaults()
	if length, err := time.ParseDuration(c.DeployTimeout); err == nil {
		bounds.Converge = length
	}
	if length, err := time.ParseDuration(c.DeployPatience); err == nil {
		bounds.Patience = length
	}
	return bounds
}

// Collides tells whether the pool overlaps a network of the infrastructure.
func (c Config) Collides(network string) error {
	pool, err := netip.ParsePrefix(c.SwarmPool)
	if err != nil {
		return nil // Validate reports it
	}
	other, err := netip.ParsePrefix(network)
	if err != nil || !pool.Overlaps(other) {
		return nil
	}
	return settings.Problemf("swarmPool", "%s overlaps %s, where the nodes are; choose another private network", c.SwarmPool, network)
}
