package stack

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"averazure/internal/drift"
	"averazure/internal/golden"
	"averazure/internal/recorder"
	"averazure/internal/release"
	"averazure/internal/stackfile"
)

// outlook is a preview after an `up` of the same project.
type outlook struct {
	t     *testing.T
	args  Args
	known drift.Known
	asked []stackfile.Request
}

// upBefore is the project after an `up`, with a manager that reports no change.
func upBefore(t *testing.T, config Config) *outlook {
	t.Helper()
	o := &outlook{t: t, args: arguments(t, config)}
	r := &recorder.Recorder{}
	if err := run(t, r, o.args); err != nil {
		t.Fatal(err)
	}
	inputs := r.Get(drift.CommandType, "aver-deploy").Inputs
	o.known = drift.Known{
		Left: map[string]map[string]any{drift.CommandType + "::aver-deploy": {
			"stdin": recorder.At(inputs, "stdin"), "update": recorder.At(inputs, "update"),
		}},
		Status: map[string]release.Status{"aver": {Release: &release.ReleaseStatus{Number: 8, From: release.FromPulumi, By: release.ByPulumi}}},
	}
	o.says(release.Diff{}, nil)
	return o
}

// says sets the manager's answer to the question what would change.
func (o *outlook) says(diff release.Diff, err error) {
	o.known.Diff = func(_ string, text []byte) (release.Diff, error) {
		request, readErr := stackfile.ReadRequest("stdin", text)
		if readErr != nil {
			o.t.Error(readErr)
		}
		o.asked = append(o.asked, request)
		return diff, err
	}
}

// file replaces the stack file.
func (o *outlook) file(text string) {
	o.t.Helper()
	put(o.t, ".", "stack.yml", text)
	var problems []error
	if o.args.File, problems = o.args.Read(site); len(problems) > 0 {
		o.t.Fatal(problems)
	}
}

// preview returns what a preview says of the stack: lines of what would change, and
// warnings.
func (o *outlook) preview() (lines, warnings []string) {
	o.t.Helper()
	r := &recorder.Recorder{Preview: true}
	o.asked, o.args.Drift = nil, o.known.Marks()
	if err := run(o.t, r, o.args); err != nil {
		o.t.Fatal(err)
	}
	for _, log := range r.Logs() {
		if text, ok := strings.CutPrefix(log, "warning: "); ok {
			warnings = append(warnings, text)
		}
	}
	return r.Told(), warnings
}

const small = "services:\n  api:\n    image: nginx\n    deploy: {replicas: 2}\n"

func smallProject(t *testing.T) Config {
	t.Helper()
	config := project(t)
	put(t, ".", "stack.yml", small)
	config.AppContext = ""
	return config
}

func TestAPreviewSaysWhatWouldChange(t *testing.T) {
	o := upBefore(t, smallProject(t))
	if lines, warnings := o.preview(); len(lines)+len(warnings)+len(o.asked) > 0 {
		t.Errorf("nothing changes: %q, warned %q, asked %d times", lines, warnings, len(o.asked))
	}
	o.file(strings.Replace(small, "2", "4", 1) + "  hello: {image: 'hello:1', ports: ['9090:80']}\n")
	o.says(release.Diff{Changes: []release.Change{{Text: "one"}, {Text: "two"}}, Images: []release.Problem{{Service: "aver_hello", Reason: "is away"}}}, nil)
	lines, warnings := o.preview()
	if !slices.Equal(lines, []string{"one", "two"}) {
		t.Errorf("lines %q", lines)
	}
	if !slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, `stack.yml:5: service "hello": is away`) }) {
		t.Errorf("of an image that is away: %q", warnings)
	}
	if len(o.asked) != 1 || !strings.Contains(o.asked[0].Files[0].Text, "hello:1") || o.asked[0].Variables["ENTRY_ADDRESS"] != "203.0.113.99" {
		t.Errorf("asked %+v", o.asked)
	}
}

// An update that changes no service says why it runs.
func TestAPreviewSaysWhyItDeploysTheSame(t *testing.T) {
	var lines []string
	t.Run("in the project's folder", func(t *testing.T) {
		o := upBefore(t, smallProject(t))
		o.file(small + "    restart: always\n")
		o.says(release.Diff{}, nil)
		lines, _ = o.preview()
	})
	golden.Compare(t, "changes-no-service.txt", strings.Join(lines, "\n")+"\n")
}

// TestAPreviewWithoutAManager: such a preview compares the file with what the last `up`
// deployed.
func TestAPreviewWithoutAManager(t *testing.T) {
	o := upBefore(t, smallProject(t))
	o.file(strings.Replace(small, "2", "4", 1) + "  hello: {image: 'hello:1', ports: ['9090:80']}\n")
	want := []string{"api: replicas 2 -> 4", "hello: hello:1 9090"}
	o.says(release.Diff{}, errors.New("it broke"))
	for _, status := range []bool{true, false} { // if no manager answers, there is a warning already
		if !status {
			o.known.Status = nil
		}
		lines, warnings := o.preview()
		if len(lines) != 3 || !hasWords(lines[1], want[0]) || !hasWords(lines[2], want[1]) {
			t.Errorf("a manager that answered: %v; lines %q", status, lines)
		}
		if got := slices.ContainsFunc(warnings, func(w string) bool { return strings.HasSuffix(w, "it broke") }); got != status {
			t.Errorf("a manager that answered: %v; warned %q", status, warnings)
		}
	}
}

