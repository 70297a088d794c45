package dockerimage

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestBuildAndPush(t *testing.T) {
	e := startEngine(t)
	p := open(t, project(t, app), e)
	id, state, err := p.create(context.Background(), "", wanted(nil), false)
	if err != nil || id != "reg.example:5000/u/app:latest" {
		t.Fatalf("id %q, err %v", id, err)
	}
	for key, want := range map[resource.PropertyKey]string{
		"repoDigest": pushed, "imageName": id, "baseImageName": id, "dockerfile": "Dockerfile",
		"context": "app", "platform": "linux/amd64", "registryServer": "https://reg.example:5000/v2",
	} {
		if state[key].StringValue() != want {
			t.Errorf("%s = %q, want %q", key, state[key].StringValue(), want)
		}
	}
	if e.auth["username"] != "u" || e.auth["password"] != "p" || e.auth["serveraddress"] != "reg.example:5000" {
		t.Errorf("pushed with %v", e.auth)
	}
	for key, want := range map[string]string{
		"t": id, "target": "final", "platform": "linux/amd64", "version": "1", "forcerm": "1",
		"buildargs": `{"VERSION":"1"}`, "labels": `{"owner":"me"}`, "dockerfile": "Dockerfile",
	} {
		if e.query[key] != want {
			t.Errorf("build option %s = %q, want %q", key, e.query[key], want)
		}
	}
}

func TestContextIsPackedWithoutWhatIsIgnored(t *testing.T) {
	e := startEngine(t)
	p := open(t, project(t, app), e)
	if _, _, err := p.create(context.Background(), "", wanted(nil), false); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.txt": "0:0 a", "sub/b.txt": "0:0 b"} {
		if e.files[name] != want {
			t.Errorf("%s = %q, want %q", name, e.files[name], want)
		}
	}
	if _, ok := e.files["Dockerfile"]; !ok {
		t.Error("no Dockerfile in the context")
	}
	for _, name := range []string{"junk", ".dockerignore"} {
		if _, ok := e.files[name]; ok {
			t.Errorf("%s is in the context", name)
		}
	}
}

func TestDockerfileFromOutsideTheContext(t *testing.T) {
	e := startEngine(t)
	p := open(t, project(t, map[string]string{"app/a.txt": "a", "docker/Dockerfile": "FROM scratch\n"}), e)
	build := obj(resource.PropertyMap{"context": str("app"), "dockerfile": str("docker/Dockerfile")})
	_, state, err := p.create(context.Background(), "", wanted(resource.PropertyMap{"build": build}), false)
	if err != nil || state["dockerfile"].StringValue() != "../docker/Dockerfile" {
		t.Fatalf("dockerfile = %v, err %v", state["dockerfile"], err)
	}
	name := e.query["dockerfile"]
	if !strings.HasPrefix(name, ".dockerfile.") || !strings.HasSuffix(e.files[name], "FROM scratch\n") {
		t.Errorf("dockerfile %q is %q", name, e.files[name])
	}
	if !strings.Contains(e.files[".dockerignore"], name) {
		t.Error("the Dockerfile would be copied into the image")
	}
}

func TestSkipPushGivesTheImageID(t *testing.T) {
	e := startEngine(t)
	p := open(t, project(t, app), e)
	_, state, err := p.create(context.Background(), "", wanted(resource.PropertyMap{"skipPush": resource.NewBoolProperty(true), "imageName": str("app")}), false)
	if err != nil || state["repoDigest"].StringValue() != "sha256:local" || e.auth != nil {
		t.Errorf("repoDigest = %v, auth %v, err %v", state["repoDigest"], e.auth, err)
	}
}

func TestBuildErrorEndsWithTheLastLines(t *testing.T) {
	e := startEngine(t)
	e.build = `{"stream":"Step 2/2 : RUN make\n"}` + `{"stream":"cc: not found\n"}` + `{"errorDetail":{"code":127,"message":"The command returned a non-zero code: 127"}}`
	_, err := open(t, project(t, app), e).build(context.Background(), wanted(nil), false)
	want := "error reading build output: The command returned a non-zero code: 127\n  Step 2/2 : RUN make\n  cc: not found"
	if err == nil || err.Error() != want {
		t.Errorf("err = %q, want %q", err, want)
	}
}

func TestLongOutputIsCut(t *testing.T) {
	e := startEngine(t)
	e.build = strings.Repeat(`{"stream":"noise\n"}`, 500) + `{"errorDetail":{"message":"bad"}}`
	_, err := open(t, project(t, app), e).build(context.Background(), wanted(nil), false)
	if got := strings.Count(err.Error(), "noise"); got != tail {
		t.Errorf("%d lines of output, want %d", got, tail)
	}
}

func TestPushErrors(t *testing.T) {
	for stream, want := range map[string]string{
		`{"errorDetail":{"message":"denied: no"}}`:                 "error reading push output: denied: no",
		`{"errorDetail":{"code":401,"message":"unauthorized"}}`:    "error reading push output: authentication is required",
		`{"errorDetail":{"message":"EOF"}}`:                        "mismatched registry credentials",
		`{"status":"Preparing","id":"a"} and then something broke`: "read the engine's answer",
	} {
		e := startEngine(t)
		e.push = stream
		_, err := open(t, project(t, app), e).build(context.Background(), wanted(nil), false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
}

// If an image was pushed to several repositories, the output is its digest in the
// repository that its name says.
func TestDigestIsThatOfTheImagesOwnRepository(t *testing.T) {
	other := "other.example/x@sha256:" + strings.Repeat("9", 64)
	for want, known := range map[string][]string{
		pushed:   {other, "not a digest", pushed},
		noDigest: {other},
	} {
		e := startEngine(t)
		e.digest = known
		state, err := open(t, project(t, app), e).build(context.Background(), wanted(nil), false)
		if err != nil || state["repoDigest"].StringValue() != want {
			t.Errorf("%q: %v, %v; want %s", known, state["repoDigest"], err, want)
		}
	}
}

func TestPreviewBuildsOnlyOnRequest(t *testing.T) {
	e := startEngine(t)
	p := open(t, project(t, app), e)
	_, state, err := p.create(context.Background(), "", wanted(nil), true)
	if _, digest := state["repoDigest"]; err != nil || e.query != nil || digest || !state["imageName"].IsString() {
		t.Errorf("state = %v, err %v", state, err)
	}
	want := wanted(resource.PropertyMap{"buildOnPreview": resource.NewBoolProperty(true)})
	state, err = p.update(context.Background(), "", "", nil, nil, want, true)
	if err != nil || e.query == nil || e.auth != nil || state["repoDigest"].StringValue() != "sha256:local" {
		t.Errorf("state = %v, pushed with %v, err %v", state, e.auth, err)
	}
	want["imageName"] = resource.MakeComputed(str(""))
	if canPreview(context.Background(), want) {
		t.Error("an image without a name can be built")
	}
}

func TestConfigureNeedsADaemon(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	err := (&provider{}).configure(context.Background(), resource.PropertyMap{})
	if err == nil || !strings.Contains(err.Error(), "failed to connect to any docker daemon") {
		t.Errorf("err = %v", err)
	}
}
