package stackfile

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
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
		"a link":         {tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ": a "},
		"a hard link":    {tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "stack.yml"}, ": a "},
		"a device":       {tar.Header{Name: "a", Typeflag: tar.TypeChar}, ": a "},
		"above":          {entry("../a", ""), ": ../a "},
		"absolute":       {entry("/a", ""), ": /a "},
		"no stack file":  {entry("a.yml", ""), " stack.yml"},
		"above, below a": {entry("a/../../b", ""), ": ../b "},
	} {
		if _, err := ReadArchive(archive(t, test.header), []string{"stack.yml"}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadArchive(data[:530], []string{"stack.yml"}); err == nil {
		t.Error("half an archive was taken")
	}
}

// A file with holes takes a few hundred bytes of an archive, however long it is.
func TestReadArchiveWithHoles(t *testing.T) {
	data := holes(900, 1<<40)
	if len(data) > MaxArchive {
		t.Fatalf("the archive has %d bytes", len(data))
	}
	costsAtMost(t, 50<<20, func() {
		if _, err := ReadArchive(data, []string{"stack.yml"}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(MaxArchive)) {
			t.Errorf("it was taken: %v", err)
		}
	})
}

// costsAtMost fails if do allocates more memory than the limit, including memory that it
// frees again.
func costsAtMost(t *testing.T, limit uint64, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > limit {
		t.Errorf("it took %d MiB", took>>20)
	}
}

// holes is an archive of sparse files in the format of GNU tar. Each file consists of
// nothing but a hole.
func holes(count int, size int64) []byte {
	var out bytes.Buffer
	field := func(block []byte, at, length int, value int64) {
		copy(block[at:], fmt.Sprintf("%0*o", length-1, value))
	}
	for i := range count {
		block := make([]byte, 512)
		copy(block, fmt.Sprintf("f%d", i%400))
		field(block, 100, 8, 0o644)
		field(block, 108, 8, 0)
		field(block, 116, 8, 0)
		record := paxRecords(size)
		field(block, 124, 12, int64(len(record)))
		field(block, 136, 12, 0)
		block[156] = 'x'
		copy(block[257:], "ustar\x0000")
		out.Write(summed(block))
		out.Write(record)
		out.Write(make([]byte, -len(record)&511))
		copy(block[124:136], make([]byte, 12))
		field(block, 124, 12, 512)
		block[156] = '0'
		out.Write(summed(block))
		sparse := make([]byte, 512)
		copy(sparse, fmt.Sprintf("1\n%d\n0\n", size)) // one part, at the end, of no bytes
		out.Write(sparse)
	}
	out.Write(make([]byte, 1024))
	return out.Bytes()
}

// paxRecords say that a file is sparse, and how long it is.
func paxRecords(size int64) []byte {
	var all string
	for _, record := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", fmt.Sprintf("GNU.sparse.realsize=%d", size)} {
		all += fmt.Sprintf("%d %s\n", len(record)+4, record)
	}
	return []byte(all)
}

// summed returns a header with its checksum written into it.
func summed(block []byte) []byte {
	copy(block[148:156], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return block
}

// FuzzReadArchive reads archives from strangers: the accepted files are in the folder and
// together no larger than an archive may be, and reading an archive costs little.
func FuzzReadArchive(f *testing.F) {
	f.Add(archive(f, entry("stack.yml", minimal), entry("a/b", "x")))
	f.Add(archive(f, entry("stack.yml", withContents), entry("Caddyfile", "x"), entry("db.age", "x"), entry("plain.txt", "x")))
	f.Add(archive(f, entry("stack.yml", minimal), entry("a/../../b", "x"), tar.Header{Name: "c", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}))
	f.Add(holes(1, 1<<20))
	f.Fuzz(func(t *testing.T, data []byte) {
		costsAtMost(t, hostileBytes, func() {
			input, err := ReadArchive(data, []string{"stack.yml"})
			if err != nil {
				return
			}
			mustLieInFolder(t, data, input)
			if names, _, err := Names(input); err == nil {
				for _, name := range names {
					if !filepath.IsLocal(name) {
						t.Errorf("it wants %q", name)
					}
				}
			}
			_, _ = Parse(input) // FuzzParse checks the result
		})
	})
}

func mustLieInFolder(t *testing.T, data []byte, input Input) {
	t.Helper()
	if len(input.Files) != 1 || input.Files[0].Name != "stack.yml" || len(input.Beside) > maxNamed+20 {
		t.Errorf("%d stack files, %d others", len(input.Files), len(input.Beside))
	}
	size := len(input.Files[0].Text)
	for name, content := range input.Beside {
		if size += len(content); !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "stack.yml" {
			t.Errorf("it took %q", name)
		}
	}
	if size > max(MaxArchive, len(data)) {
		t.Errorf("its files have %d bytes", size)
	}
}
