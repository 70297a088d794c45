package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// goesOn runs an up after the test, which has to succeed: a failed run can be repeated.
func goesOn(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := box.run(context.Background(), 10*time.Minute, "up"); err != nil {
			t.Errorf("the next up did not end well: %v", err)
		}
	})
}

// mustFailUp runs one up with these settings. It has to fail and to give the reason: every
// one of the texts has to be in its output.
func mustFailUp(t *testing.T, wanted, settings []string, args ...string) {
	t.Helper()
	out, err := box.run(t.Context(), 5*time.Minute, slices.Concat([]string{"pulumi"}, settings, []string{"--", "up", "--yes"}, args)...)
	if err == nil {
		t.Fatal("the up passed")
	}
	mustSay(t, out, wanted...)
	mustHide(t, "the output of a failed up", []string{out})
}

func TestLongFailingAptRunNamesTheHostAndItsOutput(t *testing.T) {
	isLong(t)
	const node = third
	goesOn(t)
	t.Cleanup(func() {
		box.exec(t, node, "sh", "-ec", "cd /etc/apt; if [ -d own ]; then rm -rf sources.list sources.list.d; mv own/* .; rmdir own; fi")
	})
	box.exec(t, node, "sh", "-ec", "cd /etc/apt; mkdir own; for name in sources.list sources.list.d; do if [ -e $name ]; then mv $name own; fi; done; "+
		"echo 'deb http://127.0.0.1:9/debian trixie main' >sources.list; dpkg --purge curl")
	mustFailUp(t, []string{node + ": apt ", " curl", "127.0.0.1:9", "Connection refused"},
		nil, "--replace", "**"+node+"-prepare")
}

func TestSlowFailingBuildNamesTheImageAndItsOutput(t *testing.T) {
	isSlow(t)
	dir := ".sandbox/" + sandboxName + "/unbuildable" // a relative context starts at Pulumi.yaml
	if err := os.MkdirAll(filepath.Join(box.project, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	dockerfile := "FROM scratch\nCOPY missing-part /\n"
	if err := os.WriteFile(filepath.Join(box.project, dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	goesOn(t)
	mustFailUp(t, []string{"aver-api:uncommitted", "missing-part"}, []string{"--config", "averazure:appContext=" + dir})
}

// TestSlowFailingPushNamesTheImage builds the image again, since changed credentials alone
// do not cause a push.
func TestSlowFailingPushNamesTheImage(t *testing.T) {
	isSlow(t)
	image, _, _ := strings.Cut(box.outputs(t).ImageDigest, "@")
	goesOn(t)
	mustFailUp(t, []string{image + ":" + sourceTag(t), "authentication required"},
		[]string{"--config", "averazure:registryUsername=nobody"}, "--replace", "**aver-image")
}
