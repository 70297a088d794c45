package stackctl

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"
)

func TestDeployRunsAndIsRecorded(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy --token T1 aver", "release 1 runs")
	n.runs("app:1", 1, "pulumi")
	w := readWorld(n.dir)
	container := w.Services[0].Spec.TaskTemplate.ContainerSpec
	if container.Secrets[0].SecretName != "azure_client_secret-1" || container.Secrets[0].File.Name != "azure_client_secret" {
		t.Errorf("secret %+v", container.Secrets[0])
	}
	if container.Env[0] != "PRICE=5$" {
		t.Errorf("environment %q", container.Env)
	}
	if n.status().Token != "T1" {
		t.Errorf("token %s", n.status().Token)
	}
	for _, c := range w.Configs {
		if strings.Contains(c.Spec.Name, "deploying") {
			t.Error("the lock is still there")
		}
	}
	// The same again changes nothing.
	n.want(0, file("app:1"), "deploy --token T1 aver")
	n.runs("app:1", 1, "pulumi")
}

func TestFailureSaysWhyAndPutsBack(t *testing.T) {
	for tag, said := range map[string][]string{
		"missing":  {"aver_api: task aver_api.1 on node-1 rejected: No such image"},
		"crash":    {"aver_api: task aver_api.1 on node-1 failed: task: non-zero exit (3) (exit status 3)", "| the last words of task"},
		"homeless": {"no suitable node"},
	} {
		t.Run(tag, func(t *testing.T) {
			n := newNode(t)
			n.want(0, file("app:1"), "deploy aver")
			n.want(1, file("app:"+tag), "deploy aver", append(said, "release 1 runs again")...)
			n.runs("app:1", 1, "pulumi")
		})
	}
}

func TestFirstDeploymentThatFailsStays(t *testing.T) {
	n := newNode(t)
	n.want(1, file("app:crash"), "deploy aver", "no good release", "exit status 3")
	if r := n.status(); r.Release != nil || len(r.Services) != 1 {
		t.Errorf("status %+v", r)
	}
	n.want(0, file("app:1"), "deploy aver")
	n.runs("app:1", 1, "pulumi")
}

func TestStackRepoOwnsItsFile(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy --token T1 aver")
	n.want(0, file("app:2"), "deploy --from stack-repo aver")
	if n.status().Token != "T1" {
		t.Error("a deployment of stack-repo must not look like drift")
	}
	n.want(0, file("app:1"), "deploy --token T2 aver", "came from stack-repo")
	n.runs("app:2", 3, "stack-repo")
	n.want(0, file("app:1"), "deploy --take-over aver")
	n.runs("app:1", 4, "pulumi")
}

func TestRotatedSecretReachesServicesAndTheOldOneGoes(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy --from stack-repo aver")
	n.change(func(w *world) {
		w.secret("azure_client_secret-2", "azure_client_secret")
		w.current(`{"azure_client_secret":"azure_client_secret-2"}`)
	})
	n.want(0, file("app:0"), "deploy aver", "removed the former secret azure_client_secret-1")
	w := readWorld(n.dir)
	if name := w.Services[0].Spec.TaskTemplate.ContainerSpec.Secrets[0].SecretName; name != "azure_client_secret-2" || len(w.Secrets) != 1 {
		t.Errorf("runs with %s; there are %d secrets", name, len(w.Secrets))
	}
	n.runs("app:1", 2, "stack-repo")
}

// versioned is a file as pulumi up renders it: with the version in the name.
func versioned(text, version string) string {
	return strings.Replace(text, "azure_client_secret: {external: true}", "azure_client_secret: {external: true, name: azure_client_secret-"+version+"}", 1)
}

func TestDeployKeyMayNameTheSecretWithoutItsVersion(t *testing.T) {
	const version = "0123456789ab"
	n := newNode(t)
	n.change(func(w *world) {
		w.secret("azure_client_secret-"+version, "azure_client_secret")
		w.current(`{"azure_client_secret":"azure_client_secret-` + version + `"}`)
	})
	n.want(0, versioned(file("app:1"), version), "deploy aver")
	n.door(0, file("app:2"), "deploy aver", "release 2 runs")
}

