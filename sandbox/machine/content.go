package machine

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

//go:embed images
var images embed.FS

// imageFiles are the embedded files of a kind of image, by their names in it.
func imageFiles(kind string) map[string][]byte {
	files := map[string][]byte{}
	root := "images/" + kind
	err := fs.WalkDir(images, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := images.ReadFile(path)
		files[strings.TrimPrefix(path, root+"/")] = content
		return err
	})
	if err != nil {
		panic(err) // they are part of this program
	}
	return files
}

// tarOf packs files as the engine takes them, the same bytes for the same
// files: no times, no owners.
func tarOf(files map[string][]byte, modes map[string]int64) (io.Reader, error) {
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

// shortHash names an object after an id that may be long and hold anything.
func shortHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:12]
}
