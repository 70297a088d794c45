package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"averazure/sandbox/workspace"
)

// downloadable is a workspace whose program uses one plugin. Its real CLI is pointed at the
// server to get that plugin.
func downloadable(t *testing.T, server string) *workspace.Workspace {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"project/Pulumi.yaml":    "name: averazure\nruntime: go\n",
		"project/go.mod":         "module x\n\nrequire github.com/pulumi/pulumi-command/sdk v1.2.1\n",
		"bin/pulumi-language-go": "#!/bin/sh\n", // so that no language plugin is built
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The shared sandbox has found or built a CLI.
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH") + ":" + filepath.Join(dir, "bin")
	built, err := filepath.Glob(filepath.Join(cache, "averazure-sandbox", "pulumi-v*"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join(append([]string{path}, built...), ":"))
	t.Setenv("PULUMI_HOME", filepath.Join(dir, "home"))
	t.Setenv("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES", ".*="+server)
	work, err := workspace.Open(t.Context(), workspace.Options{
		ProjectDir: filepath.Join(dir, "project"), StateDir: filepath.Join(dir, "state"), CacheDir: filepath.Join(dir, "cache"),
		Plugins: []string{"command"}, Stack: "sandbox", Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	return work
}

// archive is a plugin in the form in which its maker publishes it.
func archive(t *testing.T, name string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	script := "#!/bin/sh\necho played\n"
	if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(script))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write([]byte(script)); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// TestTheCLIFetchesAnOfficialPlugin fetches a plugin from a server that plays the official
// one.
func TestTheCLIFetchesAnOfficialPlugin(t *testing.T) {
	plugin := archive(t, "pulumi-resource-command")
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.HasSuffix(r.URL.Path, "/pulumi-resource-command-v1.2.1-linux-"+runtime.GOARCH+".tar.gz") {
			http.NotFound(w, r)
			return
		}
		w.Write(plugin)
	}))
	defer server.Close()
	work := downloadable(t, server.URL)
	for range 2 {
		found, err := work.Plugins(t.Context(), []string{"command"}, workspace.Auto)
		if err != nil || found["command"] != "v1.2.1" {
			t.Fatalf("found %q, %v", found, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked the server %d times", n)
	}
	var list bytes.Buffer
	ls := work.Pulumi(t.Context(), nil, "plugin", "ls")
	if ls.Stdout = &list; ls.Run() != nil || !strings.Contains(list.String(), "command") {
		t.Errorf("the CLI does not find it:\n%s", list.String())
	}
}

// TestANetworkThatDoesNotAnswerCostsNoTime: the run does not wait for a server that does
// not answer, and does not ask it again at every up.
func TestANetworkThatDoesNotAnswerCostsNoTime(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, but never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	work := downloadable(t, "http://"+silent.Addr().String())
	for _, limit := range []time.Duration{4 * time.Second, time.Second} {
		began := time.Now()
		found, err := work.Plugins(t.Context(), []string{"command"}, workspace.Auto)
		if took := time.Since(began); err != nil || found["command"] != "" || took > limit {
			t.Errorf("found %q, %v, after %s", found, err, took)
		}
	}
}
