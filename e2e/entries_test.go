package e2e

import (
	"strings"
	"testing"
	"time"

	"averazure/internal/release"
)

// TestLostVolume follows docs/operations.md for a volume that is lost and has no backup: an
// empty volume takes its place, and data that is restored while the stack is paused is
// there afterwards.
func TestLostVolume(t *testing.T) {
	t.Parallel()
	s := newStack(t, "lost")
	const read = `docker exec "$(docker ps -q --filter label=com.docker.swarm.service.name=lost_web)" cat /data/word || true`
	mustRead := func(want string) {
		t.Helper()
		eventually(t, 30*time.Second, "the volume has "+want, func() (bool, string) {
			got := strings.TrimSpace(box.exec(t, "aver-manager", "sh", "-c", read))
			return got == want, got
		})
	}
	s.deploy(t, fileOf(small{name: "web", script: "[ -e /data/word ] || echo new >/data/word; exec sleep 100000", more: []string{"volumes: ['data:/data']"}})+
		"volumes: {data: {}}\n", release.Runs, 1)
	mustRead("new")
	manager := func(argv ...string) { t.Helper(); box.exec(t, "aver-manager", argv...) }
	p := follow(t, "A volume is lost", 1, "pause aver ", "pause lost ", "resume aver", "resume lost", "aver_seq=0", "lost_web=0", "aver_seq=1", "lost_web=1")
	p.next(first)
	p.next(first)
	eventually(t, 30*time.Second, "nothing uses the volume", func() (bool, string) {
		out, err := box.tryExec(t.Context(), "aver-manager", "sh", "-c", `docker ps -aq --filter volume=lost_data | xargs -r docker rm -f; docker volume rm lost_data`)
		return err == nil, out
	})
	manager("docker", "run", "--rm", "-v", "lost_data:/data", "--entrypoint", "sh", image, "-c", "echo restored >/data/word")
	p.on(first)
	mustRead("restored")
	s.mustBeWhole(t, 1)
}

// TestPreviewNamesANodeWithoutSSH: sshd accepts the connection and says nothing. The
// preview names the node, takes at most 15 seconds longer than another run, and does the
// rest.
func TestPreviewNamesANodeWithoutSSH(t *testing.T) {
	const node = "aver-worker-1"
	sshd := func(signal string) {
		t.Helper()
		box.exec(t, node, "systemctl", "kill", "--kill-whom=main", "--signal="+signal, "ssh.service")
	}
	sshd("STOP")
	t.Cleanup(func() { sshd("CONT") })
	began := time.Now()
	out := box.mustRun(t, "preview")
	took := time.Since(began)
	mustSay(t, out, "drift: ", node)
	if limit := 15*time.Second + box.secondUpTook; took > limit {
		t.Errorf("the preview took %s, want %s at most: the second up took %s", took, limit, box.secondUpTook)
	}
	t.Logf("the preview took %s", took.Round(time.Second/10))
}
