package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/engine/enginetest"
)

func silent(string, ...any) {}

func TestAnEngineElsewhereIsRefused(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
	_, err := Find(context.Background(), Options{CacheDir: t.TempDir(), Log: silent})
	if err == nil || !strings.Contains(err.Error(), "DOCKER_HOST ") || !strings.Contains(err.Error(), " tcp://192.0.2.1:2375") {
		t.Errorf("the error is %v", err)
	}
}

func TestADeadDockerHostIsNotReplacedSilently(t *testing.T) {
	host := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	t.Setenv("DOCKER_HOST", host)
	_, err := Find(context.Background(), Options{CacheDir: t.TempDir(), Log: silent})
	if err == nil || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "DOCKER_HOST") {
		t.Errorf("the error is %v", err)
	}
}

func TestMissingPackages(t *testing.T) {
	programs := map[string]string{"dockerd": "docker.io", "iptables": "iptables", "tar": "tar"}
	got := missingPackages(programs, func(program string) bool { return program == "tar" })
	if want := []string{"docker.io", "iptables"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing are %v, want %v", got, want)
	}
}

func TestLastLines(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc"},
		{"a\nb", 5, "a\nb"},
		{"", 3, ""},
	} {
		if got := LastLines(test.text, test.n); got != test.want {
			t.Errorf("the last %d lines of %q are %q, want %q", test.n, test.text, got, test.want)
		}
	}
}

func TestADaemonUsesOnlyItsOwnPaths(t *testing.T) {
	d := newDaemon("/run/x", "/cache/engine", silent)
	got := strings.Join(d.args(), " ")
	for _, want := range []string{"--data-root /cache/engine", "--exec-root /run/x/exec", "--pidfile /run/x/docker.pid", "--config-file /run/x/daemon.json", "--host unix:///run/x/docker.sock"} {
		if !strings.Contains(got, want) {
			t.Errorf("the arguments are %q, without %q", got, want)
		}
	}
}

func TestADaemonThatEndsAtOnceSaysWhy(t *testing.T) {
	dir := t.TempDir()
	d := newDaemon(dir, dir, silent)
	if err := os.WriteFile(d.logfile(), []byte("no such storage driver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ended <- fmt.Errorf("exit status 1")
	_, err := d.await(context.Background(), ended)
	if err == nil || !strings.Contains(err.Error(), "no such storage driver") {
		t.Errorf("the error is %v", err)
	}
}

func TestCtrlCIsNotASlowDaemon(t *testing.T) {
	dir := t.TempDir()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := newDaemon(dir, dir, silent).await(ended, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestARunningDaemonSaysWhereItsDataIs(t *testing.T) {
	d := newDaemon(t.TempDir(), "/this/users/cache", silent)
	listener, err := net.Listen("unix", filepath.Join(d.run, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		fmt.Fprint(w, `{"DockerRootDir":"/another/users/cache"}`)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	docker, err := connect(context.Background(), d.host())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	if err := d.locate(context.Background(), docker); err != nil {
		t.Fatal(err)
	}
	if d.data != "/another/users/cache" {
		t.Errorf("the data is taken to be in %s", d.data)
	}
}

func TestWithoutAnEngineOnTheMachineNothingIsInstalled(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	t.Setenv("DOCKER_HOST", "")
	systemDir = t.TempDir()
	t.Cleanup(func() { systemDir = "/usr/sbin" })
	if err := os.Mkdir(filepath.Join(cache, "engine"), 0o700); err != nil { // left by a purged engine
		t.Fatal(err)
	}
	found, err := existing(context.Background(), Options{CacheDir: cache, Log: silent}, nil)
	if found != nil || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestRemovalsTakeRulesBeforeChains(t *testing.T) {
	listing := "-P FORWARD ACCEPT\n-N DOCKER\n-N MINE\n" +
		"-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n" +
		"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n" +
		"-A FORWARD -i br-0123456789ab ! -o br-0123456789ab -j ACCEPT\n" +
		"-A MINE -j ACCEPT\n"
	left := strings.Fields("-D FORWARD -i br-0123456789ab ! -o br-0123456789ab -j ACCEPT")
	whole := [][]string{
		strings.Fields("-D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"),
		strings.Fields("-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"),
		left,
		{"-X", "DOCKER"},
	}
	if got := removals(listing, []string{"br-0123456789ab", dockerBridge}); !reflect.DeepEqual(got, whole) {
		t.Errorf("removals are %v, want %v", got, whole)
	}
	// The rest belongs to another engine and is not removed.
	if got := removals(listing, []string{"br-0123456789ab"}); !reflect.DeepEqual(got, [][]string{left}) {
		t.Errorf("beside another engine removals are %v", got)
	}
}

// A network that Docker refused to remove has a bridge that outlives the engine. The
// function bridges names it.
func TestBridgesOfAnEngine(t *testing.T) {
	fake, docker := enginetest.New(t)
	if got := bridges(t.Context(), docker); len(got) > 0 {
		t.Errorf("of an engine that does not say: %q", got)
	}
	fake.Answers["GET /networks"] = []network.Summary{{ID: "0123456789abcdef", Name: "sandbox-internet"}}
	if got := bridges(t.Context(), docker); !slices.Equal(got, []string{"br-0123456789ab"}) {
		t.Errorf("bridges %q", got)
	}
}
