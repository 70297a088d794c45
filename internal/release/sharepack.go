package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
)

const (
	// shareLimit is the largest tar archive of a shared volume, in bytes.
	shareLimit = 1 << 20
	// sealedLimit is how large the archive may be compressed and encrypted, in bytes. Every
	// manager keeps the last stored ones in memory.
	sealedLimit = 128 << 10
	// sharedDir is the directory that is shared, in archives and in the container through
	// which an agent writes it.
	sharedDir = "shared"
)

var errShareTooLarge = fmt.Errorf("its files are too large to share: as a tar archive %d bytes at most, compressed %d", shareLimit, sealedLimit)

// sharedFile is a file or a directory of a shared volume. Its name is relative to the
// volume; the volume's own directory has none.
type sharedFile struct {
	tar.Header
	content []byte
}

// readArchive reads an archive of a directory, whose first entry is the directory itself.
// Only files and directories are shared; links are left out.
func readArchive(archive io.Reader) ([]sharedFile, error) {
	limited := &io.LimitedReader{R: archive, N: shareLimit + 1}
	var files []sharedFile
	var top string
	for in := tar.NewReader(limited); ; {
		header, err := in.Next()
		var content []byte
		if err == nil {
			content, err = io.ReadAll(io.LimitReader(in, shareLimit+1)) // holes take no place in an archive
		}
		switch {
		case limited.N <= 0 || len(content) > shareLimit:
			return nil, errShareTooLarge
		case errors.Is(err, io.EOF):
			slices.SortFunc(files, func(a, b sharedFile) int { return strings.Compare(a.Name, b.Name) })
			return files, nil
		case err != nil:
			return nil, err
		}
		name := path.Clean(header.Name)
		if top == "" {
			top = name
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, top), "/")
		if header.Typeflag == tar.TypeReg && filepath.IsLocal(name) || header.Typeflag == tar.TypeDir && (name == "" || filepath.IsLocal(name)) {
			files = append(files, sharedFile{tar.Header{Typeflag: header.Typeflag, Name: name,
				Mode: header.Mode & 0o7777, Uid: header.Uid, Gid: header.Gid, Size: int64(len(content)), ModTime: header.ModTime}, content})
		}
	}
}

// writeArchive is an archive of files. The same files give the same bytes.
func writeArchive(files []sharedFile) ([]byte, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, file := range files {
		header := file.Header
		header.Name = path.Join(sharedDir, file.Name)
		if err := archive.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(file.content); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}

// digestOf changes with everything about files but their times. Without the managers' key
// nobody can use it to confirm a guess.
func digestOf(key []byte, files []sharedFile) (string, error) {
	files = slices.Clone(files)
	for i, file := range files {
		files[i].Header = tar.Header{Typeflag: file.Typeflag, Name: file.Name, Mode: file.Mode, Uid: file.Uid, Gid: file.Gid, Size: file.Size}
	}
	archive, err := writeArchive(files)
	return hex.EncodeToString(keyed(key, archive)), err
}

// withMissing adds those files of others that files do not have.
func withMissing(files, others []sharedFile) []sharedFile {
	all := slices.Clone(files)
	for _, other := range others {
		if !slices.ContainsFunc(files, func(f sharedFile) bool { return f.Name == other.Name }) {
			all = append(all, other)
		}
	}
	slices.SortFunc(all, func(a, b sharedFile) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// sealFiles compresses files and encrypts them for the managers.
func sealFiles(key []byte, files []sharedFile) ([]byte, error) {
	identity, err := agessh.ParseIdentity(key)
	if err != nil {
		return nil, errors.New("this manager's key for secrets cannot be read; run `pulumi up`")
	}
	own, is := identity.(*agessh.Ed25519Identity)
	if !is {
		return nil, errors.New("this manager's key for secrets is not an Ed25519 key; run `pulumi up`")
	}
	archive, err := writeArchive(files)
	if err != nil {
		return nil, err
	}
	var sealed bytes.Buffer
	out, err := age.Encrypt(&sealed, own.Recipient())
	if err != nil {
		return nil, err
	}
	zip := gzip.NewWriter(out)
	_, err = zip.Write(archive)
	if err = errors.Join(err, zip.Close(), out.Close()); err != nil {
		return nil, err
	}
	if sealed.Len() > sealedLimit {
		return nil, errShareTooLarge
	}
	return sealed.Bytes(), nil
}

// openFiles returns the files that sealFiles sealed.
func openFiles(key, sealed []byte) ([]sharedFile, error) {
	packed, err := decrypt(key, sealed)
	if err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return readArchive(zip)
}
