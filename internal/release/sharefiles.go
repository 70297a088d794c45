package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
)

// store stores the files that a container has in the volume, if they changed. If the newest
// stored files are not from this volume, those that it lacks are stored once more: the
// service may have started here before they were written.
func (s shares) store(ctx context.Context, one shared, id string, newest *swarm.Config) error {
	ctx, cancel := s.glance(ctx)
	defer cancel()
	key, err := s.Key()
	if err != nil {
		return err
	}
	files, err := s.read(ctx, id, one.mount.Target)
	if err != nil {
		return err
	}
	local, err := digestOf(key, files)
	if err != nil {
		return err
	}
	k := s.known[one.volume()]
	if newest != nil && k.stored == newest.Spec.Labels[labelDigest] && k.local == local {
		return nil
	}
	if newest != nil && k.stored != newest.Spec.Labels[labelDigest] {
		former, err := openFiles(key, newest.Spec.Data)
		if err != nil {
			s.say("the files of the volume %s that another manager stored cannot be read, and are replaced: %v", one.volume(), err)
		}
		files = withMissing(files, former)
	}
	digest, err := digestOf(key, files)
	if err != nil {
		return err
	}
	if newest == nil || digest != newest.Spec.Labels[labelDigest] {
		if len(files) < 2 { // the directory itself
			return nil
		}
		if !k.allow(s.now()) {
			s.known[one.volume()] = k
			return fmt.Errorf("its files change all the time; they are stored once in %s", storePause)
		}
		if err := s.keep(ctx, one, key, files, digest); err != nil {
			return err
		}
	}
	k.stored, k.local, k.at = digest, local, s.now()
	s.known[one.volume()] = k
	return nil
}

// read reads the files of a directory of a container.
func (s shares) read(ctx context.Context, id, dir string) ([]sharedFile, error) {
	archive, _, err := s.Containers.CopyFromContainer(ctx, id, dir)
	if err != nil {
		return nil, err
	}
	files, err := readArchive(archive)
	return files, errors.Join(err, archive.Close())
}

// keep stores files in the Swarm. The leader's agent removes the former ones.
func (s shares) keep(ctx context.Context, one shared, key []byte, files []sharedFile, digest string) error {
	sealed, err := sealFiles(key, files)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%d", one.brief(), s.now().Unix())
	if err := s.createConfig(ctx, configOf(name, map[string]string{labelShared: one.volume(), labelDigest: digest}, sealed)); err != nil {
		return err
	}
	s.say("stored the files of the volume %s of %s for the other managers", one.volume(), one.service.Spec.Name)
	return nil
}

// write writes stored files into this manager's volume. The volume becomes part of a
// container that never runs, of the empty image that each node makes. Files that are only
// in this volume stay.
func (s shares) write(ctx context.Context, one shared, stored swarm.Config) error {
	key, err := s.Key()
	if err != nil {
		return err
	}
	files, err := openFiles(key, stored.Spec.Data)
	if err != nil {
		return err
	}
	archive, err := writeArchive(files)
	if err != nil {
		return err
	}
	if err := s.unmake(ctx, one.brief()); err != nil { // of a run that died
		return err
	}
	at := one.mount
	at.Target = "/" + sharedDir
	err = s.once(ctx, func(ctx context.Context) error {
		id, err := s.Containers.Create(ctx, container.Config{Image: orderImage, Cmd: []string{"/never"}},
			container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{at}}, one.brief())
		if err != nil {
			return err
		}
		return s.Containers.CopyToContainer(ctx, id, "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
	})
	if err = errors.Join(err, s.unmake(context.WithoutCancel(ctx), one.brief())); err != nil {
		return err
	}
	k, digest := s.known[one.volume()], stored.Spec.Labels[labelDigest]
	if k.stored != digest {
		s.say("wrote the files of the volume %s of %s, as another manager stored them", one.volume(), one.service.Spec.Name)
	}
	k.stored, k.local, k.at = digest, "", s.now()
	s.known[one.volume()] = k
	return nil
}

// unmake removes the container by which a volume is written, if it is there.
func (s shares) unmake(ctx context.Context, name string) error {
	err := s.once(ctx, func(ctx context.Context) error {
		return s.Containers.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
	})
	if notFound(err) {
		return nil
	}
	return err
}
