package backup

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a directory with the kinds of files that volumes contain.
func tree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "_data")
	for _, step := range []error{
		os.Mkdir(dir, 0o750),
		os.Mkdir(filepath.Join(dir, "sub"), 0o500),
		os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o640),
		os.Symlink("../file", filepath.Join(dir, "link")),
		os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "hard")),
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
		os.WriteFile(filepath.Join(dir, " odd\nname"), nil, 0o600),
		os.Chtimes(filepath.Join(dir, "file"), night, night),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	holes, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	defer holes.Close()
	if err := holes.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(filepath.Join(dir, "file"), "user.test", []byte("value"), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "sub"), 0o700) })
	return dir
}

func archive(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Archive(t.Context(), dir, false, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func from(archive []byte) func(func(io.Reader) error) error {
	return func(use func(io.Reader) error) error { return use(bytes.NewReader(archive)) }
}

func TestReplaceBringsBackWhatWasArchived(t *testing.T) {
	packed := archive(t, tree(t))
	if len(packed) > 1<<20 {
		t.Errorf("the holes are in the archive: %d bytes", len(packed))
	}
	target := filepath.Join(t.TempDir(), "_data")
	if err := os.MkdirAll(filepath.Join(target, "former"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Replace(t.Context(), target, from(packed)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{".": 0o750 | fs.ModeDir, "sub": 0o500 | fs.ModeDir, "file": 0o640, "link": 0o777 | fs.ModeSymlink, "fifo": 0o600 | fs.ModeNamedPipe, " odd\nname": 0o600} {
		if info, err := os.Lstat(filepath.Join(target, name)); err != nil || info.Mode() != want {
			t.Errorf("%q: %v, %v; want %v", name, info, err, want)
		}
	}
	info, err := os.Stat(filepath.Join(target, "file"))
	if err != nil || !info.ModTime().Equal(night) {
		t.Errorf("%v, %v", info, err)
	}
	hard, _ := os.Stat(filepath.Join(target, "hard"))
	if !os.SameFile(info, hard) {
		t.Error("two names of one file became two files")
	}
	value := make([]byte, 10)
	if n, err := unix.Getxattr(filepath.Join(target, "file"), "user.test", value); err == nil && string(value[:n]) != "value" {
		t.Errorf("attribute %q", value[:n])
	}
	if left, _ := os.ReadDir(filepath.Dir(target)); len(left) != 1 {
		t.Errorf("left beside it: %v", left)
	}
	if _, err := os.Stat(filepath.Join(target, "former")); err == nil {
		t.Error("what was there before is there still")
	}
	_ = os.Chmod(filepath.Join(target, "sub"), 0o700)
}

// An archive that cannot be read to its end changes nothing.
func TestReplaceIsWholeOrNothing(t *testing.T) {
	packed := archive(t, tree(t))
	target := filepath.Join(t.TempDir(), "_data")
	if err := os.MkdirAll(filepath.Join(target, "former"), 0o755); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func(func(io.Reader) error) error{
		"cut": from(packed[:len(packed)/2]),
		"not genuine": func(use func(io.Reader) error) error {
			return errors.Join(use(bytes.NewReader(packed)), errors.New("changed"))
		},
		"none": from([]byte("nothing that tar knows")),
	} {
		if err := Replace(t.Context(), target, read); err == nil {
			t.Errorf("%s: it was taken", what)
		}
		if _, err := os.Stat(filepath.Join(target, "former")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(target)); len(left) != 1 {
			t.Errorf("%s: left beside it: %v", what, left)
		}
	}
}

func TestArchiveFails(t *testing.T) {
	if err := Archive(t.Context(), filepath.Join(t.TempDir(), "gone"), true, io.Discard); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Error(err)
	}
}

// If a file grows while it is read, the archive of a paused service fails, and the archive
// of a live one does not.
func TestFilesThatChange(t *testing.T) {
	dir := t.TempDir()
	for _, live := range []bool{true, false} {
		grown := false
		path := filepath.Join(dir, "log")
		if err := os.WriteFile(path, make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Archive(t.Context(), dir, live, writerFunc(func(p []byte) (int, error) {
			if !grown {
				grown = true
				if err := os.Truncate(path, 8<<20); err != nil {
					t.Error(err)
				}
				if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
					t.Error(err)
				}
			}
			return len(p), nil
		}))
		if live != (err == nil) {
			t.Errorf("live %t: %v", live, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }
