package release

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// submit tells Docker to run the specs. It does not touch services that already run as
// wanted: a new version of the same spec would restart tasks that wait for their node. It
// restarts such a service only if its name is lost, or if Swarm does not restart its tasks.
// It returns the names of the services that it created or changed.
func (w *work) submit(ctx context.Context, p plan, last *Release) ([]string, error) {
	d, stack := w.Deployer, w.stack
	if err := d.createNetworks(ctx, p.specs, false); err != nil {
		return nil, err
	}
	live, err := d.byName(ctx, stack)
	if err != nil {
		return nil, err
	}
	networks, err := d.networks(ctx, "")
	if err != nil {
		return nil, err
	}
	anew, err := w.stopped(ctx, live)
	if err != nil {
		return nil, err
	}
	for _, lost := range d.lost(ctx, slices.Collect(maps.Values(live))) {
		anew[lost.Name] = true
	}
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(p.specs.Services)) {
		found, exists := live[name]
		act := func() error { return d.put(ctx, p.specs, name, found.ID) }
		if exists && unchanged(name, p, found.Spec, last, networks) {
			if !anew[name] {
				continue
			}
			act = func() error { return d.force(ctx, found.ID) }
		}
		changed = append(changed, name)
		if err := act(); err != nil {
			return changed, serviceError{name, err}
		}
	}
	return changed, nil
}

// stopped are the services that do not run and that Swarm does not restart: their restarts
// are used up, or their update is paused. A service that waits for its node is not
// included: with another spec it might wait forever. Services that leaves selects are not
// included either.
func (w *work) stopped(ctx context.Context, live map[string]swarm.Service) (map[string]bool, error) {
	tasks, err := w.tasks(ctx, w.stack)
	if err != nil {
		return nil, err
	}
	nodes, err := w.nodes(ctx)
	if err != nil {
		return nil, err
	}
	scene, names := newScene(nodes, tasks), map[string]bool{}
	for name, service := range live {
		is := scene.judge(service, false).condition
		paused := service.UpdateStatus != nil && service.UpdateStatus.State == swarm.UpdateStatePaused
		names[name] = !w.leaves(service) && (is == isFailed || paused && is != isUp && is != isPinned)
	}
	return names, nil
}

// leaves tells whether a service that has failed for good stays failed, unless its spec
// changes: one-time work is not repeated unless somebody asks for it. A deployment leaves
// jobs as they are. It restarts other services that Swarm does not restart, because they
// may be meant to keep running and the deployment reports that everything runs. Healing
// only puts back what somebody changed, so it leaves those services, too.
func (w *work) leaves(service swarm.Service) bool {
	return isJob(service.Spec) || w.heals && restartsOn(service.Spec) != swarm.RestartPolicyConditionAny
}

// put creates a service, or changes the service with that id. A network that the service
// needs may be about to be removed, or be removed at this moment. Then put creates the
// network again.
func (d *Deployer) put(ctx context.Context, specs stackfile.Specs, name, id string) error {
	end := d.now().Add(d.Settings.Patience)
	for {
		var err error
		if id == "" {
			err = d.create(ctx, specs.Services[name])
		} else {
			err = d.update(ctx, id, func(swarm.ServiceSpec) swarm.ServiceSpec { return specs.Services[name] })
		}
		if !networkGone(err) || !d.now().Before(end) {
			return err
		}
		if err := d.sleep(ctx, d.Settings.Poll); err != nil {
			return err
		}
		if err := d.createNetworks(ctx, specs, true); err != nil {
			return err
		}
	}
}

// serviceError says that Docker refused a service.
type serviceError struct {
	service string
	why     error
}

func (e serviceError) Error() string { return fmt.Sprintf("%s: %s", e.service, firstLine(e.why)) }
func (e serviceError) Unwrap() error { return e.why }

// unchanged tells whether a service already runs what is wanted: the file asks for what was
// released, and Docker still has the spec of that release.
func unchanged(name string, p plan, live swarm.ServiceSpec, last *Release, networks []network.Summary) bool {
	if last == nil {
		return false
	}
	wanted, ok := last.Specs.Services[name]
	released, known := last.Live[name]
	return ok && known && last.Logins[name] == p.logins[name] && SameSpec(p.specs.Services[name], wanted) && SameSpec(named(live, networks), named(released, networks))
}

func (d *Deployer) create(ctx context.Context, spec swarm.ServiceSpec) error {
	auth, err := d.auth(spec.TaskTemplate.ContainerSpec.Image)
	if err != nil {
		return err
	}
	tries := 0
	_, err = ask(ctx, &d.Reader, "create the service", func(ctx context.Context) (swarm.ServiceCreateResponse, error) {
		tries++
		made, err := d.Swarm.ServiceCreate(ctx, spec, swarm.ServiceCreateOptions{EncodedRegistryAuth: auth})
		if tries > 1 && conflict(err) {
			err = nil // Docker did it, and its answer got lost
		}
		return made, err
	})
	return err
}

// update changes a service, always starting from its newest version: Swarm's own rollback
// and other people change it, too.
func (d *Deployer) update(ctx context.Context, id string, change func(swarm.ServiceSpec) swarm.ServiceSpec) error {
	end := d.now().Add(d.Settings.Patience)
	for {
		found, err := d.serviceByID(ctx, id)
		if err != nil {
			return err
		}
		spec := change(cloneSpec(found.Spec))
		spec.TaskTemplate.ForceUpdate = max(spec.TaskTemplate.ForceUpdate, found.Spec.TaskTemplate.ForceUpdate)
		auth, err := d.auth(spec.TaskTemplate.ContainerSpec.Image)
		if err != nil {
			return err
		}
		_, err = ask(ctx, &d.Reader, "update the service", func(ctx context.Context) (swarm.ServiceUpdateResponse, error) {
			return d.Swarm.ServiceUpdate(ctx, id, found.Version, spec, swarm.ServiceUpdateOptions{EncodedRegistryAuth: auth})
		})
		if !outOfSequence(err) || !d.now().Before(end) {
			return err
		}
		if err := d.sleep(ctx, d.Settings.Poll); err != nil {
			return err
		}
	}
}

func (d *Deployer) serviceByID(ctx context.Context, id string) (swarm.Service, error) {
	list, err := ask(ctx, &d.Reader, "look at the service", func(ctx context.Context) ([]swarm.Service, error) {
		return d.Swarm.ServiceList(ctx, swarm.ServiceListOptions{Filters: filters.NewArgs(filters.Arg("id", id))})
	})
	if err != nil {
		return swarm.Service{}, err
	}
	if len(list) != 1 {
		return swarm.Service{}, errdefs.ErrNotFound
	}
	return list[0], nil
}

// force makes Swarm schedule a service's tasks again.
func (d *Deployer) force(ctx context.Context, id string) error {
	return d.update(ctx, id, func(spec swarm.ServiceSpec) swarm.ServiceSpec {
		spec.TaskTemplate.ForceUpdate++
		return spec
	})
}
