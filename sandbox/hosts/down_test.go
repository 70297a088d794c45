package hosts

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"averazure/sandbox/images"
	"averazure/sandbox/standin"
)

func TestDownTakesOnlyWhatIsOurs(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []container.Summary{{ID: "c1"}, {ID: "c2"}}
	fake.Answers["GET /networks"] = []network.Summary{{ID: "n1"}} // another sandbox's network
	fake.Answers["GET /volumes"] = volume.ListResponse{Volumes: []*volume.Volume{{Name: "test-mesh"}}}
	fake.Answers["GET /images/json"] = []image.Summary{
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
	// The network's label holds the address for the images' names, so the network is
	// removed after them.
	fake.MustChange(t, "DELETE /images/198.51.100.2:5000/aver-api:latest", "DELETE /images/sha256:c", "DELETE /networks/n1", "DELETE /volumes/test-mesh")
	for _, wrong := range []string{"DELETE /images/mine:1", "DELETE /images/198.51.100.20:5000", "DELETE /images/sha256:d", "DELETE /images/users/own"} {
		if _, ok := fake.Changed(wrong); ok {
			t.Errorf("%s was done", wrong)
		}
	}
	if left, _ := os.ReadDir(r.StateDir); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestImagesOfOursGoByNameAndTheNamelessByID(t *testing.T) {
	ours := map[string]string{images.Label: "golang"}
	for name, test := range map[string]struct {
		image image.Summary
		want  []string
	}{
		"ours":                     {image.Summary{RepoTags: []string{"averazure-sandbox/node:1"}, Labels: ours}, []string{"averazure-sandbox/node:1"}},
		"pulled, named by us":      {image.Summary{RepoTags: []string{"averazure-sandbox/base:1", "debian:trixie-slim"}}, []string{"averazure-sandbox/base:1"}},
		"our toolchain":            {image.Summary{RepoTags: []string{standin.GoImage, "averazure-sandbox/golang:1"}, Labels: ours}, []string{"averazure-sandbox/golang:1", standin.GoImage}},
		"the real toolchain":       {image.Summary{RepoTags: []string{standin.GoImage}}, nil},
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
	fake.Answers["GET /images/json"] = []image.Summary{{ID: "sha256:b", Labels: ours}}
	fake.Failing["DELETE /images/sha256:b"] = 404 // removed with its child
	if err := r.removeImages(context.Background()); err != nil {
		t.Fatal(err)
	}
	fake.MustChange(t, "DELETE /images/sha256:b")
	fake.Failing["DELETE /images/sha256:b"] = 409 // a user's image is built on it
	if err := r.removeImages(context.Background()); err != nil {
		t.Error(err)
	}
	fake.Failing["DELETE /images/sha256:b"] = 500
	if err := r.removeImages(context.Background()); err == nil {
		t.Error("a removal that failed gave no error")
	}
}

func TestDebiansNameStaysOnlyIfItWasThere(t *testing.T) {
	for _, before := range []bool{true, false} {
		r := room(t)
		fake := withEngine(t, r)
		if before {
			fake.Answers["GET /images/"+debianImage+"/json"] = image.InspectResponse{ID: "i"}
		}
		if err := r.pullBase(context.Background(), "averazure-sandbox/base:1"); err != nil {
			t.Fatal(err)
		}
		fake.MustChange(t, "POST /images/create", "POST /images/"+debianImage+"/tag")
		if _, removed := fake.Changed("DELETE /images/" + debianImage); removed == before {
			t.Errorf("there before: %v, removed: %v", before, removed)
		}
	}
}

func TestImagesThatStayInAForeignEngineAreNamed(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	var said []string
	r.log = func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }
	r.nameKept(context.Background())
	if len(said) != 0 {
		t.Errorf("named without being there: %v", said)
	}
	fake.Answers["GET /images/"+standin.GoImage+"/json"] = image.InspectResponse{ID: "i"}
	r.nameKept(context.Background())
	if len(said) != 1 || !strings.Contains(said[0], standin.GoImage) {
		t.Errorf("said: %v", said)
	}
}
