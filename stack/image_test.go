package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/golden"
	"averazure/internal/recorder"
	"averazure/internal/registry"
)

var digest = "@sha256:" + strings.Repeat("ab", 32)

func TestNewBuildsBothTags(t *testing.T) {
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(t, project(t))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	golden.Compare(t, "inventory.txt", r.Inventory())
	first, latest := r.Get(imageType, "aver-image"), r.Get(imageType, "aver-image-latest")
	tag := strings.TrimPrefix(recorder.At(first.Inputs, "imageName").(string), "ghcr.io/your-org/aver-api:")
	if len(tag) != shortSHA || recorder.At(latest.Inputs, "imageName") != "ghcr.io/your-org/aver-api:latest" {
		t.Errorf("tags %q and %v", tag, recorder.At(latest.Inputs, "imageName"))
	}
	for path, want := range map[string]string{"build.context": "app", "build.dockerfile": "app/Dockerfile", "build.platform": "linux/amd64", "registry.username": "robot"} {
		if got := recorder.At(first.Inputs, path); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}
	if !recorder.IsSecret(first.Inputs, "registry.password") {
		t.Error("the registry's password is not secret")
	}
	if !slices.Contains(latest.Request.Dependencies, first.URN) {
		t.Error("the second image does not wait for the first one's cache")
	}
}

func TestPushedImage(t *testing.T) {
	const repository = "203.0.113.2:5000/aver-api"
	for _, reported := range []string{repository, "ghcr.io/before/aver-api", "aver-api"} {
		if got, err := pushedImage(repository, reported+digest); err != nil || got != repository+digest {
			t.Errorf("%s became %q, %v", reported, got, err)
		}
	}
	for _, bad := range []string{"", "<none>@<none>", "sha256:" + strings.Repeat("ab", 32), "aver-api:latest", "a@sha256:12"} {
		if _, err := pushedImage(repository, bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRegistryWithoutAUser(t *testing.T) {
	if login := registryLogin(registry.Registry{Server: "localhost:5000", Token: pulumi.String("")}); login != nil {
		t.Errorf("got %v", login)
	}
}

// These are messages of the docker plugin 4.11.2. None of them names the image.
func TestAFailedImageIsNamedWithWhereToLook(t *testing.T) {
	const build, push = "`docker build --platform linux/amd64 app`", "averazure:registryUsername averazure:registryToken"
	for said, want := range map[string]string{
		`error reading build output: failed to compute cache key: "/missing-part" not found: not found`: build,
		`error reading build output: executor failed running [/bin/sh -c make push]: exit code: 1`:      build,
		`error building image: Error response from daemon: dockerfile parse error`:                      build,
		`error reading push output: unauthorized: authentication required`:                              push,
		`Error response from daemon: denied`:                                                            build + " " + push,
	} {
		r := &recorder.Recorder{Fail: imageType, FailWith: said}
		if err := run(t, r, arguments(t, project(t))); err == nil {
			t.Errorf("%s: the program went on as if nothing had happened", said)
		}
		tag := recorder.At(r.Get(imageType, "aver-image").Inputs, "imageName").(string)
		errors := slices.DeleteFunc(slices.Clone(r.Logs()), func(line string) bool { return !strings.HasPrefix(line, "error: ") })
		if len(errors) != 1 || !strings.HasPrefix(errors[0], "error: image "+tag+" ") || hasWords(errors[0], build) != strings.Contains(want, build) || hasWords(errors[0], push) != strings.Contains(want, push) {
			t.Errorf("%s: messages %q", said, errors)
		}
	}
}
