package stackctl

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestFileWithoutSecretsIsDeployed(t *testing.T) {
	n := newNode(t)
	n.want(0, "services: {api: {image: 'reg.example/app:1'}}\n", "deploy aver", "release 1 runs")
	n.runs("app:1", 1, "pulumi")
}

// deployed tells whether Docker has been told to run an image.
func (n *node) deployed(image string) bool {
	w := readWorld(n.dir)
	return len(w.Services) > 0 && strings.Contains(w.Services[0].Spec.TaskTemplate.ContainerSpec.Image, image)
}

// Between two leaders a Swarm answers nothing for some seconds.
func TestDaemonThatDoesNotAnswerForAWhile(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	var refused atomic.Int32
	n.asked = func(string) string {
		if n.deployed("app:2") && refused.Add(1) <= 4 {
			return `{"message":"The swarm does not have a leader"}`
		}
		return ""
	}
	n.want(0, file("app:2"), "deploy aver", "release 2 runs")
}

// What runs is recorded as soon as Docker lets it, and what cannot be tidied up
// afterwards spoils nothing.
func TestDockerThatFailsAfterTheDeployment(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	var refused atomic.Int32
	n.asked = func(path string) string {
		if n.deployed("app:2") && (strings.HasPrefix(path, "/secrets") || strings.HasPrefix(path, "/configs") && refused.Add(1) <= 4) {
			return `{"message":"The swarm does not have a leader"}`
		}
		return ""
	}
	n.want(0, file("app:2"), "deploy aver", "former secrets stay", "release 2 runs")
	n.asked = nil
	n.runs("app:2", 2, "pulumi")
}

// A pipeline that is cancelled closes the connection and nothing else.
func TestClientThatIsGone(t *testing.T) {
	for image, want := range map[string]string{"app:crash": "app:1", "app:2": "app:2"} {
		t.Run(want, func(t *testing.T) {
			n := newNode(t)
			n.want(0, file("app:1"), "deploy aver")
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			n.asked = func(string) string {
				if n.deployed(image) {
					_ = read.Close()
				}
				return ""
			}
			cmd := exec.Command(filepath.Join(bin, "stackctl"), "deploy", "aver")
			cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = n.env, strings.NewReader(file(image)), write, write
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = write.Close()
			_ = cmd.Wait()
			n.asked = nil
			n.runs(want, map[string]int{"app:1": 1, "app:2": 2}[want], "pulumi")
		})
	}
}

func TestLongDeploymentSaysWhatItWaitsFor(t *testing.T) {
	n := newNode(t)
	n.env = append(n.env, "STACKCTL_TELL=0", "STACKCTL_PATIENCE=1")
	n.want(1, file("app:homeless"), "deploy aver", "waiting for aver_api: task", "no suitable node")
}

func TestServiceThatEndedWellIsNoMystery(t *testing.T) {
	const services = `[{"ID":"s","Spec":{"Name":"aver_app","Mode":{"Replicated":{"Replicas":1}},"TaskTemplate":{"ContainerSpec":{}}},
		"UpdateStatus":{"State":"rollback_completed","Message":"update rolled back due to failure or early termination of task aaaaaaaaaaaaaaaaaaaaaaaaa"}}]`
	const tasks = `[{"ID":"aaaaaaaaaaaaaaaaaaaaaaaaa","ServiceID":"s","Slot":2,"DesiredState":"shutdown","Spec":{"ContainerSpec":{}},
		"Status":{"State":"complete","Message":"finished"}}]`
	if got := judge(t, "9", services, tasks)["aver_app"]; !strings.Contains(got, "health check failed") {
		t.Errorf("the verdict is %q", got)
	}
}

