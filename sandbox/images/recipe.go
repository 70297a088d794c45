package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Recipe describes how to build an image. The image's name is a hash of the recipe, so
// a changed recipe gives a new image.
type Recipe struct {
	Kind  string            // "node", "registry", ...
	Files map[string][]byte // the build context, with its Dockerfile
	Mode  map[string]int64  // file modes other than 0644
	Args  map[string]string // build arguments besides BASE
	// Programs are compiled during the build and added to the build context.
	Programs map[string]Program
}

// Prefix starts the name of every image of the sandbox.
const Prefix = "averazure-sandbox/"

// Label marks an image of the sandbox; its value is the image's kind.
const Label = "averazure.image"

// Ref is the engine's name for an image of a kind.
func Ref(kind, key string) string { return Prefix + kind + ":" + key }

// Key is a hash of everything that the image is built from, including the key of its base.
func (rec Recipe) Key(base string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n", rec.Kind, base)
	for _, name := range sortedKeys(rec.Files) {
		fmt.Fprintf(sum, "%s %o %d\n", name, rec.Mode[name], len(rec.Files[name]))
		sum.Write(rec.Files[name])
	}
	for _, name := range sortedKeys(rec.Args) {
		fmt.Fprintf(sum, "%s=%s\n", name, rec.Args[name])
	}
	for _, name := range sortedKeys(rec.Programs) {
		key, err := rec.Programs[name].key()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %s\n", name, key)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// Files reads the embedded files of one kind of image, by their path below images/KIND.
func Files(embedded fs.FS, kind string) map[string][]byte {
	files := map[string][]byte{}
	root := "images/" + kind
	err := fs.WalkDir(embedded, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(embedded, path)
		files[strings.TrimPrefix(path, root+"/")] = content
		return err
	})
	if err != nil {
		panic(err) // embedded files are always there
	}
	return files
}

// Tar packs files for the engine. The same files give the same bytes: the archive has
// no times and no owners.
func Tar(files map[string][]byte, modes map[string]int64) (io.Reader, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, name := range sortedKeys(files) {
		mode, ok := modes[name]
		if !ok {
			mode = 0o644
		}
		header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(files[name]))}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(files[name]); err != nil {
			return nil, err
		}
	}
	return &buffer, archive.Close()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
