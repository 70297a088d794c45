// Package images builds the sandbox's images, keeps them in a cache directory, and names
// each by a hash of its recipe.
package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Builder builds images in an engine.
type Builder struct {
	Docker   *client.Client
	CacheDir string            // tarballs are in its directory images
	Labels   map[string]string // put on a build's containers
	Log      func(format string, a ...any)
}

// Base is the image that all others are built on. It is built only when another image has
// to be built.
type Base struct {
	Key, Ref string
	Ensure   func(context.Context) error
}

// Ensure returns the name of the recipe's image. It loads the image from the cache, or
// builds it and saves it there.
func (b *Builder) Ensure(ctx context.Context, rec Recipe, base Base) (string, error) {
	key, err := rec.Key(base.Key)
	if err != nil {
		return "", err
	}
	ref := Ref(rec.Kind, key)
	err = b.EnsureCached(ctx, ref, func() error {
		if err := base.Ensure(ctx); err != nil {
			return err
		}
		return b.Build(ctx, rec, ref, base.Ref)
	})
	if err != nil {
		return "", fmt.Errorf("build the image of the %s: %w", rec.Kind, err)
	}
	return ref, nil
}

// EnsureCached makes sure that the engine has the image: it loads it from the cache, or
// calls produce and saves the result.
func (b *Builder) EnsureCached(ctx context.Context, ref string, produce func() error) error {
	if has, err := b.Has(ctx, ref); has || err != nil {
		return err
	}
	file := b.tarball(ref)
	if err := b.load(ctx, file); err == nil {
		if has, err := b.Has(ctx, ref); has || err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		b.Log("cannot load %s (%v); building the image again", file, err)
	}
	if err := produce(); err != nil {
		return err
	}
	b.forgetOlder(ctx, ref)
	return b.save(ctx, ref, file)
}

// forgetOlder removes older images of the same kind. The engine keeps those that a
// container uses.
func (b *Builder) forgetOlder(ctx context.Context, ref string) {
	kind, _, _ := strings.Cut(ref, ":")
	older, err := b.Docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", kind+":*"))})
	if err != nil {
		return
	}
	for _, summary := range older {
		for _, tag := range summary.RepoTags {
			if tag != ref && strings.HasPrefix(tag, kind+":") {
				b.Docker.ImageRemove(ctx, tag, image.RemoveOptions{PruneChildren: true})
			}
		}
	}
}

func (b *Builder) Has(ctx context.Context, ref string) (bool, error) {
	_, err := b.Docker.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// tarball is the image's file in the cache.
func (b *Builder) tarball(ref string) string {
	name := strings.NewReplacer(Prefix, "", ":", "-", "/", "-").Replace(ref)
	return filepath.Join(b.CacheDir, "images", name+".tar")
}

func (b *Builder) load(ctx context.Context, file string) error {
	tarball, err := os.Open(file)
	if err != nil {
		return err
	}
	defer tarball.Close()
	loaded, err := b.Docker.ImageLoad(ctx, tarball, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer loaded.Body.Close()
	_, err = StreamEnd(loaded.Body)
	return err
}

// save saves the image in the cache and removes older ones of its kind.
func (b *Builder) save(ctx context.Context, ref, file string) error {
	saved, err := b.Docker.ImageSave(ctx, []string{ref})
	if err != nil {
		return err
	}
	defer saved.Close()
	temporary, err := os.CreateTemp(filepath.Dir(file), savingPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = io.Copy(temporary, saved)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	kind := strings.TrimSuffix(filepath.Base(file), ref[strings.LastIndexByte(ref, ':')+1:]+".tar")
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(file), kind+strings.Repeat("?", 12)+".tar"))
	for _, other := range old {
		os.Remove(other)
	}
	return os.Rename(temporary.Name(), file)
}

// buildTime limits the build of one image, on a slow connection and a busy machine.
const buildTime = 20 * time.Minute

// Build runs the recipe's Dockerfile on the base.
func (b *Builder) Build(ctx context.Context, rec Recipe, ref, base string) error {
	b.Log("building the image of the %s", rec.Kind)
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	files := maps.Clone(rec.Files)
	for name, program := range rec.Programs {
		binary, err := program.build(ctx)
		if err != nil {
			return err
		}
		files[name] = binary
	}
	context, err := Tar(files, rec.Mode)
	if err != nil {
		return err
	}
	args := map[string]*string{"BASE": &base}
	for name, value := range Proxies() {
		args[name] = &value
	}
	for name, value := range rec.Args {
		args[name] = &value
	}
	built, err := b.Docker.ImageBuild(ctx, context, build.ImageBuildOptions{
		Tags: []string{ref}, BuildArgs: args, Remove: true, ForceRemove: true,
		Labels:  map[string]string{Label: rec.Kind},
		Version: build.BuilderV1, // every engine has it
	})
	if err != nil {
		return err
	}
	defer built.Body.Close()
	output, err := StreamEnd(built.Body)
	if err != nil {
		return fmt.Errorf("%w; the build's last lines:\n%s", err, output)
	}
	return nil
}

// StreamEnd reads an engine's progress stream to its end. It returns the last lines of
// the output and the stream's error.
func StreamEnd(stream io.Reader) (string, error) {
	var tail []string
	decoder := json.NewDecoder(stream)
	for {
		var message struct{ Stream, Status, Error string }
		if err := decoder.Decode(&message); err == io.EOF {
			return "", nil
		} else if err != nil {
			return strings.Join(tail, "\n"), err
		}
		if message.Error != "" {
			return strings.Join(tail, "\n"), errors.New(message.Error)
		}
		if line := strings.TrimSpace(message.Stream); line != "" {
			tail = append(tail, line)
			tail = tail[max(0, len(tail)-20):]
		}
	}
}
