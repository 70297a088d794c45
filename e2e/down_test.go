package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"averazure/internal/release"
)

// TestLongWorkerIsDown stops a worker's Docker, and freezes the worker. Each time, status
// and a preview report it, a push deploys meanwhile, and everything is healthy again when
// the worker is back.
func TestLongWorkerIsDown(t *testing.T) {
	isLong(t)
	const worker = "aver-worker-1"
	box.mustRun(t, "up", "--config", "averazure:workers=1")
	box.forget()
	t.Cleanup(func() {
		box.mustRun(t, "up", "--config", "averazure:workers=0")
		box.forget()
	})
	f, err := box.newField(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	container := containerName(worker)
	for _, fault := range []struct {
		name       string
		begin, end []string // arguments of the engine
	}{
		{"its Docker is stopped", []string{"exec", container, "systemctl", "stop", "docker.socket", "docker.service"}, []string{"exec", container, "systemctl", "start", "docker.socket", "docker.service"}},
		{"it is frozen", []string{"pause", container}, []string{"unpause", container}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			n, err := f.node(first)
			if err != nil {
				t.Fatal(err)
			}
			watch := visit(visitor(t, n.PublicAddress), f.outputs.APIURL)
			if err := box.engine(t.Context(), fault.begin...); err != nil {
				t.Fatal(err)
			}
			isBack := false
			back := func() {
				if !isBack {
					isBack = true
					if err := box.engine(context.Background(), fault.end...); err != nil {
						t.Error(err)
					}
				}
			}
			defer back()
			eventually(t, time.Minute, "status says that it is down", func() (bool, string) {
				status, err := f.status(t.Context(), first)
				return err == nil && slices.ContainsFunc(status.Differences, func(d release.Difference) bool {
					return d.Code == release.CodeNodeDown && d.Name == worker
				}), fmt.Sprintf("%+v, %v", status.Differences, err)
			})
			mustSay(t, box.mustRun(t, "preview"), "warning: node "+worker+": ")
			file, value := f.next()
			if err := f.push(t.Context(), second, file, "runs", 2*time.Minute); err != nil {
				t.Fatal(err)
			}
			if err := f.runs(t.Context(), value); err != nil {
				t.Error(err)
			}
			s := watch.stop()
			t.Logf("%s; the last failure ended %s after the beginning", s, s.last.Round(time.Second/10))
			if s.last > lossLimit {
				t.Errorf("a request failed %s after the worker was lost, at most %s", s.last, lossLimit)
			}
			back()
			if err := f.whole(t.Context(), first, 2*time.Minute); err != nil {
				t.Error(err)
			}
			mustHaveNodes(t, first, second, third, worker)
			box.mustRun(t, "preview", "--expect-no-changes")
		})
	}
}
