package dockerimage

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pack streams the context as `docker build` does: without ignored files, owned by root,
// and always with the Dockerfile, even if that is ignored or outside the context.
func (j *job) pack() (io.ReadCloser, error) {
	patterns, err := ignored(j.contextDir, j.dockerfile)
	if err != nil {
		return nil, err
	}
	dockerfile, err := os.ReadFile(j.dockerfile)
	if err != nil {
		return nil, err
	}
	outside := j.inDockerfile == ".." || strings.HasPrefix(j.inDockerfile, ".."+string(filepath.Separator))
	if outside {
		j.options.Dockerfile = fmt.Sprintf(".dockerfile.%x", sha256.Sum256(dockerfile))
	}
	r, w := io.Pipe()
	go func() {
		out := tar.NewWriter(w)
		err := writeContext(out, j.contextDir, filepath.ToSlash(j.options.Dockerfile), dockerfile, patterns, outside)
		if err == nil {
			err = out.Close()
		}
		w.CloseWithError(err)
	}()
	return r, nil
}

// writeContext leaves out .dockerignore, which the classic builder would apply again. If
// the Dockerfile is from outside the context, it writes a .dockerignore that keeps the
// Dockerfile out of the image.
func writeContext(out *tar.Writer, dir, dockerfileName string, dockerfile []byte, patterns []string, outside bool) error {
	extra := map[string][]byte{dockerfileName: dockerfile}
	if outside {
		extra[".dockerignore"] = []byte(dockerfileName + "\n.dockerignore\n")
	}
	for name, content := range extra {
		if err := writeFile(out, name, content); err != nil {
			return err
		}
	}
	return walk(dir, patterns, func(path, name string, info fs.FileInfo) error {
		name = filepath.ToSlash(name)
		if name == dockerfileName || name == ".dockerignore" {
			return nil
		}
		if err := writeEntry(out, path, name, info); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		return nil
	})
}

func writeFile(out *tar.Writer, name string, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := out.Write(content)
	return err
}

func writeEntry(out *tar.Writer, path, name string, info fs.FileInfo) error {
	var link string
	if info.Mode().Type() == fs.ModeSymlink {
		var err error
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err // for example a socket
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	if info.IsDir() {
		header.Name += "/"
	}
	if err := out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, f)
	return err
}
