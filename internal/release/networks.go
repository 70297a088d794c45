package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/network"

	"averazure/internal/stackfile"
)

// defaultDriver is docker/cli's default driver for networks of a Swarm.
const defaultDriver = "overlay"

const (
	// defaultIPAM is the driver that assigns addresses if a file names none.
	defaultIPAM = "default"
	// vxlans is the driver option that Docker itself gives to an overlay network.
	vxlans = "com.docker.network.driver.overlay.vxlanid_list"
)

// networkError says why a network differs from what the file wants.
type networkError struct{ name, why string }

func (n networkError) Error() string { return fmt.Sprintf("network %s %s", n.name, n.why) }

// checkNetworks refuses a file that changes options of an existing network, before anything
// is touched: Docker cannot change them and would silently ignore them. If the last release
// has the same options, or if this is healing, the services come up all the same, and the
// network is one of the differences.
// https://github.com/moby/moby/issues/37523
func (w *work) checkNetworks(ctx context.Context, want wanted) error {
	list, err := w.networks(ctx, "")
	if err != nil {
		return err
	}
	specs := want.specs
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(specs.Networks)) {
		if found := networkNamed(list, name); found != nil && !want.heals && !w.released(name, specs.Networks[name]) {
			if different := differentOptions(*found, specs.Networks[name]); different != "" {
				problems = append(problems, networkError{name, fmt.Sprintf(
					"%s, which Docker cannot change; give the network another name in the stack file, or remove the stack first", different)})
			}
		}
	}
	for _, name := range specs.External {
		problems = append(problems, checkExternal(name, networkNamed(list, name)))
	}
	return errors.Join(problems...)
}

// checkExternal refuses a network that the file does not define and that services could not
// join; found is nil if the network does not exist.
func checkExternal(name string, found *network.Summary) error {
	switch {
	case name == "host" || name == "none" || name == "bridge":
	case found == nil:
		return networkError{name, "is external and does not exist; create it first (docker network create --driver overlay)"}
	case found.Scope != "swarm":
		return networkError{name, fmt.Sprintf("is external and its scope is %s, not swarm", found.Scope)}
	}
	return nil
}

// released tells whether the last release has a network with these options.
func (w *work) released(name string, want network.CreateOptions) bool {
	last := w.history.last()
	if last == nil {
		return false
	}
	was, had := last.Specs.Networks[name]
	made := network.Summary{Driver: cmp.Or(was.Driver, defaultDriver), Internal: was.Internal, Attachable: was.Attachable, Options: was.Options, Labels: was.Labels}
	if was.IPAM != nil {
		made.IPAM = *was.IPAM
	}
	return had && differentOptions(made, want) == ""
}

func networkNamed(list []network.Summary, name string) *network.Summary {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// differentOptions compares a network's options with the wanted ones and describes what the
// network has for the first difference. Options that Docker itself adds do not count.
func differentOptions(have network.Summary, want network.CreateOptions) string {
	driver := want.Driver
	if driver == "" {
		driver = defaultDriver
	}
	switch {
	case have.Driver != driver:
		return fmt.Sprintf("has another driver (%s)", have.Driver)
	case have.Internal != want.Internal:
		return fmt.Sprintf("has another internal (%t)", have.Internal)
	case have.Attachable != want.Attachable:
		return fmt.Sprintf("has another attachable (%t)", have.Attachable)
	}
	if different := differentKeys("driver option", have.Options, want.Options, vxlans); different != "" {
		return different
	}
	if different := differentKeys("label", have.Labels, want.Labels, ""); different != "" {
		return different
	}
	return differentAddresses(have.IPAM, want.IPAM)
}

// differentKeys does so for a network's driver options or labels. Docker's own key may
// differ.
func differentKeys(what string, have, want map[string]string, own string) string {
	for _, key := range slices.Sorted(maps.Keys(merged(have, want))) {
		has, there := have[key]
		value, wanted := want[key]
		switch {
		case key == own || has == value && there == wanted:
		case !there:
			return fmt.Sprintf("has no %s %s", what, key)
		default:
			return fmt.Sprintf("has another %s %s (%q)", what, key, has)
		}
	}
	return ""
}

// differentAddresses does so for a network's addresses. Docker chooses addresses that the
// file does not set.
func differentAddresses(have network.IPAM, want *network.IPAM) string {
	if want == nil {
		return ""
	}
	if driver := cmp.Or(have.Driver, defaultIPAM); driver != cmp.Or(want.Driver, defaultIPAM) {
		return fmt.Sprintf("has another ipam driver (%s)", driver)
	}
	has := subnets(have.Config)
	if len(want.Config) > 0 && !slices.Equal(has, subnets(want.Config)) {
		return fmt.Sprintf("has another ipam subnet (%s)", strings.Join(has, ", "))
	}
	return ""
}

// subnets are a network's subnets, in one spelling. A stack file says nothing else about
// its addresses.
func subnets(configs []network.IPAMConfig) []string {
	var found []string
	for _, config := range configs {
		if prefix, err := netip.ParsePrefix(config.Subnet); err == nil {
			config.Subnet = prefix.Masked().String()
		}
		found = append(found, config.Subnet)
	}
	slices.Sort(found)
	return found
}

// freeNetworks removes networks that differ from the release and that nothing uses. Those
// are then created as they were. A network that something uses remains.
func (w *work) freeNetworks(ctx context.Context, r *Release) error {
	list, err := w.networks(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Specs.Networks)) {
		found := networkNamed(list, name)
		if found == nil || differentOptions(*found, r.Specs.Networks[name]) == "" {
			continue
		}
		if err := w.once(ctx, func(ctx context.Context) error { return w.Swarm.NetworkRemove(ctx, found.ID) }); err != nil {
			w.say("network %s stays as it is: %s", name, firstLine(err))
			continue
		}
		w.say("network %s: it was changed and nothing used it; it is made again", name)
	}
	return nil
}

// createNetworks makes the stack's missing networks. With anyway it also makes networks
// that are still listed: a node goes on listing a removed network for a while.
func (d *Deployer) createNetworks(ctx context.Context, specs stackfile.Specs, anyway bool) error {
	list, err := d.networks(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(specs.Networks)) {
		if networkNamed(list, name) != nil && !anyway {
			continue
		}
		if err := d.createNetwork(ctx, name, specs.Networks[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployer) createNetwork(ctx context.Context, name string, options network.CreateOptions) error {
	if options.Driver == "" {
		options.Driver = defaultDriver
	}
	_, err := ask(ctx, &d.Reader, "create network "+name, func(ctx context.Context) (network.CreateResponse, error) {
		made, err := d.Swarm.NetworkCreate(ctx, name, options)
		if err != nil && conflict(err) {
			err = nil
		}
		return made, err
	})
	return err
}
