package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

func TestDownTakesOnlyWhatIsOurs(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.answers["GET /containers/json"] = []container.Summary{{ID: "c1"}, {ID: "c2"}}
	fake.answers["GET /networks"] = []network.Summary{{ID: "n1"}} // stays in the list: another sandbox's
	fake.answers["GET /volumes"] = volume.ListResponse{Volumes: []*volume.Volume{{Name: "test-mesh"}}}
	fake.answers["GET /images/json"] = []image.Summary{
		{ID: "sha256:a", RepoTags: []string{"198.51.100.2:5000/aver-api:latest", "mine:1"}},
		{ID: "sha256:b", RepoTags: []string{"198.51.100.20:5000/other:1"}},
		{ID: "sha256:c", RepoTags: []string{"<none>:<none>"}, Labels: map[string]string{labelSandbox: "test"}},
		{ID: "sha256:d", Labels: map[string]string{labelSandbox: "another"}},
		{ID: "sha256:e", RepoTags: []string{"users/own:1"}, Labels: map[string]string{labelSandbox: "test"}}, // built on one of ours
	}
	if _, err := r.AllocatePublicIP(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Down(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The network says at which address the names are, so it outlives them.
	fake.mustChange(t, "DELETE /images/198.51.100.2:5000/aver-api:latest", "DELETE /images/sha256:c", "DELETE /networks/n1", "DELETE /volumes/test-mesh")
	for _, wrong := range []string{"DELETE /images/mine:1", "DELETE /images/198.51.100.20:5000", "DELETE /images/sha256:d", "DELETE /images/users/own"} {
		if _, ok := fake.changed(wrong); ok {
			t.Errorf("%s was done", wrong)
		}
	}
	if left, _ := os.ReadDir(r.StateDir); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestImagesOfOursGoByNameAndTheNamelessByID(t *testing.T) {
	ours := map[string]string{labelImage: "golang"}
	for name, test := range map[string]struct {
		image image.Summary
		want  []string
	}{
		"ours":                     {image.Summary{RepoTags: []string{"averazure-sandbox/node:1"}, Labels: ours}, []string{"averazure-sandbox/node:1"}},
		"pulled, named by us":      {image.Summary{RepoTags: []string{"averazure-sandbox/base:1", "debian:trixie-slim"}}, []string{"averazure-sandbox/base:1"}},
		"our toolchain":            {image.Summary{RepoTags: []string{goImage, "averazure-sandbox/golang:1"}, Labels: ours}, []string{"averazure-sandbox/golang:1", goImage}},
		"the real toolchain":       {image.Summary{RepoTags: []string{goImage}}, nil},
		"built by a user on ours":  {image.Summary{RepoTags: []string{"users/own:1", "users/own:2"}, Labels: ours}, nil},
		"nameless, of ours":        {image.Summary{ID: "sha256:b", RepoTags: []string{"<none>:<none>"}, Labels: ours}, []string{"sha256:b"}},
		"nameless, somebody's own": {image.Summary{ID: "sha256:c"}, nil},
	} {
		if got := imagesOfOurs(test.image); !slices.Equal(got, test.want) {
			t.Errorf("%s: removed are %v, want %v", name, got, test.want)
		}
	}
	r := room(t)
	fake := withEngine(t, r)
	fake.answers["GET /images/json"] = []image.Summary{{ID: "sha256:b", Labels: ours}}
	fake.failing["DELETE /images/sha256:b"] = 404 // went with its child
	if err := r.removeImages(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.mustChange(t, "DELETE /images/sha256:b")
	fake.failing["DELETE /images/sha256:b"] = 409 // somebody's own stands on it
	if err := r.removeImages(context.Background()); err != nil {
		t.Error(err)
	}
	fake.failing["DELETE /images/sha256:b"] = 500
	if err := r.removeImages(context.Background()); err == nil {
		t.Error("a failure is no error")
	}
}

func TestDebiansNameStaysOnlyIfItWasThere(t *testing.T) {
	for _, before := range []bool{true, false} {
		r := room(t)
		fake := withEngine(t, r)
		if before {
			fake.answers["GET /images/"+debianImage+"/json"] = image.InspectResponse{ID: "i"}
		}
		if err := r.pullBase(context.Background(), "averazure-sandbox/base:1"); err != nil {
			t.Fatal(err)
		}
		fake.mustChange(t, "POST /images/create", "POST /images/"+debianImage+"/tag")
		if _, removed := fake.changed("DELETE /images/" + debianImage); removed == before {
			t.Errorf("there before: %v, removed: %v", before, removed)
		}
	}
}

func TestWhatStaysInAForeignEngineIsNamed(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	var said []string
	r.log = func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }
	r.nameKept(context.Background())
	if len(said) != 0 {
		t.Errorf("named without being there: %v", said)
	}
	fake.answers["GET /images/"+goImage+"/json"] = image.InspectResponse{ID: "i"}
	r.nameKept(context.Background())
	if len(said) != 1 || !strings.Contains(said[0], goImage) {
		t.Errorf("said: %v", said)
	}
}

func TestHalfMadeThingsAreSweptAway(t *testing.T) {
	r := room(t)
	kept := filepath.Join(r.cacheDir, "images", "node-0123456789ab.tar")
	left := []string{filepath.Join(r.cacheDir, "bootstrap-1", "root", "etc", "passwd"), filepath.Join(r.cacheDir, "images", ".new-1")}
	for _, file := range append(left, kept) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.sweep(context.Background()); err != nil {
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
	r, ctx := room(t), context.Background()
	fake := withEngine(t, r)
	ref := imageRef("node", "0123456789ab")
	if err := os.MkdirAll(filepath.Join(r.cacheDir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	made := 0
	produce := func() error { made++; return nil }
	fake.answers["GET /images/json"] = none
	fake.answers["GET /images/get"] = "the image, packed"
	old := r.tarball(imageRef("node", "ba9876543210"))
	other := r.tarball(imageRef("node-other", "ba9876543210"))
	for _, file := range []string{old, other} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.ensureCached(ctx, ref, produce); err != nil || made != 1 {
		t.Fatalf("made %d times: %v", made, err)
	}
	packed, err := os.ReadFile(r.tarball(ref))
	if err != nil || !strings.Contains(string(packed), "the image, packed") {
		t.Errorf("the cache has %q, %v", packed, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the cache keeps the one before")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("the cache lost an image of another kind")
	}
	fake.answers["GET /images/"+ref+"/json"] = image.InspectResponse{ID: "i"}
	if err := r.ensureCached(ctx, ref, produce); err != nil || made != 1 {
		t.Errorf("made %d times: %v", made, err)
	}
}

func TestAFailedPushForgetsTheNameAllTheSame(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.failing["POST /images/198.51.100.2:5001/library/x/push"] = 500
	err := r.push(context.Background(), "averazure-sandbox/x:1", "198.51.100.2:5001/library/x:latest")
	if err == nil || !strings.Contains(err.Error(), "push 198.51.100.2:5001/library/x:latest") {
		t.Errorf("the error is %v", err)
	}
	fake.mustChange(t, "POST /images/averazure-sandbox/x:1/tag", "DELETE /images/198.51.100.2:5001/library/x:latest")
}

func TestAPulledGoImageIsLeftAlone(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.answers["GET /images/"+goImage+"/json"] = map[string]any{"Id": "i", "Config": map[string]any{}}
	if err := r.ensureToolchain(context.Background(), baseImage{}); err != nil || len(fake.changes) != 0 {
		t.Errorf("changes are %v, %v", fake.changes, err)
	}
}