// stop deploys what does not come up, on a release that runs, and sends the
// signal that a bound from outside sends. It returns what was said.
func (n *node) stop(before func(w *world)) string {
	n.t.Helper()
	n.want(0, file("app:1"), "deploy aver")
	n.env = append(n.env, "STACKCTL_PATIENCE=60", "STACKCTL_CONVERGE=60")
	var out strings.Builder
	cmd := exec.Command(filepath.Join(bin, "stackctl"), "deploy", "aver")
	cmd.Env, cmd.Stdin, cmd.Stderr = n.env, strings.NewReader(file("app:homeless")), &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stopped atomic.Bool
	n.asked = func(path string) string {
		if path == "/tasks" && n.deployed("app:homeless") && stopped.CompareAndSwap(false, true) {
			n.change(before)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		return ""
	}
	_ = cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != 143 {
		n.t.Errorf("exit status %d", status)
	}
	return out.String()
}

// What bounds a deployment from outside kills it a moment later.
func TestDeploymentThatIsStoppedPutsBack(t *testing.T) {
	n := newNode(t)
	out := n.stop(func(*world) {})
	if !strings.Contains(out, "told to run release 1 again") || !n.deployed("app:1") {
		t.Error(out)
	}
}

// A docker that hangs must not keep it from saying so and from letting go of its
// claim while it still can.
func TestStoppedDeploymentDoesNotWaitForDocker(t *testing.T) {
	n := newNode(t)
	n.env = append(n.env, "STACKCTL_HAND_BACK=1")
	begun := time.Now()
	out := n.stop(func(w *world) { w.Stuck = true })
	if !strings.Contains(out, "could not be put back; 'stackctl reconcile aver' does it") || time.Since(begun) > 30*time.Second {
		t.Errorf("after %s: %s", time.Since(begun), out)
	}
	n.want(0, "", "idle")
	for _, c := range readWorld(n.dir).Configs {
		if c.Spec.Name == "aver-deploying" {
			t.Error("the claim is still there")
		}
	}
}

// The program kills what has not handed back in time (stack/stack.go).
func TestHandingBackFitsItsTime(t *testing.T) {
	number := func(file, pattern string) int {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		value, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	const kill = 5 // timeout -k 5
	question := number("70-deploy.sh", `api_seconds=([0-9]+) api_attempts=1`)
	submit := number("00-base.sh", `STACKCTL_HAND_BACK:-([0-9]+)`)
	letGo := number("70-deploy.sh", `dk_seconds=([0-9]+)\n`)
	if needs, has := 3*question+submit+kill+letGo+kill, number("../../../stack/stack.go", `handBackTime += ([0-9]+)`); needs >= has {
		t.Errorf("it may take %d s and has %d", needs, has)
	}
}

// judge runs the shell function of that name on what the API would answer, some
// seconds into a deployment, and returns each service's verdict.
func judge(t *testing.T, elapsed string, services, tasks string) map[string]string {
	t.Helper()
	out := call(t, services, tasks, "started=0 SECONDS="+elapsed+"; judge_all; cat $work/verdicts.json")
	verdicts := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var one struct{ Service, State, Reason string }
		if err := decoder.Decode(&one); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		verdicts[one.Service] = strings.TrimSpace(one.State + " " + one.Reason)
	}
	return verdicts
}

// call runs some shell with the functions of stackctl.
func call(t *testing.T, services, tasks, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"s": services, "t": tasks, "nodes.json": `{"n1":"node-1"}`, "before.json": `{"tasks":[],"specs":{}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-c", `for part in [0-8]*.sh; do . ./$part; done; work=$1 stack=aver
		live_services() { cat $work/s; }; live_tasks() { cat $work/t; }; `+text, "test", dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "STACKCTL_CONVERGE=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

const job = `[{"ID":"j","Spec":{"Name":"job","Mode":{"ReplicatedJob":{"MaxConcurrent":1,"TotalCompletions":2}},"TaskTemplate":{}},"JobStatus":{"JobIteration":{"Index":7}}}]`

// TestJobs: green is that the job was done, not that it was started.
func TestJobs(t *testing.T) {
	task := func(id, iteration, state, desired string) string {
		return `{"ID":"` + id + `","ServiceID":"j","NodeID":"n1","CreatedAt":"` + id + `","JobIteration":{"Index":` + iteration + `},"DesiredState":"` + desired + `","Status":{"State":"` + state + `"}}`
	}
	for name, test := range map[string]struct{ tasks, want string }{
		"not begun":        {"", "wait"},
		"former iteration": {task("a", "6", "complete", "remove") + "," + task("b", "6", "complete", "remove"), "wait"},
		"first of two":     {task("a", "7", "complete", "complete"), "wait"},
		"at work":          {task("a", "7", "complete", "complete") + "," + task("b", "7", "running", "complete"), "wait"},
		"done":             {task("a", "7", "complete", "complete") + "," + task("b", "7", "complete", "complete"), "ok"},
		"tries again":      {task("a", "7", "failed", "shutdown") + "," + task("b", "7", "ready", "complete"), "wait"},
		"has given up":     {task("a", "7", "failed", "shutdown"), "failed task job.node on node-1 failed:"},
	} {
		if got := judge(t, "50", job, "["+test.tasks+"]")["job"]; got != test.want && !strings.HasPrefix(got, test.want+" the job") {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	global := strings.Replace(job, `{"ReplicatedJob":{"MaxConcurrent":1,"TotalCompletions":2}}`, `{"GlobalJob":{}}`, 1)
	for tasks, want := range map[string]string{"": "wait the job is not done", task("a", "7", "complete", "complete"): "ok"} {
		if got := judge(t, "50", global, "["+tasks+"]")["job"]; got != want {
			t.Errorf("global job with [%s]: %s, want %s", tasks, got, want)
		}
	}
}

// TestCrashesWhileOthersStart: an API that cannot find its broker does not fail
// for as long as the broker's image is still pulled.
func TestCrashesWhileOthersStart(t *testing.T) {
	service := func(id string) string {
		return `{"ID":"` + id + `","Spec":{"Name":"` + id + `","Mode":{"Replicated":{"Replicas":1}},"TaskTemplate":{}}}`
	}
	task := func(id, service, state, desired string) string {
		return `{"ID":"` + id + `","ServiceID":"` + service + `","NodeID":"n1","CreatedAt":"` + id + `","Slot":1,"Spec":{},"DesiredState":"` + desired + `","Status":{"State":"` + state + `"}}`
	}
	services := "[" + service("api") + "," + service("broker") + "]"
	crashes := task("a", "api", "failed", "shutdown") + "," + task("b", "api", "failed", "shutdown") + "," + task("c", "api", "failed", "shutdown") + ","
	for _, test := range []struct{ elapsed, broker, want string }{
		{"50", "preparing", "wait"}, {"50", "starting", "wait"}, {"50", "running", "failed"}, {"30", "running", "wait"},
	} {
		tasks := "[" + crashes + task("d", "broker", test.broker, "running") + "]"
		if got := judge(t, test.elapsed, services, tasks)["api"]; !strings.HasPrefix(got, test.want+" task api.1") {
			t.Errorf("after %s s, broker %s: %s, want %s", test.elapsed, test.broker, got, test.want)
		}
	}
}

// TestWatchSaysWhatKeptIt: the last error is the reason when nothing can be seen.
func TestWatchSaysWhatKeptIt(t *testing.T) {
	out := call(t, "[]", "[]", `judge_all() { die "no leader"; }; started=$SECONDS; watch || cat $work/failed.json`)
	if !strings.Contains(out, "cannot be watched: stackctl: no leader") {
		t.Errorf("it says %s", out)
	}
}