func TestVersionThatIsGoneGivesWayToTheCurrentOne(t *testing.T) {
	n := newNode(t)
	n.want(0, versioned(file("app:1"), "0123456789ab"), "deploy aver", "release 1 runs")
	if name := readWorld(n.dir).Services[0].Spec.TaskTemplate.ContainerSpec.Secrets[0].SecretName; name != "azure_client_secret-1" {
		t.Errorf("runs with %s", name)
	}
}

// A secret that is stored but not yet current is about to be: it must survive.
func TestNewSecretSurvivesTheCleanUp(t *testing.T) {
	n := newNode(t)
	n.change(func(w *world) { w.secret("azure_client_secret-2", "azure_client_secret") })
	n.want(0, file("app:1"), "deploy aver")
	if w := readWorld(n.dir); len(w.Secrets) != 2 {
		t.Errorf("secrets: %+v", w.Secrets)
	}
}

func TestFailedRotationGoesBackToTheOldSecret(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	n.change(func(w *world) {
		w.secret("azure_client_secret-2", "azure_client_secret")
		w.current(`{"azure_client_secret":"azure_client_secret-2"}`)
	})
	n.want(1, file("app:crash"), "deploy aver", "release 1 runs again")
	w := readWorld(n.dir)
	if name := w.Services[0].Spec.TaskTemplate.ContainerSpec.Secrets[0].SecretName; name != "azure_client_secret-1" {
		t.Errorf("runs with %s", name)
	}
}

func TestMissingSecretIsNamed(t *testing.T) {
	n := newNode(t)
	n.want(2, strings.ReplaceAll(file("app:1"), "azure_client_secret", "password"), "deploy aver", "secret password is not in the Swarm")
}

func TestDriftIsSeenAndPutBackByTheLeader(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy --token T1 aver")
	n.change(func(w *world) {
		spec := w.Services[0].Spec.TaskTemplate.ContainerSpec
		spec.Image, spec.Env = "reg.example/evil:1", append(spec.Env, "KEY=hidden")
		w.Follower = true
	})
	r := n.status()
	all := strings.Join(r.Differences, "; ")
	if r.InSync || !strings.Contains(all, `Image is "reg.example/evil:1"`) || strings.Contains(all, "hidden") || r.Token == "T1" || r.Token != n.status().Token {
		t.Errorf("status %+v", r)
	}
	n.want(0, "", "reconcile aver")
	if n.status().InSync {
		t.Error("only the leader may put things back")
	}
	n.change(func(w *world) { w.Follower = false })
	n.want(0, "", "reconcile", "aver_api: TaskTemplate.ContainerSpec.Image", "runs")
	if r := n.status(); !r.InSync || r.Token != "T1" {
		t.Errorf("status %+v", r)
	}
	n.want(0, "", "reconcile aver")
}

// claim is what a deployment on a manager leaves in the Swarm while it is at work.
func (n *node) claim(by string, until time.Time) {
	labels := map[string]string{"averazure.by": by, "averazure.until": strconv.FormatInt(until.Unix(), 10)}
	spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "aver-deploying", Labels: labels}}
	n.change(func(w *world) {
		w.Configs = without(w.Configs, func(c swarm.Config) bool { return c.Spec.Name == spec.Name })
		w.Configs = append(w.Configs, swarm.Config{Meta: w.tick(), Spec: spec})
	})
}

func TestOneDeploymentAtATime(t *testing.T) {
	n := newNode(t)
	n.claim("another-manager", time.Now().Add(time.Hour))
	n.want(1, file("app:1"), "deploy aver", "another deployment of aver")
	n.claim("a-killed-manager", time.Now().Add(-time.Hour))
	n.want(0, file("app:1"), "deploy aver")
}

