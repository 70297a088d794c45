package workspace

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// downloads is a CLI that emulates a download. DOWNLOAD selects whether the download
// succeeds, is refused, or sends nothing.
const downloads = `[ "$1 $2" = "plugin install" ] || exit 0
echo "$*" >> "$PULUMI_HOME/calls"
case $DOWNLOAD in
had) head -c 1000 /dev/zero >"$TMPDIR/pulumi-plugin-tar1"; mkdir -p "$PULUMI_HOME/plugins/resource-$4-$5"; echo x >"$PULUMI_HOME/plugins/resource-$4-$5/pulumi-resource-$4" ;;
refused) echo "error: no route to host" >&2; exit 255 ;;
silent) exec sleep 60 ;;
esac`

// networked is a workspace whose program uses command and docker.
func networked(t *testing.T, download string) *Workspace {
	t.Helper()
	t.Setenv("DOWNLOAD", download)
	t.Setenv("PULUMI_HOME", t.TempDir())
	w := scratch(t, downloads)
	write(t, filepath.Join(w.ProjectDir, "go.mod"), "module x\n\nrequire (\n\tgithub.com/pulumi/pulumi-command/sdk v1.2.1\n\tgithub.com/pulumi/pulumi-docker/sdk/v4 v4.11.2\n)\n")
	return w
}

var both = []string{"command", "docker"}

func (w *Workspace) asked(t *testing.T) int {
	t.Helper()
	calls, err := os.ReadFile(filepath.Join(w.fetchDir(), "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(calls), "plugin install resource")
}

func TestOfficialPluginsAreFetchedOnceAndUsed(t *testing.T) {
	w := networked(t, "had")
	for range 2 {
		found, err := w.Plugins(context.Background(), both, Auto)
		if err != nil || found["command"] != "v1.2.1" || found["docker"] != "v4.11.2" {
			t.Fatalf("found %q, %v", found, err)
		}
	}
	if n := w.asked(t); n != 2 {
		t.Errorf("asked %d times for 2 plugins", n)
	}
	// The engine looks for the plugins here.
	if _, err := os.Stat(filepath.Join(w.homeDir(), "plugins", "resource-docker-v4.11.2", "pulumi-resource-docker")); err != nil {
		t.Error(err)
	}
}

func TestUnavailablePluginsGetStandInsAndAreNotRequestedAgain(t *testing.T) {
	for _, how := range []string{"refused", "silent"} {
		t.Run(how, func(t *testing.T) {
			w := networked(t, how)
			began := time.Now()
			for range 2 {
				found, err := w.Plugins(context.Background(), both, Auto)
				if err != nil || found["command"] != "" || found["docker"] != "" {
					t.Fatalf("found %q, %v", found, err)
				}
			}
			if took := time.Since(began); took > 2*beginTime {
				t.Errorf("the network that is not there cost %s", took)
			}
			if n := w.asked(t); n != 2 {
				t.Errorf("asked %d times for 2 plugins", n)
			}
		})
	}
}

func TestADayLaterOrOnDemandPluginsAreAskedForAgain(t *testing.T) {
	w := networked(t, "refused")
	find := func(source Source) error {
		_, err := w.Plugins(context.Background(), both, source)
		return err
	}
	if err := find(Auto); err != nil {
		t.Fatal(err)
	}
	if err := find(Official); !errors.Is(err, unavailable("command")) {
		t.Errorf("--plugins=official: %v", err)
	}
	if n := w.asked(t); n != 4 {
		t.Errorf("asked %d times, want 4", n)
	}
	yesterday := time.Now().Add(-askAgain)
	if err := os.Chtimes(w.denial("docker", "v4.11.2"), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if err := find(Auto); err != nil {
		t.Fatal(err)
	}
	if n := w.asked(t); n != 5 {
		t.Errorf("asked %d times, want 5", n)
	}
}

func TestStandInsRequestNothing(t *testing.T) {
	w := networked(t, "had")
	found, err := w.Plugins(context.Background(), both, Played)
	if err != nil || len(found) > 0 || w.asked(t) > 0 {
		t.Errorf("found %q, %v, asked %d times", found, err, w.asked(t))
	}
}

// The sandbox waits for a download as long as data arrive, even beyond the time in which it
// must begin.
func TestADownloadThatBeginsIsWaitedFor(t *testing.T) {
	ended, began := make(chan error, 1), time.Now()
	var arrived int64
	err := watch(context.Background(), ended, func() int64 {
		arrived++
		if time.Since(began) > beginTime+500*time.Millisecond {
			ended <- nil
		}
		return arrived
	})
	if err != nil {
		t.Error(err)
	}
}
