package stack

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
	"averazure/internal/settings"
	"averazure/internal/stackfile"
)

func TestNewDeploysByDigest(t *testing.T) {
	r := &recorder.Recorder{Answers: map[string]recorder.Answer{drift.CommandType: func(*recorder.Resource) resource.PropertyMap {
		return resource.PropertyMap{"stdout": resource.NewProperty(`{"stack":"aver","outcome":"runs","release":7,"verdict":"as it likes","seconds":3}`)}
	}}}
	if err := run(t, r, arguments(t, project(t))); err != nil {
		t.Fatal(err)
	}
	command := r.Get(drift.CommandType, "aver-deploy")
	stdin := recorder.At(command.Inputs, "stdin").(string)
	digest := recorder.At(r.Exports(), "digest").(string)
	request, err := stackfile.ReadRequest("stdin", []byte(stdin))
	if err != nil || request.Images["api"] != digest || request.Secrets["azure_tenant_id"] != "azure_tenant_id-0123456789ab" ||
		len(request.Files) != 1 || request.Files[0].Name != "stack.yml" {
		t.Errorf("the request is %v (%v)", request, err)
	}
	create, _ := recorder.At(command.Inputs, "create").(string)
	line := regexp.MustCompile(`^sudo -n timeout -k \d+ \d+ stackctl deploy --json --from pulumi aver # machine vm-1, login registry-0123456789ab$`)
	if !line.MatchString(create) || recorder.At(command.Inputs, "update") != create {
		t.Errorf("commands %v", command.Inputs)
	}
	if logging := recorder.At(command.Inputs, "logging"); logging != "stderr" {
		t.Errorf("logging is %v: the JSON is not for people", logging)
	}
	for _, absent := range []string{"delete", "triggers", "environment"} {
		if recorder.At(command.Inputs, absent) != nil {
			t.Errorf("the command has %s", absent)
		}
	}
	for name, want := range map[string]string{"url": "http://203.0.113.99:8080", "release": "7"} {
		if got := recorder.At(r.Exports(), name); got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
}

// Each further stack has a deployment of its own, for its owner; the image goes to every
// service that runs it.
func TestNewDeploysFurtherStacks(t *testing.T) {
	args := arguments(t, project(t))
	put(t, ".", "stack.yml", "services:\n  web: {image: nginx}\n  worker: {image: nginx}\n")
	put(t, ".", "stacks/tools/stack.yml", "services: {page: {image: nginx, ports: ['9090:80']}}\n")
	put(t, ".", "stacks/theirs/stack.yml", "services: {page: {image: nginx}}\n")
	args.AppService, args.Stacks = "web, worker", map[string]string{"tools": "pulumi", "theirs": "stack-repo"}
	var problems []error
	if args.File, problems = args.Read(site); len(problems) > 0 {
		t.Fatal(problems)
	}
	if args.Further, problems = args.ReadFurther(site, args.File); len(problems) > 0 {
		t.Fatal(problems)
	}
	r := &recorder.Recorder{}
	if err := run(t, r, args); err != nil {
		t.Fatal(err)
	}
	for name, verb := range map[string]string{"aver-deploy": "deploy --json --from pulumi aver ", "aver-tools-deploy": "deploy --json --from pulumi tools ", "aver-theirs-deploy": "trust --json theirs "} {
		command := r.Get(drift.CommandType, name)
		if create := recorder.At(command.Inputs, "create").(string); !strings.Contains(create, verb) {
			t.Errorf("%s: %s", name, create)
		}
		request, err := stackfile.ReadRequest("stdin", []byte(recorder.At(command.Inputs, "stdin").(string)))
		if err != nil {
			t.Fatal(err)
		}
		images := slices.Sorted(maps.Keys(request.Images))
		if want := map[bool][]string{true: {"web", "worker"}, false: nil}[name == "aver-deploy"]; !slices.Equal(images, want) {
			t.Errorf("%s: images of %v, want %v", name, images, want)
		}
	}
}

func TestNewExplainsAFailedConnection(t *testing.T) {
	r := &recorder.Recorder{Fail: drift.CommandType, FailWith: "after 68 failed attempts: dial tcp 203.0.113.10:22: i/o timeout"}
	args := arguments(t, project(t))
	err := r.Run(func(ctx *pulumi.Context) (err error) {
		if args.Manager.Host, err = args.Manager.Explained(ctx); err != nil {
			return err
		}
		_, err = New(ctx, "aver", args)
		return err
	})
	if err == nil || !strings.Contains(strings.Join(r.Logs(), "\n"), "error: no SSH connection to aver-manager (203.0.113.10). ") {
		t.Errorf("error %v, messages %q", err, r.Logs())
	}
}

// The program reads stackctl's result from its JSON, never from its sentences.
func TestNewReadsTheResult(t *testing.T) {
	for said, want := range map[string]struct {
		release string
		warned  bool
		err     string
	}{
		`{"outcome":"runs","release":7,"verdict":"release 9 runs"}`: {"7", false, ""},
		`{"outcome":"runs","release":8,"kept":true}`:                {"8", true, ""},
		`{"outcome":"runs"}`: {"", false, ""},
		"":                   {"", false, ""},
		"release 7 runs":     {"", false, "aver: stackctl JSON"},
	} {
		r := &recorder.Recorder{Answers: map[string]recorder.Answer{drift.CommandType: func(*recorder.Resource) resource.PropertyMap {
			return resource.PropertyMap{"stdout": resource.NewProperty(said), "stderr": resource.NewProperty("stackctl: release 5 runs")}
		}}}
		err := run(t, r, arguments(t, project(t)))
		if (err == nil) != (want.err == "") || err != nil && !hasWords(err.Error(), want.err) {
			t.Errorf("%s: %v, want %q", said, err, want.err)
		}
		if got := recorder.At(r.Exports(), "release"); err == nil && got != want.release {
			t.Errorf("%s: release %v, want %q", said, got, want.release)
		}
		if warned := strings.Contains(strings.Join(r.Logs(), "\n"), "averazure:stackDeploy: "); warned != want.warned {
			t.Errorf("%s: warned %v, want %v", said, warned, want.warned)
		}
	}
}

// hasWords tells whether a message has each of the words: a key, a place, a value.
func hasWords(text, words string) bool {
	return !slices.ContainsFunc(strings.Fields(words), func(word string) bool { return !strings.Contains(text, word) })
}

func TestNewLeaksNothingAndWarns(t *testing.T) {
	r := &recorder.Recorder{}
	if err := run(t, r, arguments(t, project(t))); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"token-value", "private-key-value"} {
		if leaks := r.Leaks(secret); len(leaks) > 0 {
			t.Errorf("%s in plain text: %q", secret, leaks)
		}
	}
	logs := strings.Join(r.Logs(), "\n")
	for _, want := range []string{" 9000/tcp", " 15672/tcp", "averazure:adminCidrs", "node.hostname == other-manager"} {
		if !strings.Contains(logs, want) {
			t.Errorf("no warning says %q: %s", want, logs)
		}
	}
	if strings.Contains(logs, "8080/tcp") {
		t.Errorf("a port that is open is warned of: %s", logs)
	}
}

