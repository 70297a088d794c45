package images

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"averazure/sandbox/engine/enginetest"
)

// builder has no engine.
func builder(t *testing.T) *Builder {
	t.Helper()
	return &Builder{CacheDir: t.TempDir(), Log: t.Logf}
}

func withEngine(t *testing.T) (*Builder, *enginetest.Engine) {
	t.Helper()
	b := builder(t)
	fake, docker := enginetest.New(t)
	b.Docker = docker
	return b, fake
}

func TestUnfinishedWorkIsRemoved(t *testing.T) {
	b := builder(t)
	kept := filepath.Join(b.CacheDir, "images", "node-0123456789ab.tar")
	left := []string{filepath.Join(b.CacheDir, "bootstrap-1", "root", "etc", "passwd"), filepath.Join(b.CacheDir, "images", ".new-1")}
	for _, file := range append(left, kept) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.RemoveUnfinished(); err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is left", file)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error("a finished image is gone")
	}
}

func TestAnImageIsMadeOnlyWhenNeitherEngineNorCacheHasIt(t *testing.T) {
	ctx := t.Context()
	b, fake := withEngine(t)
	ref := Ref("node", "0123456789ab")
	if err := os.MkdirAll(filepath.Join(b.CacheDir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	made := 0
	produce := func() error { made++; return nil }
	fake.Answers["GET /images/json"] = []any{}
	fake.Answers["GET /images/get"] = "the image, packed"
	old := b.tarball(Ref("node", "ba9876543210"))
	other := b.tarball(Ref("node-other", "ba9876543210"))
	for _, file := range []string{old, other} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.EnsureCached(ctx, ref, produce); err != nil || made != 1 {
		t.Fatalf("made %d times: %v", made, err)
	}
	packed, err := os.ReadFile(b.tarball(ref))
	if err != nil || !strings.Contains(string(packed), "the image, packed") {
		t.Errorf("the cache has %q, %v", packed, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the cache keeps the one before")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("the cache lost an image of another kind")
	}
	fake.Answers["GET /images/"+ref+"/json"] = image.InspectResponse{ID: "i"}
	if err := b.EnsureCached(ctx, ref, produce); err != nil || made != 1 {
		t.Errorf("made %d times: %v", made, err)
	}
}

func TestImagesAreMadeByOneAtATime(t *testing.T) {
	b := builder(t)
	if err := os.Mkdir(filepath.Join(b.CacheDir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := b.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Lock(ended); err == nil {
		t.Error("two hold the lock")
	}
	unlock()
	if unlock, err = b.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock()
}
