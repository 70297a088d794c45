package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// recipe says how an image is made, and by its content what the image is
// called: the same recipe gives the same name, another one another.
type recipe struct {
	kind  string            // "node", "registry", ...
	files map[string][]byte // build context, Dockerfile included
	mode  map[string]int64  // of files that are not 0644
	args  map[string]string // build arguments besides BASE
	// programs are compiled when the image is built, and put into the context.
	programs map[string]program
}

// imagePrefix begins the name of every image of ours.
const imagePrefix = "averazure-sandbox/"

// imageRef is the name under which an image of a kind is kept in the engine.
func imageRef(kind, key string) string { return imagePrefix + kind + ":" + key }

// key is a hash of all that goes into the image, its base's key included.
func (rec recipe) key(base string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n", rec.kind, base)
	for _, name := range sortedKeys(rec.files) {
		fmt.Fprintf(sum, "%s %o %d\n", name, rec.mode[name], len(rec.files[name]))
		sum.Write(rec.files[name])
	}
	for _, name := range sortedKeys(rec.args) {
		fmt.Fprintf(sum, "%s=%s\n", name, rec.args[name])
	}
	for _, name := range sortedKeys(rec.programs) {
		key, err := rec.programs[name].key()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %s\n", name, key)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// ensureImage returns the name of the recipe's image, which it takes from the
// engine, from the cache, or builds, and then keeps in the cache.
func (r *Room) ensureImage(ctx context.Context, rec recipe, base baseImage) (string, error) {
	key, err := rec.key(base.key)
	if err != nil {
		return "", err
	}
	ref := imageRef(rec.kind, key)
	err = r.ensureCached(ctx, ref, func() error {
		if err := base.ensure(ctx); err != nil {
			return err
		}
		return r.buildImage(ctx, rec, ref, base.ref)
	})
	if err != nil {
		return "", fmt.Errorf("image of the %s: %w", rec.kind, err)
	}
	return ref, nil
}

// ensureCached makes sure that the engine has the image, by loading it from
// the cache or by making it.
func (r *Room) ensureCached(ctx context.Context, ref string, produce func() error) error {
	if has, err := r.hasImage(ctx, ref); has || err != nil {
		return err
	}
	file := r.tarball(ref)
	if err := r.loadImage(ctx, file); err == nil {
		if has, err := r.hasImage(ctx, ref); has || err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		r.log("cannot load %s (%v); making the image again", file, err)
	}
	if err := produce(); err != nil {
		return err
	}
	r.forgetOlder(ctx, ref)
	return r.saveImage(ctx, ref, file)
}

// forgetOlder removes the images of the same kind that were made of something
// else. One that a node still runs on stays; the engine sees to that.
func (r *Room) forgetOlder(ctx context.Context, ref string) {
	kind, _, _ := strings.Cut(ref, ":")
	older, err := r.docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", kind+":*"))})
	if err != nil {
		return
	}
	for _, summary := range older {
		for _, tag := range summary.RepoTags {
			if tag != ref && strings.HasPrefix(tag, kind+":") {
				r.docker.ImageRemove(ctx, tag, image.RemoveOptions{PruneChildren: true})
			}
		}
	}
}

func (r *Room) hasImage(ctx context.Context, ref string) (bool, error) {
	_, err := r.docker.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// tarball is where the cache keeps an image.
func (r *Room) tarball(ref string) string {
	name := strings.NewReplacer(imagePrefix, "", ":", "-", "/", "-").Replace(ref)
	return filepath.Join(r.cacheDir, "images", name+".tar")
}

func (r *Room) loadImage(ctx context.Context, file string) error {
	tarball, err := os.Open(file)
	if err != nil {
		return err
	}
	defer tarball.Close()
	loaded, err := r.docker.ImageLoad(ctx, tarball, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer loaded.Body.Close()
	_, err = streamEnd(loaded.Body)
	return err
}

// saveImage keeps the image in the cache, in place of those of its kind that
// were made of something else.
func (r *Room) saveImage(ctx context.Context, ref, file string) error {
	saved, err := r.docker.ImageSave(ctx, []string{ref})
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

// buildTime bounds the build of one image, on a slow line and a busy machine.
const buildTime = 20 * time.Minute

// buildImage runs the recipe's Dockerfile on the base.
func (r *Room) buildImage(ctx context.Context, rec recipe, ref, base string) error {
	r.log("building the image of the %s", rec.kind)
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	files := maps.Clone(rec.files)
	for name, program := range rec.programs {
		binary, err := program.build(ctx)
		if err != nil {
			return err
		}
		files[name] = binary
	}
	context, err := tarOf(files, rec.mode)
	if err != nil {
		return err
	}
	args := map[string]*string{"BASE": &base}
	for name, value := range proxies() {
		args[name] = &value
	}
	for name, value := range rec.args {
		args[name] = &value
	}
	built, err := r.docker.ImageBuild(ctx, context, build.ImageBuildOptions{
		Tags: []string{ref}, BuildArgs: args, Remove: true, ForceRemove: true,
		Labels:  map[string]string{labelImage: rec.kind},
		Version: build.BuilderV1, // the one that every engine has
	})
	if err != nil {
		return err
	}
	defer built.Body.Close()
	output, err := streamEnd(built.Body)
	if err != nil {
		return fmt.Errorf("%w; the build's last lines:\n%s", err, output)
	}
	return nil
}

// streamEnd reads an engine's progress stream to its end. It returns the last
// lines of the output, and the error that the stream may carry.
func streamEnd(stream io.Reader) (string, error) {
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
