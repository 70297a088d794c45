package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"

	"averazure/internal/release"
)

// stackBounds are short limits for the stacks of the tests; the shipped limits are for real
// images.
var stackBounds = bounds{converge: "40s", patience: "8s"}

type bounds struct{ converge, patience string }

// withSettings runs stackctl with other settings in place of the manager's. Only this
// process sees them, because the mount ends with it. The mount is tried again if another
// test replaces the file at that moment.
const withSettings = `printf %s "$1" >/run/e2e-stackctl.$$; for try in 1 2 3 4 5; do mount --bind /run/e2e-stackctl.$$ /etc/averazure/stackctl.json && break; [ "$try" -lt 5 ]; done; rm /run/e2e-stackctl.$$; shift; exec stackctl "$@"`

// smallStack is a test's own stack, beside the program's.
type smallStack struct {
	name   string
	docker *client.Client
	bounds bounds
}

// newStack returns a stack that is removed, with everything that belongs to it, when the
// test ends.
func newStack(t *testing.T, name string) *smallStack {
	t.Helper()
	s := &smallStack{name: name, docker: nodeDocker(t), bounds: stackBounds}
	remove := func() {
		if result := s.ask(t, "", "remove", name); result.Outcome != release.Runs {
			t.Errorf("remove %s: %+v", name, result)
		}
	}
	remove() // what an interrupted earlier run left
	t.Cleanup(remove)
	return s
}

// stackctl runs a verb on the manager and decodes its JSON output into a value. It returns
// the exit status and the text for people.
func stackctl(t *testing.T, bounds bounds, into any, stdin string, args ...string) (status int, told string) {
	t.Helper()
	// Not the test's context: clean-ups run after its end.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	settings := fmt.Sprintf(`{"deployScope": "stack", "converge": %q, "patience": %q}`, bounds.converge, bounds.patience)
	argv := append([]string{"exec", "aver-manager", "--", "unshare", "--mount", "sh", "-ec", withSettings, "sh", settings, "--json"}, args...)
	cmd := box.command(ctx, argv...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("stackctl %s: status %d, %v:\n%s%s", strings.Join(args, " "), status, err, out.String(), complaint.String())
	}
	return status, complaint.String()
}

// ask runs a verb that ends with a result. The exit status has to match that result.
func (s *smallStack) ask(t *testing.T, stdin string, args ...string) release.Result {
	t.Helper()
	var result release.Result
	status, told := stackctl(t, s.bounds, &result, stdin, args...)
	if status != result.Outcome.Status() {
		t.Errorf("stackctl %s: status %d with the outcome %s:\n%s", strings.Join(args, " "), status, result.Outcome, told)
	}
	return result
}

// deploy deploys a stack file and expects an outcome, a release and, if the stack is not
// expected to run, the code of the first problem.
func (s *smallStack) deploy(t *testing.T, file string, want release.Outcome, number int, code ...string) release.Result {
	t.Helper()
	result := s.ask(t, file, "deploy", s.name)
	s.expect(t, result, want, number, code...)
	return result
}

func (s *smallStack) expect(t *testing.T, result release.Result, want release.Outcome, number int, code ...string) {
	t.Helper()
	var codes []string
	for _, p := range result.Problems {
		codes = append(codes, p.Code)
	}
	if result.Outcome != want || result.Release != number || len(code) > 0 && !slices.Contains(codes, code[0]) {
		t.Fatalf("%s: want %s, release %d, code %v: %+v", s.name, want, number, code, result)
	}
	t.Logf("%s: %s, release %d, %v, %.1f s", s.name, result.Outcome, result.Release, codes, result.Seconds)
}

func (s *smallStack) status(t *testing.T) release.Status {
	t.Helper()
	var status release.Status
	stackctl(t, s.bounds, &status, "", "status", s.name)
	return status
}

// mustBeWhole expects everything to run as released.
func (s *smallStack) mustBeWhole(t *testing.T, number int) {
	t.Helper()
	status := s.status(t)
	if !status.InSync || !status.Healthy || status.Release == nil || status.Release.Number != number || status.Deploying != nil {
		t.Errorf("%s is not as release %d: %+v", s.name, number, status)
	}
}

// service returns one of the stack's services, by its short name.
func (s *smallStack) service(t *testing.T, name string) swarm.Service {
	t.Helper()
	service, _, err := s.docker.ServiceInspectWithRaw(context.Background(), s.name+"_"+name, swarm.ServiceInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// running are the running tasks of a service, by id.
func (s *smallStack) running(t *testing.T, name string) []string {
	t.Helper()
	tasks, err := s.docker.TaskList(t.Context(), swarm.TaskListOptions{
		Filters: filters.NewArgs(filters.Arg("service", s.name+"_"+name), filters.Arg("desired-state", "running")),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, task := range tasks {
		if task.Status.State == swarm.TaskStateRunning {
			ids = append(ids, task.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// image is an image with a shell that the manager already has.
const image = "rabbitmq:4-management"

// small is a service in a stack file, which sleeps unless a script says otherwise.
type small struct {
	name, script, deploy string
	more                 []string // further lines
}

// fileOf is the stack file of a few services, on the manager unless they say
// otherwise.
func fileOf(services ...small) string {
	var text strings.Builder
	text.WriteString("services:\n")
	for _, s := range services {
		if s.script == "" {
			s.script = "exec sleep 100000"
		}
		if !strings.Contains(s.deploy, "placement:") {
			s.deploy = strings.TrimPrefix(s.deploy+", ", ", ") + "placement: {constraints: [node.role == manager]}"
		}
		if !strings.Contains(s.deploy, "update_config:") && !strings.Contains(s.deploy, "-job") {
			s.deploy += ", update_config: {monitor: 5s}"
		}
		fmt.Fprintf(&text, "  %s:\n    entrypoint: [bash, -c, %q]\n    stop_grace_period: 1s\n    deploy: {%s}\n", s.name, s.script, s.deploy)
		if !slices.ContainsFunc(s.more, func(line string) bool { return strings.HasPrefix(line, "image:") }) {
			fmt.Fprintf(&text, "    image: %s\n", image)
		}
		for _, line := range s.more {
			fmt.Fprintf(&text, "    %s\n", line)
		}
	}
	return text.String()
}