// What a killed deployment leaves must not keep Docker from being restarted for
// ever; one that is at work must.
func TestIdleSeesWhoDeploys(t *testing.T) {
	n := newNode(t)
	n.want(0, "", "idle")
	n.want(2, "", "idle aver", "usage")
	n.claim("another-manager", time.Now().Add(time.Hour))
	n.want(3, "", "idle", "aver-deploying: another-manager is at it")
	n.claim("a-killed-manager", time.Now().Add(-time.Hour))
	n.want(0, "", "idle")
	me, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n.claim(me, time.Now().Add(time.Hour))
	n.want(0, "", "idle")
	lock, err := os.Create(filepath.Join(n.dir, "stackctl.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	n.want(3, "", "idle", "under way on "+me)
}

func TestIdleIsNoGuess(t *testing.T) {
	n := newNode(t)
	n.change(func(w *world) {
		spec := swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "blue-deploying"}}
		w.Configs = append(w.Configs, swarm.Config{Meta: w.tick(), Spec: spec})
	})
	n.want(0, "", "idle") // somebody else's, by that name
	n.asked = func(string) string { return `{"message":"The swarm does not have a leader"}` }
	n.want(1, "", "idle", "does not have a leader")
}

func TestRemoveTakesReleasesAlong(t *testing.T) {
	n := newNode(t)
	n.want(0, file("app:1"), "deploy aver")
	n.want(0, "", "remove aver")
	if w := readWorld(n.dir); len(w.Services) != 0 || len(w.Configs) != 1 {
		t.Errorf("left: %d services, %d configs", len(w.Services), len(w.Configs))
	}
}

func TestBadInputIsRefused(t *testing.T) {
	n := newNode(t)
	for _, test := range []struct{ stdin, args, said string }{
		{"", "", "usage"},
		{"", "shell", "usage"},
		{"", "deploy", "usage"},
		{"", "deploy aver more", "usage"},
		{"", "deploy --force aver", "does not know --force"},
		{"", "deploy --from nobody aver", "--from is pulumi or stack-repo"},
		{"", "deploy --token a;b aver", "--token"},
		{"", "deploy ../etc", "is no stack name"},
		{"", "status $(id)", "is no stack name"},
		{"", "deploy aver", "no stack file on standard input"},
		{strings.Repeat("#", 500_000), "deploy aver", "larger than"},
		{"services: [", "deploy aver", "not valid"},
		{"services: {api: {image: a, imag: b}}", "deploy aver", "imag is not allowed"},
		{"services: {}", "deploy aver", "no service"},
		{"services: {api: {image: a, env_file: /etc/shadow}}", "deploy aver", "env_file"},
		{"services: {api: {image: a}}\nconfigs: {c: {file: /etc/shadow}}", "deploy aver", "/etc/shadow is not on the manager"},
		{"services: {api: {image: a}}\nsecrets: {c: {file: /etc/shadow}}", "deploy aver", "/etc/shadow is not on the manager"},
		{"services: {api: {image: a, ports: ['22:80']}}", "deploy aver", "port 22 belongs to the node"},
		{"services: {api: {image: a, ports: ['2375:9']}}", "deploy aver", "port 2375 belongs to the node"},
		{"services: {api: {image: a, environment: [TOKEN]}}", "deploy aver", "variable TOKEN has no value"},
		{"services: {api: {image: \"a:$TAG\"}}", "deploy aver", "variable TAG has no value"},
		{"services: {api: {image: \"a$$:${TAG}\"}}", "deploy aver", "${TAG:-default}"},
		{"services: {api: {image: a, labels: {$KEY: [x, $VALUE]}}}", "deploy aver", "the variable VALUE has"},
		{"services: {api: {image: a, labels: {x.$KEY: {a: b}, c: $LATER}}}", "deploy aver", "the variable LATER has"},
	} {
		n.want(2, test.stdin, test.args, test.said)
	}
}
