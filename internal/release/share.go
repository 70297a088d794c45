package release

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// The agents keep the volumes of services with the label stackfile.LabelShare the same on
// all managers, so that such a service finds its files wherever it starts: the edge its
// certificate. The agent of the manager that runs the service stores the files in the
// Swarm, encrypted for the managers, and the others write them into their own volumes.

// Containers are the calls about this node's containers by which an agent reads and writes
// volumes. The agent may not touch Docker's directory itself.
type Containers interface {
	// CopyFromContainer archives a path of a container.
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
	// CopyToContainer unpacks an archive into a directory of a container, which need not run.
	CopyToContainer(ctx context.Context, id, path string, archive io.Reader, options container.CopyToContainerOptions) error
	// Create makes a container that never runs, and returns its id.
	Create(ctx context.Context, config container.Config, host container.HostConfig, name string) (string, error)
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
}

const (
	labelShared = "averazure.shared" // of a config: the volume whose files it holds
	labelDigest = "averazure.digest" // of such a config: the digest of the files

	// rewritePause is after how long the same files are written again: somebody may have
	// removed the volume.
	rewritePause = time.Hour
	// storeBurst is how many times in a row the files of a volume may be stored, and
	// storePause how long it takes to regain one of them. What changes all the time must
	// not fill the Swarm's store.
	storeBurst = 6
	storePause = time.Hour
)

// shares is what an agent remembers of shared volumes.
type shares struct {
	*Deployer
	known map[string]known  // by volume
	said  map[string]string // by volume: why it is not shared, as last logged
}

func newShares(d *Deployer) shares {
	return shares{Deployer: d, known: map[string]known{}, said: map[string]string{}}
}

// known is what an agent knows of a shared volume.
type known struct {
	stored string    // digest of the stored files that are from this volume, or were written into it
	local  string    // digest of the volume's files when they were last stored
	at     time.Time // when stored files were last written into it
	used   int       // how many times in a row its files were stored
	since  time.Time // when used was last reckoned
}

// allow tells whether the files may be stored now, and counts that.
func (k *known) allow(now time.Time) bool {
	if back := int(now.Sub(k.since) / storePause); back > 0 {
		k.used, k.since = max(0, k.used-back), now
	}
	if k.used >= storeBurst {
		return false
	}
	k.used++
	return true
}

// shared is a volume that is to be the same on all managers.
type shared struct {
	service swarm.Service
	mount   mount.Mount
}

func (s shared) volume() string { return s.mount.Source }

// brief is a short name for the volume, with which Docker's names stay within their length.
func (s shared) brief() string {
	sum := sha256.Sum256([]byte(s.volume()))
	return "averazure-share-" + hex.EncodeToString(sum[:6])
}

// sharedVolumes are the shared volumes of services. Volumes of drivers or with options are
// left out: they may be the same already, or a directory of the node.
func sharedVolumes(services []swarm.Service) []shared {
	var all []shared
	for _, service := range services {
		c := service.Spec.TaskTemplate.ContainerSpec
		if service.Spec.Labels[stackfile.LabelShare] != stackfile.ShareTrue || c == nil {
			continue
		}
		for _, m := range c.Mounts {
			if m.Type == mount.TypeVolume && m.Source != "" && !m.ReadOnly && (m.VolumeOptions == nil || m.VolumeOptions.DriverConfig == nil) {
				all = append(all, shared{service, m})
			}
		}
	}
	return all
}

// look stores the files of the shared volumes that are in use on this manager, and writes
// those of others. What goes wrong is logged once, and tried again the next time.
func (s shares) look(ctx context.Context, services []swarm.Service, leads bool, alive func()) error {
	all := sharedVolumes(services)
	if s.Containers == nil || len(all) == 0 && !leads {
		return nil
	}
	copies, err := s.labelled(ctx, labelShared)
	alive()
	if err == nil && leads {
		err = s.drop(ctx, all, copies, alive)
	}
	if err != nil {
		return err
	}
	for _, one := range all {
		why := ""
		if err := s.share(ctx, one, newestCopy(copies, one.volume()), alive); err != nil {
			why = err.Error()
		}
		alive()
		if why != "" && why != s.said[one.volume()] {
			s.say("the volume %s of %s is not shared with the other managers: %s", one.volume(), one.service.Spec.Name, why)
		}
		s.said[one.volume()] = why
	}
	return nil
}

// drop removes stored files that newer ones replace, and those of volumes that are not
// shared any more.
func (s shares) drop(ctx context.Context, all []shared, copies []swarm.Config, alive func()) error {
	for _, one := range copies {
		volume := one.Spec.Labels[labelShared]
		if newestCopy(copies, volume).ID == one.ID && slices.ContainsFunc(all, func(s shared) bool { return s.volume() == volume }) {
			continue
		}
		if err := s.removeConfig(ctx, one.Spec.Name, one.ID); err != nil {
			return err
		}
		alive()
	}
	return nil
}

// newestCopy is the config that was stored last for a volume; nil for none.
func newestCopy(copies []swarm.Config, volume string) *swarm.Config {
	copies = slices.DeleteFunc(slices.Clone(copies), func(c swarm.Config) bool { return c.Spec.Labels[labelShared] != volume })
	if len(copies) == 0 {
		return nil
	}
	newest := slices.MaxFunc(copies, func(a, b swarm.Config) int { return cmp.Compare(a.Version.Index, b.Version.Index) })
	return &newest
}

// share stores a volume's files if the only task that uses the volume runs on this manager,
// and writes them if it runs on another node. While none runs, nothing is touched: somebody
// may be restoring the volume.
func (s shares) share(ctx context.Context, one shared, newest *swarm.Config, alive func()) error {
	state, err := s.state(ctx, "")
	alive()
	if err != nil {
		return err
	}
	scene := newScene(state.Nodes, state.Tasks)
	var running []swarm.Task
	here := false
	for _, service := range state.Services {
		if !slices.Contains(volumes(service.Spec), one.volume()) {
			continue
		}
		for _, task := range scene.tasks[service.ID] {
			here = here || task.NodeID == s.node && !over(task)
			if scene.runs(task) {
				running = append(running, task)
			}
		}
	}
	if len(running) != 1 {
		return nil
	}
	status := running[0].Status.ContainerStatus
	switch {
	case running[0].NodeID == s.node && status != nil:
		return s.store(ctx, one, status.ContainerID, newest)
	case !here && newest != nil && s.isOld(one, *newest) && fits(one.service.Spec.TaskTemplate.Placement, scene.nodes[s.node]):
		return s.write(ctx, one, *newest)
	}
	return nil
}

// isOld tells whether stored files have to be written into this manager's volume.
func (s shares) isOld(one shared, stored swarm.Config) bool {
	k := s.known[one.volume()]
	return k.stored != stored.Spec.Labels[labelDigest] || s.now().Sub(k.at) >= rewritePause
}