func TestNewRefusesWhatItCannotDeploy(t *testing.T) {
	args := arguments(t, project(t))
	args.File, args.StackName = nil, "No Stack"
	r := &recorder.Recorder{}
	err := run(t, r, args)
	if err == nil || !slices.Equal(settings.Keys(err), []string{"stackName", "stackFiles"}) {
		t.Errorf("error is %v", err)
	}
	if len(r.Resources()) > 0 {
		t.Errorf("registered:\n%s", r.Inventory())
	}
}

func TestNewPreviewsWithoutWaiting(t *testing.T) {
	r := &recorder.Recorder{Preview: true}
	if err := run(t, r, arguments(t, project(t))); err != nil {
		t.Fatal(err)
	}
	stdin := recorder.At(r.Get(drift.CommandType, "aver-deploy").Inputs, "stdin")
	if _, unknown := stdin.(recorder.Unknown); !unknown {
		t.Errorf("stdin is %v in a first preview, before there is a digest", stdin)
	}
}

// The command is given the time that stackctl may take, and that the file's own
// updates take.
func TestCommandWaitsAsLongAsADeploymentMayTake(t *testing.T) {
	args := arguments(t, project(t))
	limit, last, err := args.bounds()
	if err != nil || limit <= args.Bounds.Longest() || last <= args.Bounds.HandBack {
		t.Errorf("%s and %s for %s and %s (%v)", limit, last, args.Bounds.Longest(), args.Bounds.HandBack, err)
	}
	args.Bounds.Converge += time.Hour
	if longer, _, _ := args.bounds(); longer != limit+2*time.Hour {
		t.Errorf("an hour more to converge: %s after %s", longer, limit)
	}
}

func TestNewPassesFailuresOn(t *testing.T) {
	config := project(t)
	for _, token := range []string{imageType, drift.CommandType, "averazure:stack:Stack"} {
		if err := run(t, &recorder.Recorder{Fail: token}, arguments(t, config)); err == nil {
			t.Errorf("%s failed and nobody noticed", token)
		}
	}
	unpushed := &recorder.Recorder{Answers: map[string]recorder.Answer{imageType: func(*recorder.Resource) resource.PropertyMap {
		return resource.PropertyMap{"repoDigest": resource.NewProperty("<none>@<none>")}
	}}}
	if err := run(t, unpushed, arguments(t, config)); err == nil || !strings.Contains(err.Error(), `"<none>@<none>"`) {
		t.Errorf("an image that was not pushed: %v", err)
	}
}
