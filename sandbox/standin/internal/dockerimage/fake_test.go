package dockerimage

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// engine is a Docker engine that answers and records the plugin's requests.
type engine struct {
	*httptest.Server
	build  string            // the stream of a build
	push   string            // the stream of a push
	files  map[string]string // of the last context
	query  map[string]string
	auth   map[string]string            // of the last push
	logins map[string]map[string]string // of the last build
	digest []string
}

func startEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{
		build:  `{"stream":"Step 1/1 : FROM scratch\n"}` + "\n" + `{"stream":" ---> 0123\n"}`,
		push:   `{"status":"Pushed","id":"abc","progressDetail":{}}`,
		digest: []string{pushed},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("POST /v1.41/build", e.serveBuild)
	mux.HandleFunc("POST /v1.41/images/", func(w http.ResponseWriter, r *http.Request) {
		header, _ := base64.URLEncoding.DecodeString(r.Header.Get("X-Registry-Auth"))
		json.Unmarshal(header, &e.auth)
		io.WriteString(w, e.push)
	})
	mux.HandleFunc("GET /v1.41/images/", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"Id": "sha256:local", "RepoDigests": e.digest})
	})
	e.Server = httptest.NewServer(mux)
	t.Cleanup(e.Close)
	return e
}

func (e *engine) serveBuild(w http.ResponseWriter, r *http.Request) {
	e.files, e.query = map[string]string{}, map[string]string{}
	for key := range r.URL.Query() {
		e.query[key] = r.URL.Query().Get(key)
	}
	header, _ := base64.URLEncoding.DecodeString(r.Header.Get("X-Registry-Config"))
	json.Unmarshal(header, &e.logins)
	for in := tar.NewReader(r.Body); ; {
		header, err := in.Next()
		if err != nil {
			break
		}
		content, _ := io.ReadAll(in)
		e.files[header.Name] = fmt.Sprintf("%d:%d %s", header.Uid, header.Gid, content)
	}
	io.WriteString(w, e.build)
}

// pushed is the digest of the pushed image.
var pushed = "reg.example:5000/u/app@sha256:" + strings.Repeat("1", 64)

// project is a directory with a build context app/.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string, e *engine) *provider {
	t.Helper()
	t.Setenv("DOCKER_HOST", "")
	if os.Getenv("DOCKER_CONFIG") == "" {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
	}
	p := &provider{options: Options{Dir: dir, DockerHost: strings.Replace(e.URL, "http://", "tcp://", 1), Labels: map[string]string{"owner": "me"}}}
	if err := p.configure(context.Background(), resource.PropertyMap{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func str(s string) resource.PropertyValue { return resource.NewStringProperty(s) }

func obj(m resource.PropertyMap) resource.PropertyValue { return resource.NewObjectProperty(m) }

func wanted(extra resource.PropertyMap) resource.PropertyMap {
	m := resource.PropertyMap{
		"imageName": str("reg.example:5000/u/app:latest"),
		"registry":  obj(resource.PropertyMap{"server": str("https://reg.example:5000/v2"), "username": str("u"), "password": str("p")}),
		"build": obj(resource.PropertyMap{
			"context": str("app"), "dockerfile": str("app/Dockerfile"), "platform": str("linux/amd64"), "target": str("final"),
			"args": obj(resource.PropertyMap{"VERSION": str("1")}),
		}),
	}
	for k, v := range extra {
		m[k] = v
	}
	return m
}

var app = map[string]string{
	"app/Dockerfile": "FROM scratch\nCOPY . /\n", "app/a.txt": "a", "app/junk": "j",
	"app/sub/b.txt": "b", "app/.dockerignore": "junk\n",
}
