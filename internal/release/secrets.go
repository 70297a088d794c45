package release

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// A stack file says azure_client_secret; the Swarm has azure_client_secret-3f2a…, with
// another name for each value. The newest config with labelVersions says which version is
// the present one, as JSON from logical to versioned name; `pulumi up` writes it.
const (
	labelVersions = "averazure.secrets"
	labelSecret   = "averazure.secret" // of a stored version: its logical name
	// secretsRecord is the name of that config, before its number.
	secretsRecord = "averazure-secrets"
)

// logical is a secret's name without its version.
func logical(name string) string { return stackfile.WithoutVersion(name) }

// versions are the present version of each secret, and the Swarm's index at which that was
// recorded.
type versions struct {
	present map[string]string
	index   uint64
}

func (d *Reader) versions(ctx context.Context) (versions, error) {
	records, err := d.labelled(ctx, labelVersions)
	if err != nil || len(records) == 0 {
		return versions{}, err
	}
	number := func(c swarm.Config) int {
		n, _ := strconv.Atoi(c.Spec.Labels[labelVersions])
		return n
	}
	newest := slices.MaxFunc(records, func(a, b swarm.Config) int { return cmp.Compare(number(a), number(b)) })
	v := versions{index: newest.Version.Index}
	if err := json.Unmarshal(newest.Spec.Data, &v.present); err != nil {
		return v, fmt.Errorf("read %s: %w", newest.Spec.Name, err)
	}
	return v, nil
}

// unrecorded tells whether the record of the versions is gone.
func (d *Reader) unrecorded(ctx context.Context) (bool, error) {
	records, err := d.labelled(ctx, labelVersions)
	return len(records) == 0, err
}

func (d *Reader) secrets(ctx context.Context) ([]swarm.Secret, error) {
	return ask(ctx, d, "list Docker's secrets", func(ctx context.Context) ([]swarm.Secret, error) {
		return d.Swarm.SecretList(ctx, swarm.SecretListOptions{})
	})
}

// missingSecret says that a service needs a secret that is not stored.
type missingSecret struct{ service, name string }

func (m missingSecret) Error() string {
	return fmt.Sprintf("service %s needs the secret %s, which is not in the Swarm; add it to averazure:secrets and run `pulumi up`, or, if a stack file makes it, deploy that file again", m.service, m.name)
}

// withSecrets returns the specs with every secret in the version to use and its id, and
// those versions. The version is the first of these that applies: the wanted version, if
// there is one and the Swarm has it (so that a rollback restores the value, too); the
// present version; if nothing is recorded, the newest that the Swarm has under the name; a
// secret with exactly that name.
func (d *Reader) withSecrets(ctx context.Context, specs stackfile.Specs, wanted map[string]string) (stackfile.Specs, map[string]string, error) {
	present, err := d.versions(ctx)
	if err != nil {
		return specs, nil, err
	}
	list, err := d.secrets(ctx)
	if err != nil {
		return specs, nil, err
	}
	ids, newest := idsAndNewest(list)
	used := map[string]string{}
	pick := func(service, name string) (*string, error) {
		base := logical(name)
		for _, candidate := range []string{wanted[base], present.present[base], newest[base], name} {
			if _, ok := ids[candidate]; candidate != "" && ok {
				used[base] = candidate
				return &candidate, nil
			}
		}
		return nil, missingSecret{service, base}
	}
	specs.Services = maps.Clone(specs.Services)
	for _, name := range slices.Sorted(maps.Keys(specs.Services)) {
		spec := cloneSpec(specs.Services[name])
		if c := spec.TaskTemplate.ContainerSpec; c != nil {
			for _, ref := range c.Secrets {
				chosen, err := pick(name, ref.SecretName)
				if err != nil {
					return specs, nil, err
				}
				ref.SecretName, ref.SecretID = *chosen, ids[*chosen]
			}
		}
		specs.Services[name] = spec
	}
	return specs, used, nil
}

// idsAndNewest are the secrets' ids by their full names, and the newest version of each
// by its logical name.
func idsAndNewest(list []swarm.Secret) (ids, newest map[string]string) {
	ids, newest = map[string]string{}, map[string]string{}
	slices.SortFunc(list, func(a, b swarm.Secret) int { return cmp.Compare(a.Version.Index, b.Version.Index) })
	for _, secret := range list {
		ids[secret.Spec.Name] = secret.ID
		if name := secret.Spec.Labels[labelSecret]; name != "" {
			newest[name] = secret.Spec.Name
		}
	}
	return ids, newest
}

// dropOldSecrets removes versions that are neither present nor used by a service (a
// rollback uses the present ones then). It keeps versions that were stored after the
// record: they are about to become present. While another stack is deployed it removes
// nothing: that deployment may have chosen a version already. A failure here must not spoil
// a deployment that went well.
func (w *work) dropOldSecrets(ctx context.Context) error {
	holders, err := w.Holders(ctx)
	if err != nil || slices.ContainsFunc(holders, func(h Holder) bool { return h.Stack != w.stack }) {
		return err
	}
	v, err := w.versions(ctx)
	if err != nil {
		return err
	}
	keep, err := w.neededSecrets(ctx, v)
	if err != nil {
		return err
	}
	list, err := w.secrets(ctx)
	if err != nil {
		return err
	}
	for _, secret := range list {
		if secret.Spec.Labels[labelSecret] != "" && !keep[secret.Spec.Name] && secret.Version.Index < v.index {
			w.dropSecret(ctx, secret)
		}
	}
	return nil
}

// neededSecrets are the present versions and the versions that services use, by name.
func (w *work) neededSecrets(ctx context.Context, v versions) (map[string]bool, error) {
	services, err := w.services(ctx, "")
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for _, name := range v.present {
		keep[name] = true
	}
	for _, service := range services {
		if c := service.Spec.TaskTemplate.ContainerSpec; c != nil {
			for _, ref := range c.Secrets {
				keep[ref.SecretName] = true
			}
		}
	}
	return keep, nil
}

func (w *work) dropSecret(ctx context.Context, secret swarm.Secret) {
	w.say("removing the former secret %s", secret.Spec.Name)
	if err := w.once(ctx, func(ctx context.Context) error { return w.Swarm.SecretRemove(ctx, secret.ID) }); err != nil {
		w.say("it stays for now: %s", firstLine(err))
	}
}

// cloneSpec is a copy that shares nothing with the original.
func cloneSpec(spec swarm.ServiceSpec) swarm.ServiceSpec {
	var copied swarm.ServiceSpec
	text, err := json.Marshal(spec)
	if err == nil {
		err = json.Unmarshal(text, &copied)
	}
	if err != nil {
		panic(err) // Docker's types always encode
	}
	return copied
}
