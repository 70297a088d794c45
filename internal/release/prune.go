package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// superfluous are the stack's services that the specs do not name.
func (d *Reader) superfluous(ctx context.Context, stack string, specs stackfile.Specs) (map[string]swarm.Service, error) {
	live, err := d.byName(ctx, stack)
	maps.DeleteFunc(live, func(name string, _ swarm.Service) bool {
		_, wanted := specs.Services[name]
		return wanted
	})
	return live, err
}

// makeRoom removes services that the file no longer names, if a new service could not run
// beside them. It does so before anything new is made.
func (d *Deployer) makeRoom(ctx context.Context, stack string, specs stackfile.Specs) error {
	gone, err := d.superfluous(ctx, stack, specs)
	if err != nil {
		return err
	}
	maps.DeleteFunc(gone, func(_ string, old swarm.Service) bool {
		for _, wanted := range specs.Services {
			if collides(old.Spec, wanted) {
				return false
			}
		}
		return true
	})
	return d.removeServices(ctx, gone)
}

// collides tells whether two services publish the same port, or write to the same volume.
// With mode host, Swarm accepts both services, but a node can run the tasks of only one.
func collides(a, b swarm.ServiceSpec) bool {
	for _, port := range published(a) {
		for _, other := range published(b) {
			if port.PublishedPort != 0 && port.PublishedPort == other.PublishedPort && port.Protocol == other.Protocol {
				return true
			}
		}
	}
	for _, volume := range volumes(a) {
		if slices.Contains(volumes(b), volume) {
			return true
		}
	}
	return false
}

func published(spec swarm.ServiceSpec) []swarm.PortConfig {
	return Normalise(spec).EndpointSpec.Ports
}

// prune removes what the file no longer names, once everything else runs: services, and the
// networks that only those services used. All are named before the first one is removed.
// Volumes remain, and are named.
func (d *Deployer) prune(ctx context.Context, stack string, specs stackfile.Specs) error {
	gone, err := d.superfluous(ctx, stack, specs)
	if err != nil {
		return err
	}
	networks, err := d.networks(ctx, stack)
	if err != nil {
		return err
	}
	networks = slices.DeleteFunc(networks, func(n network.Summary) bool {
		_, wanted := specs.Networks[n.Name]
		return wanted
	})
	for _, found := range networks {
		d.say("removing network %s: the stack no longer has it", found.Name)
	}
	if err := d.removeServices(ctx, gone); err != nil {
		return err
	}
	return d.pruneNetworks(ctx, networks, grace(gone))
}

// grace is how long the tasks of removed services may take to stop; 0 if there are none.
func grace(gone map[string]swarm.Service) time.Duration {
	var longest time.Duration
	for _, service := range gone {
		if c := Normalise(service.Spec).TaskTemplate.ContainerSpec; c != nil {
			longest = max(longest, *c.StopGracePeriod)
		}
	}
	return longest
}

// removeServices names all of them before it removes the first one.
func (d *Deployer) removeServices(ctx context.Context, gone map[string]swarm.Service) error {
	names := slices.Sorted(maps.Keys(gone))
	for _, name := range names {
		d.say("removing service %s: the stack no longer has it%s", name, volumesOf(gone[name].Spec))
	}
	for _, name := range names {
		if err := d.removeService(ctx, gone[name].ID); err != nil {
			return fmt.Errorf("remove service %s: %w", name, err)
		}
	}
	return nil
}

func (d *Deployer) removeService(ctx context.Context, id string) error {
	_, err := ask(ctx, &d.Reader, "remove", func(ctx context.Context) (struct{}, error) {
		err := d.Swarm.ServiceRemove(ctx, id)
		if notFound(err) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

// pruneNetworks removes networks of the stack. It waits for a network that tasks still use,
// while those of removed services stop. A network that remains in use is left for the next
// deployment.
func (d *Deployer) pruneNetworks(ctx context.Context, gone []network.Summary, stopping time.Duration) error {
	end := d.now()
	if stopping > 0 {
		end = end.Add(stopping + d.Settings.Patience)
	}
	for _, found := range gone {
		for {
			err := d.once(ctx, func(ctx context.Context) error { return d.Swarm.NetworkRemove(ctx, found.ID) })
			if err == nil || notFound(err) {
				break
			}
			if !d.now().Before(end) {
				d.say("network %s stays for now: %s", found.Name, firstLine(err))
				break
			}
			if err := d.sleep(ctx, d.Settings.Poll); err != nil {
				return err
			}
		}
	}
	return nil
}

// volumesOf names the volumes that a removed service leaves.
func volumesOf(spec swarm.ServiceSpec) string {
	names := volumes(spec)
	if len(names) == 0 {
		return ""
	}
	return "; its volumes stay: " + strings.Join(names, ", ")
}

func volumes(spec swarm.ServiceSpec) []string {
	if spec.TaskTemplate.ContainerSpec == nil {
		return nil
	}
	var names []string
	for _, m := range spec.TaskTemplate.ContainerSpec.Mounts {
		if m.Type == mount.TypeVolume && m.Source != "" {
			names = append(names, m.Source)
		}
	}
	return names
}

// removeConfig removes a Docker config, which may be gone already.
func (d *Deployer) removeConfig(ctx context.Context, name, id string) error {
	_, err := ask(ctx, &d.Reader, "remove "+name, func(ctx context.Context) (struct{}, error) {
		err := d.Swarm.ConfigRemove(ctx, id)
		if notFound(err) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}
