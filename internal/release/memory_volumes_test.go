package release

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	volumetypes "github.com/docker/docker/api/types/volume"
)

// node is a Docker in memory whose volumes are directories. A container runs for each
// volume in uses.
type node struct {
	dir    string
	driver string
	uses   map[string]string // container by volume
	paused map[string]bool
	did    []string
	fail   map[string]error // error by action
}

func (n *node) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	name := o.Filters.Get("volume")[0]
	if id := n.uses[name]; id != "" && !n.paused[id] {
		return []container.Summary{{ID: id, Names: []string{"/" + id}}}, n.fail["list"]
	}
	return nil, n.fail["list"]
}

func (n *node) ContainerPause(_ context.Context, id string) error {
	n.did = append(n.did, "pause "+id)
	if n.fail["pause"] == nil {
		n.paused[id] = true
	}
	return n.fail["pause"]
}

func (n *node) ContainerUnpause(_ context.Context, id string) error {
	n.did = append(n.did, "unpause "+id)
	if !n.paused[id] {
		return errors.New("container is not paused")
	}
	if n.fail["unpause"] == nil {
		delete(n.paused, id)
	}
	return n.fail["unpause"]
}

func (n *node) VolumeInspect(_ context.Context, name string) (volumetypes.Volume, error) {
	if _, err := os.Stat(n.place(name)); err != nil {
		return volumetypes.Volume{}, errdefs.ErrNotFound
	}
	return volumetypes.Volume{Name: name, Driver: n.driver, Mountpoint: n.place(name)}, nil
}

func (n *node) VolumeCreate(_ context.Context, o volumetypes.CreateOptions) (volumetypes.Volume, error) {
	return volumetypes.Volume{}, os.MkdirAll(n.place(o.Name), 0o755)
}

func (n *node) place(name string) string { return filepath.Join(n.dir, name, "_data") }

func (n *node) write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(n.place(name), 0o755), os.WriteFile(filepath.Join(n.place(name), "file"), []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (n *node) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(n.place(name), "file"))
	return string(content)
}
