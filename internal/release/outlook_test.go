package release

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/registry"

	"averazure/internal/stackfile"
)

// inForce is the rollback in force at the last release; nil if there is none.
func inForce(t *testing.T, d *Deployer) *RolledBack {
	t.Helper()
	status, err := d.Status(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	return status.Release.RolledBack
}

// TestARollbackIsReportedWhileItIsInForce: it is in force until something is deployed, even if
// that is what runs already. A deployment that failed leaves it in force.
func TestARollbackIsReportedWhileItIsInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		two := specsOf(service("api", "run:2"))
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 1)
		expect(t, deploys(d, two), Runs, 2)
		if left := inForce(t, d); left != nil {
			t.Errorf("nobody rolled back: %+v", left)
		}
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 3)
		left := inForce(t, d)
		if left == nil || left.From != 2 || left.To != 1 || len(left.Changes) != 1 || !strings.Contains(left.Changes[0], "image run:1@") {
			t.Fatalf("a rollback: %+v", left)
		}
		expect(t, deploys(d, specsOf(service("api", "crash:1"))), PutBack, 3, "task-failed")
		if left := inForce(t, d); left == nil || left.From != 2 {
			t.Errorf("after a deployment that failed: %+v", left)
		}
		expect(t, deploys(d, specsOf(service("api", "run:1"))), Runs, 4)
		if left := inForce(t, d); left != nil {
			t.Errorf("after a deployment of what ran: %+v", left)
		}
	})
}

// TestARollbackOfStackRepoStaysInForce when `pulumi up` only brings new secrets.
func TestARollbackOfStackRepoStaysInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeployer(t, newMemory("manager"))
		order := func(from, image string) Order { return Order{File: fileOf(t, image), From: from, By: from} }
		expect(t, d.Deploy(t.Context(), stack, order(FromStackRepo, "run:1")), Runs, 1)
		expect(t, d.Deploy(t.Context(), stack, order(FromStackRepo, "run:2")), Runs, 2)
		expect(t, d.Rollback(t.Context(), stack, 0), Runs, 3)
		if result := d.Deploy(t.Context(), stack, order(FromPulumi, "run:9")); !result.Kept {
			t.Fatalf("%+v", result)
		}
		if left := inForce(t, d); left == nil || left.From != 2 {
			t.Errorf("what stack-repo left: %+v", left)
		}
	})
}

// TestDiffAsksForNewImagesOnce, within a time limit, and not for images that are released.
func TestDiffAsksForNewImagesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		const text = "services:\n  api: {image: %}\n  again: {image: %}\n  old: {image: 'run:1'}\n"
		order := func(image string) Order {
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: strings.ReplaceAll(text, "%", "'"+image+"'")}}})
			if err != nil {
				t.Fatal(err)
			}
			return Order{File: file, From: FromPulumi, By: ByPulumi}
		}
		expect(t, d.Deploy(t.Context(), stack, order("run:1")), Runs, 1)
		asked := 0
		m.inspect = func() { asked++ }
		for image, test := range map[string]struct {
			answer error
			code   string
			asked  int
		}{
			"run:1": {errdefs.ErrNotFound, "", 0},
			"run:2": {nil, "", 1},
			"run:3": {errdefs.ErrNotFound, CodeImageMissing, 1},
			"run:4": {errdefs.ErrPermissionDenied, CodeImageDenied, 1},
			"run:5": {errdefs.ErrUnauthenticated, CodeImageDenied, 1},
			"run:6": {errors.New("dial tcp: i/o timeout"), CodeRegistryAway, 2}, // a connection that broke
			"run@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef": {errdefs.ErrNotFound, "", 0},
		} {
			asked = 0
			m.registry[image] = test.answer
			diff, err := d.Diff(t.Context(), stack, order(image))
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, problem := range diff.Images {
				codes = append(codes, problem.Service+" "+problem.Code)
			}
			var want []string
			if test.code != "" {
				want = []string{"shop_again " + test.code, "shop_api " + test.code}
			}
			if !slices.Equal(codes, want) || asked != test.asked {
				t.Errorf("%s: %q, asked %d times; want %q, %d", image, codes, asked, want, test.asked)
			}
			if changed := len(diff.Changes) > 0; changed != (image != "run:1") {
				t.Errorf("%s: changes %+v", image, diff.Changes)
			}
		}
	})
}

// silent is a Swarm whose registries accept the connection and do not answer.
type silent struct{ *memory }

func (silent) DistributionInspect(ctx context.Context, _, _ string) (registry.DistributionInspect, error) {
	<-ctx.Done()
	return registry.DistributionInspect{}, ctx.Err()
}

func TestDiffDoesNotWaitForARegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		d.Reader.Swarm = silent{m}
		began := time.Now()
		diff, err := d.Diff(t.Context(), stack, Order{File: fileOf(t, "run:1"), From: FromPulumi, By: ByPulumi})
		if took := time.Since(began); err != nil || took > d.Settings.Image || len(diff.Changes) == 0 || len(diff.Images) != 1 || diff.Images[0].Code != CodeRegistryAway {
			t.Errorf("%+v after %s (%v)", diff, took, err)
		}
	})
}

// TestStackctlSaysTheWarningsOfAFile to callers who saw no preview.
func TestStackctlSaysTheWarningsOfAFile(t *testing.T) {
	for by, want := range map[string]int{ByPulumi: 0, ByPerson: 1, ByStackRepo: 1} {
		virtual(t, by, func(t *testing.T) {
			d := newDeployer(t, newMemory("manager"))
			said := 0
			d.Say = func(format string, _ ...any) {
				if strings.HasPrefix(format, "warning: ") {
					said++
				}
			}
			file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: "services: {api: {image: 'run:1', environment: {DB_PASSWORD: geheim}}}\n"}}})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, d.Deploy(t.Context(), stack, Order{File: file, From: FromPulumi, By: by}), Runs, 1)
			if said != want {
				t.Errorf("%d warnings, want %d", said, want)
			}
		})
	}
}
