package release

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// shelf is the one volume of a node, and the containers on that node that never run.
type shelf struct {
	files map[string]string // content by name
	owner int               // of the volume's directory
	made  map[string]container.HostConfig
	fail  error // of every unpacking
}

func (s *shelf) CopyFromContainer(context.Context, string, string) (io.ReadCloser, container.PathStat, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o700, Uid: s.owner})
	for name, content := range s.files {
		err = errors.Join(err, archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "data/" + name, Mode: 0o600, Size: int64(len(content))}))
		_, wrote := archive.Write([]byte(content))
		err = errors.Join(err, wrote)
	}
	return io.NopCloser(&out), container.PathStat{}, errors.Join(err, archive.Close())
}

func (s *shelf) CopyToContainer(_ context.Context, id, path string, content io.Reader, _ container.CopyToContainerOptions) error {
	if s.fail != nil {
		return s.fail
	}
	if at := s.made[id].Mounts; len(at) != 1 || path != "/" || at[0].Target != "/"+sharedDir || at[0].Source != "shop_data" {
		return fmt.Errorf("%s does not have the volume: %v", id, at)
	}
	for in := tar.NewReader(content); ; {
		header, err := in.Next()
		if err != nil {
			return nil
		}
		text, _ := io.ReadAll(in)
		if name, under := strings.CutPrefix(header.Name, sharedDir+"/"); under {
			s.files[name] = string(text)
		} else {
			s.owner = header.Uid
		}
	}
}

func (s *shelf) Create(_ context.Context, _ container.Config, host container.HostConfig, name string) (string, error) {
	if _, is := s.made[name]; is {
		return "", errdefs.ErrConflict
	}
	s.made[name] = host
	return name, nil
}

func (s *shelf) ContainerRemove(_ context.Context, id string, _ container.RemoveOptions) error {
	if _, is := s.made[id]; !is {
		return errdefs.ErrNotFound
	}
	delete(s.made, id)
	return nil
}

// library is a Swarm of managers that share the volume of a service, each with its agent.
type library struct {
	t      *testing.T
	m      *memory
	agents map[string]*agent
	shelf  map[string]*shelf
	j      *journal
}

func newLibrary(t *testing.T, options ...func(*swarm.ServiceSpec)) *library {
	t.Helper()
	names := []string{"manager", "manager-2", "manager-3"}
	l := &library{t: t, m: newMemory(names...), agents: map[string]*agent{}, shelf: map[string]*shelf{}, j: &journal{}}
	shares := func(s *swarm.ServiceSpec) { s.Labels[stackfile.LabelShare] = stackfile.ShareTrue }
	options = append([]func(*swarm.ServiceSpec){keeps("shop_data"), shares, startFirst, scaled(1)}, options...)
	expect(t, deploys(newDeployer(t, l.m), specsOf(service("edge", "run:1", options...))), Runs, 1)
	private, _ := keyOf(t, 1)
	for _, name := range names {
		l.shelf[name] = &shelf{files: map[string]string{}, made: map[string]container.HostConfig{}}
		d := newDeployer(t, l.m)
		d.node, d.Host, d.Say, d.Containers = "id-"+name, name, l.j.say, l.shelf[name]
		d.Key = func() ([]byte, error) { return private, nil }
		l.agents[name] = newAgent(d)
	}
	l.agents["manager"].leads = true
	return l
}

// minute lets every agent look once, a minute later.
func (l *library) minute() {
	time.Sleep(time.Minute)
	for _, name := range slices.Sorted(maps.Keys(l.agents)) {
		l.agents[name].eachMinute(l.t.Context(), func() {})
		if left := l.shelf[name].made; len(left) > 0 {
			l.t.Errorf("%s still has %v", name, left)
		}
	}
}

func (l *library) want(node string, files map[string]string) {
	l.t.Helper()
	if have := l.shelf[node].files; !maps.Equal(have, files) {
		l.t.Errorf("%s has %v, want %v", node, have, files)
	}
}

func (l *library) copies() (copies []swarm.Config) {
	for _, one := range l.m.configs {
		if one.Spec.Labels[labelShared] != "" {
			copies = append(copies, one)
		}
	}
	return copies
}

// moves vacates the manager on which the service runs, and returns the one where it then runs.
func (l *library) moves(from string) string {
	l.t.Helper()
	l.m.node(l.t, from).Spec.Availability = swarm.NodeAvailabilityPause
	expect(l.t, l.agents[from].Vacate(l.t.Context(), from), Runs, 0)
	l.m.node(l.t, from).Spec.Availability = swarm.NodeAvailabilityActive
	return strings.Trim(strings.TrimPrefix(l.m.where("shop_edge"), "[id-"), "]")
}
