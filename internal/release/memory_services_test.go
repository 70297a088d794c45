package release

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

func (m *memory) ServiceList(ctx context.Context, o swarm.ServiceListOptions) ([]swarm.Service, error) {
	unlock, err := m.lock(ctx, "ServiceList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []swarm.Service
	for _, s := range m.services {
		if matches(o.Filters, s.Spec.Name, s.ID, s.Spec.Labels) {
			s.Spec = cloneSpec(s.Spec)
			list = append(list, s)
		}
	}
	return list, nil
}

func (m *memory) ServiceCreate(ctx context.Context, spec swarm.ServiceSpec, _ swarm.ServiceCreateOptions) (swarm.ServiceCreateResponse, error) {
	unlock, err := m.lock(ctx, "ServiceCreate")
	if err != nil {
		return swarm.ServiceCreateResponse{}, err
	}
	defer unlock()
	if slices.ContainsFunc(m.services, func(s swarm.Service) bool { return s.Spec.Name == spec.Name }) {
		return swarm.ServiceCreateResponse{}, fmt.Errorf("name conflicts with an existing object: %w", errdefs.ErrAlreadyExists)
	}
	if spec, err = m.withNetworks(spec); err != nil {
		return swarm.ServiceCreateResponse{}, err
	}
	version := m.next()
	id := fmt.Sprintf("service-%d", version.Index)
	m.services = append(m.services, swarm.Service{ID: id, Meta: swarm.Meta{Version: version}, Spec: spec})
	m.tell(events.ServiceEventType)
	return swarm.ServiceCreateResponse{ID: id}, m.answer("ServiceCreate")
}

func (m *memory) ServiceUpdate(ctx context.Context, id string, version swarm.Version, spec swarm.ServiceSpec, _ swarm.ServiceUpdateOptions) (swarm.ServiceUpdateResponse, error) {
	unlock, err := m.lock(ctx, "ServiceUpdate")
	if err != nil {
		return swarm.ServiceUpdateResponse{}, err
	}
	defer unlock()
	for i := range m.services {
		s := &m.services[i]
		if s.ID != id {
			continue
		}
		if s.Version != version {
			return swarm.ServiceUpdateResponse{}, fmt.Errorf("rpc error: code = Unknown desc = update out of sequence")
		}
		if spec, err = m.withNetworks(spec); err != nil {
			return swarm.ServiceUpdateResponse{}, err
		}
		former := s.Spec
		m.previous[id], s.PreviousSpec = former, &former
		s.Spec, s.Version, s.UpdateStatus = spec, m.next(), nil
		m.updates[spec.Name]++
		m.tell(events.ServiceEventType)
		return swarm.ServiceUpdateResponse{}, m.answer("ServiceUpdate")
	}
	return swarm.ServiceUpdateResponse{}, errdefs.ErrNotFound
}

// withNetworks is a copy of a spec with the ids of networks, as Docker keeps it.
func (m *memory) withNetworks(spec swarm.ServiceSpec) (swarm.ServiceSpec, error) {
	spec = cloneSpec(spec)
	if m.fills != nil {
		m.fills(&spec)
	}
	for i, joined := range spec.TaskTemplate.Networks {
		at := slices.IndexFunc(m.networks, func(n network.Summary) bool { return n.Name == joined.Target || n.ID == joined.Target })
		if at < 0 {
			return spec, fmt.Errorf("network %s not found", joined.Target)
		}
		spec.TaskTemplate.Networks[i].Target = m.networks[at].ID
	}
	return spec, nil
}

func (m *memory) ServiceRemove(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx, "ServiceRemove")
	if err != nil {
		return err
	}
	defer unlock()
	m.services = slices.DeleteFunc(m.services, func(s swarm.Service) bool { return s.ID == id })
	m.tasks = slices.DeleteFunc(m.tasks, func(t swarm.Task) bool { return t.ServiceID == id })
	m.tell(events.ServiceEventType)
	return m.answer("ServiceRemove")
}

func (m *memory) TaskList(ctx context.Context, o swarm.TaskListOptions) ([]swarm.Task, error) {
	unlock, err := m.lock(ctx, "TaskList")
	if err != nil {
		return nil, err
	}
	defer unlock()
	m.step()
	var list []swarm.Task
	for _, t := range m.tasks {
		if matches(o.Filters, "", t.ID, t.Labels) {
			list = append(list, t)
		}
	}
	return list, nil
}

func (m *memory) TaskLogs(ctx context.Context, id string, _ container.LogsOptions) (io.ReadCloser, error) {
	text := "the last words of " + id
	frame := append([]byte{1, 0, 0, 0, 0, 0, 0, byte(len(text))}, text...)
	return io.NopCloser(bytes.NewReader(frame)), nil
}
