package stackfile

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"
)

// archive writes a tar archive, as a runner's tar does.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, header := range headers {
		content := header.Linkname
		if header.Typeflag == 0 {
			header.Typeflag, header.Linkname, header.Size = tar.TypeReg, "", int64(len(content))
		}
		header.Mode = 0o644
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := writer.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// entry is a regular file of an archive.
func entry(name, content string) tar.Header { return tar.Header{Name: name, Linkname: content} }

func TestReadArchive(t *testing.T) {
	data := archive(t, entry("./stack.yml", minimal), tar.Header{Name: "conf/", Typeflag: tar.TypeDir}, entry("conf/a", "x"), entry("prod.yml", minimal))
	input, err := ReadArchive(data, []string{"stack.yml", "prod.yml"})
	if err != nil {
		t.Fatal(err)
	}
	if len(input.Files) != 2 || input.Files[1].Name != "prod.yml" || input.Files[0].Text != minimal || len(input.Beside) != 1 || string(input.Beside["conf/a"]) != "x" {
		t.Errorf("%+v", input)
	}
	input, err = ReadArchive([]byte(minimal), []string{"stack.yml"})
	if err != nil || len(input.Files) != 1 || input.Files[0].Text != minimal {
		t.Errorf("a stack file alone: %+v %v", input, err)
	}
	for name, test := range map[string]struct {
		header tar.Header
		want   string
	}{
		"a link":         {tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "a is no regular file"},
		"a hard link":    {tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "stack.yml"}, "a is no regular file"},
		"a device":       {tar.Header{Name: "a", Typeflag: tar.TypeChar}, "a is no regular file"},
		"above":          {entry("../a", ""), "../a leads out of the folder"},
		"absolute":       {entry("/a", ""), "/a leads out of the folder"},
		"no stack file":  {entry("a.yml", ""), "the archive has no stack file stack.yml"},
		"above, below a": {entry("a/../../b", ""), "../b leads out of the folder"},
	} {
		if _, err := ReadArchive(archive(t, test.header), []string{"stack.yml"}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadArchive(data[:530], []string{"stack.yml"}); err == nil {
		t.Error("half an archive was taken")
	}
}

// FuzzReadArchive reads archives from strangers.
func FuzzReadArchive(f *testing.F) {
	f.Add(archive(f, entry("stack.yml", minimal), entry("a/b", "x")))
	f.Add(archive(f, entry("stack.yml", withContents), entry("Caddyfile", "x"), entry("db.age", "x"), entry("plain.txt", "x")))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if input, err := ReadArchive(data, []string{"stack.yml"}); err == nil {
			_, _ = Names(input)
			_, _ = Parse(input)
		}
	})
}
