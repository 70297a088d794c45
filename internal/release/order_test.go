package release

import (
	"testing"
	"testing/synctest"

	"averazure/internal/stackfile"
)

// fileOf is a stack file with a single service, api.
func fileOf(t *testing.T, image string) *stackfile.File {
	t.Helper()
	file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: "services: {api: {image: '" + image + "'}}"}}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Once stack-repo has deployed, it owns the file: `pulumi up` keeps what stack-repo
// released until it is told to take the file back.
func TestOwnerOfTheStackFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		pulumi := func(tag, token string) Order {
			return Order{File: fileOf(t, tag), From: FromPulumi, By: ByPulumi, Token: token}
		}
		for _, step := range []struct {
			order Order
			kept  bool
			runs  string
			from  string
			token string
		}{
			{pulumi("run:1", "one"), false, "run:1", FromPulumi, "one"},
			{pulumi("run:2", "two"), false, "run:2", FromPulumi, "two"},
			{Order{File: fileOf(t, "run:3"), From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}, false, "run:3", FromStackRepo, "two"},
			{pulumi("run:4", "four"), true, "run:3", FromStackRepo, "four"},
			{func() Order { o := pulumi("run:5", "five"); o.TakeOver = true; return o }(), false, "run:5", FromPulumi, "five"},
			{pulumi("run:6", "six"), false, "run:6", FromPulumi, "six"},
		} {
			got := d.Deploy(t.Context(), stack, step.order)
			if got.Outcome != Runs || got.Kept != step.kept || runningImages(m)["shop_api"] != step.runs {
				t.Fatalf("%s: kept %t, runs %s; want %t, %s", got.Verdict, got.Kept, runningImages(m)["shop_api"], step.kept, step.runs)
			}
			status, err := d.Status(t.Context(), stack)
			if err != nil || status.Release.From != step.from || status.Token != step.token {
				t.Errorf("%s: %v; from %s, token %s; want %s, %s", got.Verdict, err, status.Release.From, status.Token, step.from, step.token)
			}
		}
	})
}

// The deploy key is measured against what `pulumi up` deployed or announced last. What the
// key may not change is refused before anything is touched.
func TestDeployKeyIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory("manager")
		d := newDeployer(t, m)
		key := func(image string) Result {
			return d.Deploy(t.Context(), stack, Order{File: fileOf(t, image), From: FromStackRepo, By: ByStackRepo, Scope: ScopeImages})
		}
		expect(t, key("run:1"), Refused, 0, "unknown-stack")
		expect(t, d.Trust(t.Context(), stack, Order{File: fileOf(t, "run:1")}), Runs, 0)
		for image, refused := range map[string]int{"run:2": 0, "evil:1": 1} {
			diff, err := d.Diff(t.Context(), stack, Order{File: fileOf(t, image), Scope: ScopeImages})
			if err != nil || len(diff.Refused) != refused || len(diff.Changes) == 0 {
				t.Errorf("what would change with %s: %+v, %v", image, diff, err)
			}
		}
		expect(t, key("other:1"), Refused, 0, CodeDeployKey)
		if len(m.services) > 0 {
			t.Fatal("something was deployed")
		}
		expect(t, key("run:2"), Runs, 1)
		expect(t, d.Deploy(t.Context(), stack, Order{File: fileOf(t, "other:1"), From: FromPulumi, By: ByPulumi, TakeOver: true}), Runs, 2)
		expect(t, key("run:2"), Refused, 0, CodeDeployKey)
		expect(t, key("other:2"), Runs, 3)
	})
}