// TestABuiltImageHasNoDigestYet: the preview names such an image by its tag, and asks the
// manager with the image that runs.
func TestABuiltImageHasNoDigestYet(t *testing.T) {
	o := upBefore(t, project(t))
	o.says(release.Diff{}, nil)
	lines, _ := o.preview()
	before, err := stackfile.ReadRequest("stdin", []byte(o.known.Left[drift.CommandType+"::aver-deploy"]["stdin"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `stack.yml:3: service "api": `) || !strings.HasPrefix(lines[1], "service api: image ghcr.io/your-org/aver-api:") {
		t.Errorf("lines %q", lines)
	}
	if len(o.asked) != 1 || o.asked[0].Images["api"] == "" || o.asked[0].Images["api"] != before.Images["api"] || o.asked[0].Variables[appImage] != before.Variables[appImage] {
		t.Errorf("asked %+v", o.asked)
	}
	o.known.Status["aver"] = release.Status{Release: &release.ReleaseStatus{From: release.FromStackRepo, By: release.ByStackRepo}}
	if lines, _ := o.preview(); len(lines) > 0 {
		t.Errorf("what is built does not run where stack-repo deploys: %q", lines)
	}
}

func TestARollbackInForceIsWarnedOf(t *testing.T) {
	o := upBefore(t, smallProject(t))
	back := &release.ReleaseStatus{Number: 8, From: release.FromPulumi, By: release.ByRollback, RolledBack: &release.RolledBack{From: 7, To: 6, Changes: []string{"service api: replicas 2 -> 4"}}}
	o.known.Status["aver"] = release.Status{Release: back}
	lines, warnings := o.preview()
	if len(warnings) != 1 || !strings.Contains(warnings[0], back.InForce()) || len(lines)+len(o.asked) > 0 {
		t.Errorf("nothing changes: %q, warned %q, asked %d times", lines, warnings, len(o.asked))
	}
	o.file(small + "  hello: {image: 'hello:1'}\n")
	o.says(release.Diff{Changes: []release.Change{{Text: "one"}}}, nil)
	if lines, warnings := o.preview(); len(warnings) != 1 || !slices.Equal(lines, []string{"one"}) {
		t.Errorf("something changes: %q, warned %q", lines, warnings)
	}
	o.args.StackDeploy = false
	if lines, warnings := o.preview(); len(warnings) != 1 || len(lines) > 0 {
		t.Errorf("stack-repo deploys: %q, warned %q", lines, warnings)
	}
}

func TestWhoseReleaseRuns(t *testing.T) {
	changed := release.Diff{Changes: []release.Change{{Text: "one"}}}
	for name, test := range map[string]struct {
		release     release.ReleaseStatus
		change      bool
		diff        release.Diff
		lines, warn int
	}{
		"by hand, as the file says":    {release.ReleaseStatus{From: release.FromPulumi, By: release.ByPerson}, false, release.Diff{}, 0, 0},
		"by hand, something else":      {release.ReleaseStatus{From: release.FromPulumi, By: release.ByPerson}, false, changed, 0, 1},
		"by hand, healed since":        {release.ReleaseStatus{From: release.FromPulumi, By: release.ByHeal, Origin: release.ByPerson}, false, changed, 0, 1},
		"`pulumi up`'s, healed since":  {release.ReleaseStatus{From: release.FromPulumi, By: release.ByHeal, Origin: release.ByPulumi}, false, changed, 0, 0},
		"by hand, and the file is new": {release.ReleaseStatus{From: release.FromPulumi, By: release.ByPerson}, true, changed, 1, 0},
		"stack-repo's":                 {release.ReleaseStatus{From: release.FromStackRepo, By: release.ByStackRepo}, false, changed, 0, 0},
		"stack-repo's, a new file":     {release.ReleaseStatus{From: release.FromStackRepo, By: release.ByStackRepo}, true, changed, 0, 1},
	} {
		o := upBefore(t, smallProject(t))
		o.known.Status["aver"] = release.Status{Release: &test.release}
		o.says(test.diff, nil)
		if test.change {
			o.file(strings.Replace(small, "2", "4", 1))
		}
		if lines, warnings := o.preview(); len(lines) != test.lines || len(warnings) != test.warn {
			t.Errorf("%s: lines %q, warnings %q", name, lines, warnings)
		}
	}
}

// TestAFirstUpAsksNobody: a first `up` asks no manager. Neither does an update, since its
// preview has already reported the changes.
func TestAFirstUpAsksNobody(t *testing.T) {
	o := upBefore(t, smallProject(t))
	o.file(strings.Replace(small, "2", "4", 1))
	for name, marks := range map[string]*drift.Marks{"first": drift.Fixed(nil), "none": nil, "update": o.known.Marks()} {
		r := &recorder.Recorder{Preview: name != "update"}
		o.args.Drift = marks
		if err := run(t, r, o.args); err != nil || len(r.Logs())+len(o.asked) > 0 {
			t.Errorf("%s: %v, said %q, asked %d times", name, err, r.Logs(), len(o.asked))
		}
	}
}

func TestContentOfASecretFromAFile(t *testing.T) {
	config := smallProject(t)
	text := "services: {api: {image: nginx, secrets: [db]}}\nsecrets: {db: {file: db.age}}\n"
	put(t, ".", "stack.yml", text)
	put(t, ".", "db.age", "one")
	o := upBefore(t, config)
	put(t, ".", "db.age", "two")
	o.file(text)
	if lines, _ := o.preview(); !slices.Equal(lines, []string{"secret aver_db: new version"}) {
		t.Errorf("lines %q", lines)
	}
}
