package machine

import (
	"context"
	"os"
	"path/filepath"
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
	}
	if _, err := r.AllocatePublicIP(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := r.Down(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.mustChange(t, "DELETE /networks/n1", "DELETE /volumes/test-mesh", "DELETE /images/198.51.100.2:5000/aver-api:latest")
	for _, wrong := range []string{"DELETE /images/mine:1", "DELETE /images/198.51.100.20:5000"} {
		if _, ok := fake.changed(wrong); ok {
			t.Errorf("%s was done", wrong)
		}
	}
	if left, _ := os.ReadDir(r.StateDir); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestImagesOfOursGoByNameAndTheNamelessByID(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.answers["GET /images/json"] = []image.Summary{
		{ID: "sha256:a", RepoTags: []string{"averazure-sandbox/node:1", goImage}},
		{ID: "sha256:b"},
	}
	fake.failing["DELETE /images/sha256:b"] = 404 // went with its child
	if err := r.removeImages(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.mustChange(t, "DELETE /images/averazure-sandbox/node:1", "DELETE /images/"+goImage, "DELETE /images/sha256:b")
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
