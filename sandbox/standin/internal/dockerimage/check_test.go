package dockerimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func checked(t *testing.T, p *provider, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	t.Helper()
	news, failures, err := p.check(context.Background(), "", nil, inputs)
	if len(failures) != 0 {
		t.Errorf("failures = %v", failures)
	}
	return news, err
}

func TestCheckDefaults(t *testing.T) {
	p := &provider{options: Options{Dir: project(t, map[string]string{"Dockerfile": "FROM scratch\n"})}}
	news, err := checked(t, p, resource.PropertyMap{"imageName": str("docker.io/u/app")})
	if err != nil {
		t.Fatal(err)
	}
	build := news["build"].ObjectValue()
	if build["context"].StringValue() != "." || build["dockerfile"].StringValue() != "Dockerfile" ||
		!strings.HasPrefix(build["platform"].StringValue(), "linux/") || build["contextDigest"].StringValue() == "" || news["buildOnPreview"].BoolValue() {
		t.Errorf("inputs = %v", news)
	}
}

func TestCheckRefusals(t *testing.T) {
	p := &provider{options: Options{Dir: project(t, app)}}
	build := func(context, dockerfile string) resource.PropertyMap {
		return wanted(resource.PropertyMap{"build": obj(resource.PropertyMap{"context": str(context), "dockerfile": str(dockerfile)})})
	}
	cacheFrom := func(c resource.PropertyMap) resource.PropertyMap {
		return wanted(resource.PropertyMap{"build": obj(resource.PropertyMap{"context": str("app"), "cacheFrom": obj(c)})})
	}
	short := wanted(resource.PropertyMap{"imageName": str("app:latest")})
	delete(short, "registry")
	for want, inputs := range map[string]resource.PropertyMap{
		`Try setting ` + "`dockerfile`" + ` to "app/Dockerfile"`:            build("app", "Dockerfile"),
		`could not open dockerfile at relative path "app/No"`:               build("app", "app/No"),
		`expected a relative Dockerfile path; got "/no/Dockerfile" instead`: build("app", "/no/Dockerfile"),
		"This provider requires all image names to be fully qualified":      short,
		"cacheFrom requires an `images` field":                              cacheFrom(resource.PropertyMap{}),
		"the `images` field must be a list of strings":                      cacheFrom(resource.PropertyMap{"images": str("app")}),
		"invalid Docker Builder version":                                    wanted(resource.PropertyMap{"build": obj(resource.PropertyMap{"context": str("app"), "builderVersion": str("2")})}),
		"unable to hash build context":                                      build("nowhere", "app/Dockerfile"),
	} {
		if _, err := checked(t, p, inputs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
	if _, err := checked(t, p, resource.PropertyMap{"imageName": str("app"), "skipPush": resource.NewBoolProperty(true), "build": wanted(nil)["build"]}); err != nil {
		t.Errorf("a short name without a push: %v", err)
	}
}

func TestCheckToleratesWhatAPreviewDoesNotKnow(t *testing.T) {
	p := &provider{options: Options{Dir: project(t, app)}}
	unknown := resource.MakeComputed(str(""))
	for _, inputs := range []resource.PropertyMap{
		wanted(resource.PropertyMap{"build": unknown}), wanted(resource.PropertyMap{"registry": unknown}), wanted(resource.PropertyMap{"imageName": unknown}),
		wanted(resource.PropertyMap{"build": obj(resource.PropertyMap{"context": unknown, "dockerfile": unknown})}),
		wanted(resource.PropertyMap{"build": obj(resource.PropertyMap{"context": str("app"), "cacheFrom": obj(resource.PropertyMap{"images": unknown})})}),
	} {
		if _, err := checked(t, p, inputs); err != nil {
			t.Errorf("%v: %v", inputs, err)
		}
	}
}

func TestContextDigest(t *testing.T) {
	dir := project(t, app)
	context, dockerfile := filepath.Join(dir, "app"), filepath.Join(dir, "app/Dockerfile")
	digest := func() string {
		t.Helper()
		d, err := contextDigest(context, dockerfile)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(context, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := digest()
	write("junk", "other")
	if digest() != before {
		t.Error("an ignored file counts")
	}
	for name, change := range map[string]func(){
		"content":    func() { write("a.txt", "aa") },
		"name":       func() { os.Rename(filepath.Join(context, "a.txt"), filepath.Join(context, "c.txt")) },
		"mode":       func() { os.Chmod(filepath.Join(context, "sub/b.txt"), 0o755) },
		"symlink":    func() { os.Symlink("sub/b.txt", filepath.Join(context, "link")) },
		"dockerfile": func() { write("Dockerfile", "FROM other\n") },
		"ignore":     func() { write(".dockerignore", "junk\nsub\n!sub/b.txt\n") },
	} {
		last := digest()
		change()
		if digest() == last {
			t.Errorf("a changed %s does not count", name)
		}
	}
	write("Dockerfile.dockerignore", "*\n")
	last := digest()
	write("c.txt", "ignored by the Dockerfile's own file")
	if digest() != last {
		t.Error("Dockerfile.dockerignore does not count")
	}
}

// The digest equals the original's, which the test calculates from path, mode and SHA-256
// of each file. The Dockerfile comes first, under the name Dockerfile.
func TestContextDigestIsTheOriginals(t *testing.T) {
	dir := project(t, map[string]string{"app/Dockerfile": "FROM scratch\n", "app/sub/b.txt": "b"})
	if err := os.Symlink("sub", filepath.Join(dir, "app/link")); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.EvalSymlinks(filepath.Join(dir, "app/sub"))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(content string) string {
		s := sha256.Sum256([]byte(content))
		return string(s[:])
	}
	want := sum("Dockerfile----------" + sum("FROM scratch\n") + "\x00" +
		"Dockerfile-rw-r--r--" + sum("FROM scratch\n") + "\x00" +
		"linkLrwxrwxrwx" + sum(target) + "\x00" +
		"sub/b.txt-rw-r--r--" + sum("b") + "\x00")
	got, err := contextDigest(filepath.Join(dir, "app"), filepath.Join(dir, "app/Dockerfile"))
	if err != nil || got != hex.EncodeToString([]byte(want)) {
		t.Errorf("digest %s, %v; want %x", got, err, want)
	}
}

// A dangling symlink is not an error. Files that follow it in its directory do not change
// the digest.
func TestADanglingLinkInTheContext(t *testing.T) {
	dir := project(t, map[string]string{"app/Dockerfile": "FROM scratch\n", "app/sub/a": "1", "app/sub/z": "1", "app/z": "1"})
	if err := os.Symlink("nowhere", filepath.Join(dir, "app/sub/link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file   string
		counts bool
	}{{"app/z", true}, {"app/sub/a", true}, {"app/sub/z", false}} {
		var digests [2]string
		for i := range digests {
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte{'2', byte(i)}, 0o644); err != nil {
				t.Fatal(err)
			}
			var err error
			if digests[i], err = contextDigest(filepath.Join(dir, "app"), filepath.Join(dir, "app/Dockerfile")); err != nil {
				t.Fatal(err)
			}
		}
		if counts := digests[0] != digests[1]; counts != c.counts {
			t.Errorf("%s counts: %v, want %v", c.file, counts, c.counts)
		}
	}
}

func TestDiff(t *testing.T) {
	base := wanted(nil)
	with := func(key resource.PropertyKey, v resource.PropertyValue) resource.PropertyMap {
		return wanted(resource.PropertyMap{key: v})
	}
	registry := func(server, password string) resource.PropertyValue {
		return obj(resource.PropertyMap{"server": str(server), "username": str("u"), "password": str(password)})
	}
	for name, c := range map[string]struct {
		news resource.PropertyMap
		want string
	}{
		"nothing":      {wanted(nil), ""},
		"new password": {with("registry", registry("https://reg.example:5000/v2", "q")), ""},
		"new server":   {with("registry", registry("elsewhere", "p")), "registry"},
		"unknown yet":  {with("registry", resource.MakeComputed(str(""))), "registry"},
		"new name":     {with("imageName", str("x")), "imageName"},
		"new build":    {with("build", obj(resource.PropertyMap{"contextDigest": str("2")})), "build"},
		"addition":     {with("skipPush", resource.NewBoolProperty(true)), "skipPush"},
	} {
		d, err := (&provider{}).diff(context.Background(), "", "", nil, resource.PropertyMap{"__inputs": obj(base)}, c.news)
		switch {
		case err != nil:
			t.Error(err)
		case c.want == "" && len(d.Changes) != 0:
			t.Errorf("%s: %v, want no change", name, d.Changes)
		case c.want != "" && (len(d.Changes) != 1 || d.Changes[0].Path != c.want || d.Changes[0].Replace):
			t.Errorf("%s: %v, want an update of %s", name, d.Changes, c.want)
		}
	}
	without := wanted(nil)
	delete(without, "registry")
	if d, _ := (&provider{}).diff(context.Background(), "", "", base, nil, without); len(d.Changes) != 1 {
		t.Errorf("registry removed: %v", d.Changes)
	}
}

func TestRegistryHost(t *testing.T) {
	for _, c := range [][3]string{
		{"", "ghcr.io/me/app:1", "ghcr.io"}, {"https://ghcr.io/v1", "ghcr.io/me/app", "ghcr.io"},
		{"", "docker.io/me/app", "https://index.docker.io/v1/"}, {"203.0.113.2:5000", "x", "203.0.113.2:5000"},
	} {
		if got, err := registryHost(c[0], c[1]); err != nil || got != c[2] {
			t.Errorf("registryHost(%q, %q) = %q, %v; want %q", c[0], c[1], got, err, c[2])
		}
	}
}
