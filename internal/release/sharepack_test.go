package release

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// An archive may hold anything that a container's program made.
func TestOnlyFilesAndDirectoriesAreShared(t *testing.T) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, header := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "data/", Uid: 9}, {Typeflag: tar.TypeSymlink, Name: "data/etc", Linkname: "/etc"}, {Typeflag: tar.TypeFifo, Name: "data/pipe"},
		{Typeflag: tar.TypeDir, Name: "data/sub/", Mode: 0o40755, Uid: 33}, {Typeflag: tar.TypeReg, Name: "data/sub/file", Mode: 0o100640, Gid: 7},
	} {
		if err := archive.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{" 0 9 0", "sub 755 33 0", "sub/file 640 0 7"}
	files, err := readArchive(&out)
	if have := listed(files); err != nil || !slices.Equal(have, want) {
		t.Errorf("%q, %v", have, err)
	}
	private, _ := keyOf(t, 1)
	sealed, err := sealFiles(private, files)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := openFiles(private, sealed); err != nil || !slices.Equal(listed(again), want) {
		t.Errorf("after sealing: %q, %v", listed(again), err)
	}
}

func listed(files []sharedFile) (lines []string) {
	for _, file := range files {
		lines = append(lines, fmt.Sprintf("%s %o %d %d", file.Name, file.Mode, file.Uid, file.Gid))
	}
	return lines
}

func FuzzReadArchive(f *testing.F) {
	one, err := writeArchive([]sharedFile{{Header: tar.Header{Typeflag: tar.TypeDir}}, {Header: tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}, content: []byte("b")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, err := readArchive(bytes.NewReader(archive))
		if err != nil {
			return
		}
		size := 0
		for _, file := range files {
			size += len(file.content)
			if strings.HasPrefix(file.Name, "/") || strings.Contains("/"+file.Name+"/", "/../") {
				t.Errorf("the name %q leads out of the volume", file.Name)
			}
		}
		if size > shareLimit {
			t.Errorf("%d bytes", size)
		}
	})
}
