package stackfile

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	slashpath "path"
	"path/filepath"
	"slices"
)

// MaxArchive bounds an archive of stack files and the files that they name, in bytes: tar
// fills up each file to whole blocks, and the archive to 10 KiB.
const MaxArchive = MaxBytes + maxBeside + (maxNamed+20)*2*512 + 10<<10

// IsArchive tells a tar archive from a stack file.
func IsArchive(input []byte) bool {
	const magic = 257
	return len(input) >= 512 && bytes.HasPrefix(input[magic:], []byte("ustar"))
}

// ReadArchive reads what a pipeline sends: a stack file, or a tar archive with the stack
// files that are given by name and the files beside them.
func ReadArchive(data []byte, files []string) (Input, error) {
	if !IsArchive(data) {
		return Input{Files: []Source{{Name: "stack.yml", Text: string(data)}}}, nil
	}
	contents, err := unpack(data)
	if err != nil {
		return Input{}, fmt.Errorf("the archive cannot be read: %w", err)
	}
	var input Input
	for _, name := range files {
		text, ok := contents[name]
		if !ok {
			return Input{}, fmt.Errorf("the archive has no stack file %s", name)
		}
		input.Files = append(input.Files, Source{Name: name, Text: string(text)})
	}
	for name, content := range contents {
		if slices.Contains(files, name) {
			continue
		}
		if input.Beside == nil {
			input.Beside = map[string][]byte{}
		}
		input.Beside[name] = content
	}
	return input, nil
}

// unpack reads the regular files of an archive. It skips folders and refuses links, devices
// and names that lead out of the folder. It bounds all contents together: a file with holes
// is longer than its part of the archive.
func unpack(data []byte) (map[string][]byte, error) {
	contents := map[string][]byte{}
	left := int64(MaxArchive)
	reader := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return contents, nil
		}
		if err != nil {
			return nil, err
		}
		name := slashpath.Clean(header.Name)
		switch {
		case header.Typeflag == tar.TypeDir:
			continue
		case header.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%s is not a regular file", shortened(name))
		case !filepath.IsLocal(name):
			return nil, fmt.Errorf("%s leads out of the folder", shortened(name))
		case len(contents) > maxNamed+20:
			return nil, fmt.Errorf("it has more than %d files", maxNamed+20)
		}
		content, err := io.ReadAll(io.LimitReader(reader, left+1))
		if err != nil {
			return nil, err
		}
		if left -= int64(len(content)); left < 0 {
			return nil, fmt.Errorf("its files have more than %d bytes together", MaxArchive)
		}
		contents[name] = content
	}
}
