package release

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/swarm"
)

func (m *memory) ConfigList(ctx context.Context, o swarm.ConfigListOptions) ([]swarm.Config, error) {
	unlock, err := m.lock(ctx, "ConfigList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []swarm.Config
	for _, c := range m.configs {
		if matches(o.Filters, c.Spec.Name, c.ID, c.Spec.Labels) {
			list = append(list, c)
		}
	}
	return list, nil
}

func (m *memory) ConfigCreate(ctx context.Context, spec swarm.ConfigSpec) (swarm.ConfigCreateResponse, error) {
	unlock, err := m.lock(ctx, "ConfigCreate")
	if err != nil {
		return swarm.ConfigCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.configs, func(c swarm.Config) bool { return c.Spec.Name == spec.Name }) {
		return swarm.ConfigCreateResponse{}, errdefs.ErrAlreadyExists
	}
	version := m.next()
	id := fmt.Sprintf("config-%d", version.Index)
	m.configs = append(m.configs, swarm.Config{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	return swarm.ConfigCreateResponse{ID: id}, m.answer("ConfigCreate")
}

func (m *memory) ConfigUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ConfigSpec) error {
	unlock, err := m.lock(ctx, "ConfigUpdate")
	if err != nil {
		return err
	}
	defer unlock()
	for i := range m.configs {
		if m.configs[i].ID == id {
			if m.configs[i].Version != version {
				return fmt.Errorf("update out of sequence")
			}
			m.configs[i].Spec, m.configs[i].Version = spec, m.next()
			return m.answer("ConfigUpdate")
		}
	}
	return errdefs.ErrNotFound
}

func (m *memory) ConfigRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "ConfigRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.configs = slices.DeleteFunc(m.configs, func(c swarm.Config) bool { return c.ID == id })
	return m.answer("ConfigRemove")
}

func (m *memory) SecretList(ctx context.Context, _ swarm.SecretListOptions) ([]swarm.Secret, error) {
	unlock, err := m.lock(ctx, "SecretList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(m.secrets), nil
}

func (m *memory) SecretCreate(ctx context.Context, spec swarm.SecretSpec) (swarm.SecretCreateResponse, error) {
	unlock, err := m.lock(ctx, "SecretCreate")
	if err != nil {
		return swarm.SecretCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.secrets, func(s swarm.Secret) bool { return s.Spec.Name == spec.Name }) {
		return swarm.SecretCreateResponse{}, errdefs.ErrAlreadyExists
	}
	version := m.next()
	id := fmt.Sprintf("secret-%d", version.Index)
	m.secrets = append(m.secrets, swarm.Secret{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	return swarm.SecretCreateResponse{ID: id}, nil
}

func (m *memory) SecretRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "SecretRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.secrets = slices.DeleteFunc(m.secrets, func(s swarm.Secret) bool { return s.ID == id })
	return m.answer("SecretRemove")
}

// store adds a secret version.
func (m *memory) store(name, version string) {
	m.secrets = append(m.secrets, swarm.Secret{ID: "id-" + version, Meta: swarm.Meta{Version: m.next()},
		Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: version, Labels: map[string]string{labelSecret: name}}}})
}
