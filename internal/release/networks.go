package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/network"

	"averazure/internal/stackfile"
)

// defaultDriver is docker/cli's default driver for networks of a Swarm.
const defaultDriver = "overlay"

// networkError says why a network is not as the file wants it.
type networkError struct{ name, why string }

func (n networkError) Error() string { return fmt.Sprintf("network %s %s", n.name, n.why) }

// checkNetworks refuses, before anything is touched, changed options of an existing
// network: Docker cannot change them and would silently ignore them.
// https://github.com/moby/moby/issues/37523
func (d *Deployer) checkNetworks(ctx context.Context, specs stackfile.Specs) error {
	list, err := d.networks(ctx, "")
	if err != nil {
		return err
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(specs.Networks)) {
		if found := networkNamed(list, name); found != nil {
			if different := differentOptions(*found, specs.Networks[name]); different != "" {
				problems = append(problems, networkError{name, fmt.Sprintf(
					"exists with another %s, which Docker cannot change; give the network another name in the stack file, or remove the stack first", different)})
			}
		}
	}
	for _, name := range specs.External {
		switch found := networkNamed(list, name); {
		case name == "host" || name == "none" || name == "bridge":
		case found == nil:
			problems = append(problems, networkError{name, "is external and does not exist; create it first (docker network create --driver overlay)"})
		case found.Scope != "swarm":
			problems = append(problems, networkError{name, fmt.Sprintf("is external and its scope is %s, not swarm", found.Scope)})
		}
	}
	return errors.Join(problems...)
}

func networkNamed(list []network.Summary, name string) *network.Summary {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// differentOptions names the first option in which a network is not as wanted;
// what Docker adds by itself does not count.
func differentOptions(have network.Summary, want network.CreateOptions) string {
	driver := want.Driver
	if driver == "" {
		driver = defaultDriver
	}
	switch {
	case have.Driver != driver:
		return fmt.Sprintf("driver (%s)", have.Driver)
	case have.Internal != want.Internal:
		return fmt.Sprintf("internal (%t)", have.Internal)
	case have.Attachable != want.Attachable:
		return fmt.Sprintf("attachable (%t)", have.Attachable)
	}
	for _, key := range slices.Sorted(maps.Keys(want.Options)) {
		if have.Options[key] != want.Options[key] {
			return fmt.Sprintf("driver option %s (%q)", key, have.Options[key])
		}
	}
	if _, encrypted := have.Options["encrypted"]; encrypted && want.Options["encrypted"] == "" {
		if _, wanted := want.Options["encrypted"]; !wanted {
			return "driver option encrypted"
		}
	}
	return ""
}

// createNetworks makes the stack's missing networks. With anyway it also makes those that
// are listed: a node goes on listing a removed network for a while.
func (d *Deployer) createNetworks(ctx context.Context, specs stackfile.Specs, anyway bool) error {
	list, err := d.networks(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(specs.Networks)) {
		if networkNamed(list, name) != nil && !anyway {
			continue
		}
		options := specs.Networks[name]
		if options.Driver == "" {
			options.Driver = defaultDriver
		}
		_, err := ask(ctx, d, "create network "+name, func(ctx context.Context) (network.CreateResponse, error) {
			made, err := d.Swarm.NetworkCreate(ctx, name, options)
			if err != nil && conflict(err) {
				err = nil
			}
			return made, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
