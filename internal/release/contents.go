package release

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/cli/cli/compose/convert"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// contents are the configs and secrets that a stack file describes, ready for the Swarm.
// Their names change with their content.
type contents struct {
	configs []swarm.ConfigSpec
	secrets []swarm.SecretSpec
}

// contentError says why a secret cannot be made; the reason never contains any part of the
// secret.
type contentError struct{ at, name, reason string }

func (e contentError) Error() string {
	return fmt.Sprintf("%s: secret %s: %s", e.at, e.name, e.reason)
}

// maxSecret is the largest size of a secret in Docker, in bytes.
const maxSecret = configLimit - 1

// open decrypts the file's secrets and names them. It changes nothing.
func (d *Reader) open(file *stackfile.File, stack string) (contents, error) {
	c := contents{configs: file.Configs(stack)}
	described := file.Contents(stack)
	if len(described) == 0 {
		return c, nil
	}
	key, err := d.Key()
	if err != nil {
		return c, fmt.Errorf("this manager's key for secrets cannot be read: %w; run `pulumi up`", err)
	}
	for _, one := range described {
		spec, err := openSecret(key, one)
		if err != nil {
			return c, err
		}
		c.secrets = append(c.secrets, spec)
	}
	return c, nil
}

func openSecret(key []byte, one stackfile.Content) (spec swarm.SecretSpec, err error) {
	spec = one.Spec
	if one.Encrypted {
		if spec.Data, err = decrypt(key, spec.Data); err != nil {
			return spec, contentError{one.At, spec.Name, err.Error()}
		}
	}
	if len(spec.Data) == 0 && spec.Driver == nil {
		return spec, contentError{one.At, spec.Name, errEmpty.Error()}
	}
	if len(spec.Data) > maxSecret {
		return spec, contentError{one.At, spec.Name, fmt.Sprintf("it has %d bytes, and Docker stores at most %d", len(spec.Data), maxSecret)}
	}
	spec.Name = stackfile.Version(spec.Name, keyed(key, spec))
	return spec, nil
}

// make puts the contents that are missing into the Swarm, and returns the
// version of each secret by its name.
func (w *work) make(ctx context.Context, c contents) (map[string]string, error) {
	versions := map[string]string{}
	if err := w.makeConfigs(ctx, c.configs); err != nil {
		return nil, err
	}
	if len(c.secrets) == 0 {
		return versions, nil
	}
	there, err := w.secrets(ctx)
	if err != nil {
		return nil, err
	}
	for _, spec := range c.secrets {
		versions[spec.Labels[stackfile.LabelFile]] = spec.Name
		if slices.ContainsFunc(there, func(have swarm.Secret) bool { return have.Spec.Name == spec.Name }) {
			continue
		}
		if err := w.createSecret(ctx, spec); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

func (w *work) makeConfigs(ctx context.Context, configs []swarm.ConfigSpec) error {
	if len(configs) == 0 {
		return nil
	}
	there, err := w.made(ctx, w.stack)
	if err != nil {
		return err
	}
	for _, spec := range configs {
		if configAt(there, spec.Name) >= 0 {
			continue
		}
		if err := w.createConfig(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}

func (d *Deployer) createSecret(ctx context.Context, spec swarm.SecretSpec) error {
	tries := 0
	_, err := ask(ctx, &d.Reader, "store the secret "+spec.Name, func(ctx context.Context) (swarm.SecretCreateResponse, error) {
		tries++
		made, err := d.Swarm.SecretCreate(ctx, spec)
		if err != nil && tries > 1 && conflict(err) {
			return made, nil // Docker did it, and its answer got lost
		}
		return made, err
	})
	return err
}

// made are the configs that were made from files of a stack.
func (d *Reader) made(ctx context.Context, stack string) ([]swarm.Config, error) {
	list, err := d.labelled(ctx, convert.LabelNamespace+"="+stack)
	return slices.DeleteFunc(list, func(c swarm.Config) bool { return c.Spec.Labels[stackfile.LabelFile] == "" }), err
}

// missingConfig says that a service needs a config that does not exist.
type missingConfig struct{ service, name string }

func (m missingConfig) Error() string {
	return fmt.Sprintf("service %s needs the config %s, which is not in the Swarm; create it there (docker config create), or name a file for it in the stack file; if a stack file makes it, deploy that file again", m.service, m.name)
}

// withConfigs returns the specs with the id of every config. If somebody removed a config
// that was made from a file, withConfigs makes it again.
func (w *work) withConfigs(ctx context.Context, specs stackfile.Specs) (stackfile.Specs, error) {
	var list []swarm.Config
	specs.Services = maps.Clone(specs.Services)
	for _, name := range slices.Sorted(maps.Keys(specs.Services)) {
		spec := cloneSpec(specs.Services[name])
		c := spec.TaskTemplate.ContainerSpec
		if c == nil || len(c.Configs) == 0 {
			continue
		}
		if list == nil {
			var err error
			if list, err = w.labelled(ctx, ""); err != nil {
				return specs, err
			}
		}
		for _, ref := range c.Configs {
			var err error
			if list, err = w.secured(ctx, list, missingConfig{name, ref.ConfigName}); err != nil {
				return specs, err
			}
			ref.ConfigID = list[configAt(list, ref.ConfigName)].ID
		}
		specs.Services[name] = spec
	}
	return specs, nil
}
