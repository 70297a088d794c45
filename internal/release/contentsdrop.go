package release

import (
	"context"
	"maps"
	"slices"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// dropContents removes the configs and secrets that were made from files of the stack, if
// no service and no release names them: a release keeps what it needs for a rollback. A
// failure to remove them does not fail the deployment.
func (w *work) dropContents(ctx context.Context) error {
	configs, err := w.made(ctx, w.stack)
	if err != nil {
		return err
	}
	copies, err := w.copies(ctx)
	if err != nil {
		return err
	}
	secrets, err := w.madeSecrets(ctx)
	if err != nil {
		return err
	}
	if len(configs)+len(copies)+len(secrets) == 0 {
		return nil
	}
	used, err := w.usedContents(ctx)
	if err != nil {
		return err
	}
	for _, config := range configs {
		if !used["config "+config.Spec.Name] {
			w.say("removing the former config %s", config.Spec.Name)
			w.drop(ctx, config)
		}
	}
	for _, one := range copies {
		if spec, err := original(one); err != nil || !used["config "+spec.Name] {
			w.drop(ctx, one)
		}
	}
	for _, secret := range secrets {
		if !used["secret "+secret.Spec.Name] {
			w.dropSecret(ctx, secret)
		}
	}
	return nil
}

// madeSecrets are the secrets that were made from files of the stack.
func (w *work) madeSecrets(ctx context.Context) ([]swarm.Secret, error) {
	secrets, err := w.secrets(ctx)
	return slices.DeleteFunc(secrets, func(secret swarm.Secret) bool {
		labels := secret.Spec.Labels
		return labels[stackfile.LabelFile] == "" || labels[convert.LabelNamespace] != w.stack
	}), err
}

func (w *work) drop(ctx context.Context, config swarm.Config) {
	if err := w.once(ctx, func(ctx context.Context) error { return w.Swarm.ConfigRemove(ctx, config.ID) }); err != nil {
		w.say("the config %s stays for now: %s", config.Spec.Name, firstLine(err))
	}
}

// usedContents are the configs and secrets that services or the stack's releases name.
func (w *work) usedContents(ctx context.Context) (map[string]bool, error) {
	specs, err := w.neededSpecs(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, spec := range specs {
		if c := spec.TaskTemplate.ContainerSpec; c != nil {
			for _, ref := range c.Configs {
				used["config "+ref.ConfigName] = true
			}
			for _, ref := range c.Secrets {
				used["secret "+ref.SecretName] = true
			}
		}
	}
	return used, nil
}

// neededSpecs are the specs of all services, and the specs to which Swarm or a rollback may
// go back.
func (w *work) neededSpecs(ctx context.Context) ([]swarm.ServiceSpec, error) {
	services, err := w.services(ctx, "")
	if err != nil {
		return nil, err
	}
	h, err := w.load(ctx, w.stack)
	if err != nil {
		return nil, err
	}
	var specs []swarm.ServiceSpec
	for _, service := range services {
		specs = append(specs, service.Spec)
		if mayRollBack(service) {
			specs = append(specs, *service.PreviousSpec)
		}
	}
	for _, r := range h.releases {
		specs = slices.AppendSeq(specs, maps.Values(r.Specs.Services))
	}
	return specs, nil
}

// mayRollBack tells whether Swarm itself may still go back to the former spec: it does so
// while an update is under way. Releases contain all earlier specs.
func mayRollBack(service swarm.Service) bool {
	status := service.UpdateStatus
	if status == nil || service.PreviousSpec == nil {
		return false
	}
	return status.State != swarm.UpdateStateCompleted && status.State != swarm.UpdateStateRollbackCompleted
}
