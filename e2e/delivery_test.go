package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// message waits until every one of a few answers in a row has the text.
func message(t *testing.T, want string) {
	t.Helper()
	url := box.outputs(t).APIURL
	eventually(t, time.Minute, fmt.Sprintf("the API saying %q", want), func() (bool, string) {
		last := ""
		for range 4 {
			if _, last = get(t, url); !strings.Contains(last, want) {
				return false, last
			}
		}
		return true, last
	})
}

func TestPushBecomesARunningServiceAndARevertTakesItBack(t *testing.T) {
	p := newPipeline(t)
	began := time.Now()
	p.release(t, p.say(t, "Bonjour de aver"))
	released := time.Now()
	p.mustDeploy(t)
	message(t, "Bonjour de aver")
	t.Logf("push to running: %s, of which build, push and release %s, deployment %s", time.Since(began).Round(time.Second/10),
		released.Sub(began).Round(time.Second/10), time.Since(released).Round(time.Second/10))

	box.mustRun(t, "up")
	message(t, "Bonjour de aver")

	git(t, p.stack, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "revert", "--no-edit", "HEAD")
	git(t, p.stack, "push", "-q", "origin", "HEAD:main")
	p.mustDeploy(t)
	message(t, greeting)
}

func TestBrokenImageTurnsTheDeploymentRedAndTheOldOneAnswersOn(t *testing.T) {
	p := newPipeline(t)
	p.script(t, p.code, p.codeEnv, "scripts/set-image.sh", filepath.Join(p.stack, "stack.yml"), "api", p.image+":0000000")
	p.commit(t, p.stack, "Run an image that nobody pushed")
	watch := watchAnswers(box.outputs(t).APIURL)
	out, err := p.deploy(t)
	failures, asked := watch.stop()
	if err == nil {
		t.Errorf("the deployment is green:\n%s", out)
	}
	for _, want := range []string{"aver_api", "0000000", "last good release"} {
		if !strings.Contains(out, want) {
			t.Errorf("the reason does not say %q:\n%s", want, out)
		}
	}
	if asked < 5 || failures > 0 {
		t.Errorf("%d of %d requests failed during the deployment", failures, asked)
	}
	message(t, greeting)
}

func TestManagerWithAnotherHostKeyIsNotDeployedTo(t *testing.T) {
	p := newPipeline(t)
	other := strings.TrimSpace(box.exec(t, "aver-worker-1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))
	p.stackEnv = append(p.stackEnv, "MANAGER_HOST_KEY="+other)
	out, err := p.deploy(t)
	if err == nil || !strings.Contains(out, "not the one that it should be") {
		t.Errorf("deploy ended with %v:\n%s", err, out)
	}
}

// TestLeakedDeployKeyOpensNothingElse tries what somebody would who has found
// the key: each way has to end in a refusal and none may print a secret.
func TestLeakedDeployKeyOpensNothingElse(t *testing.T) {
	secrets := secretValues(t)
	d := delivered(t, "stack-repo")
	client, err := managerSSH(t, d.Variables["SSH_USER"], d.Secrets["SSH_PRIVATE_KEY"])
	if err != nil {
		t.Fatalf("the deploy key does not log in at all: %v", err)
	}
	defer client.Close()
	for name, line := range map[string]string{
		"shell by name": "/bin/bash", "read a file": "cat /etc/shadow", "read a Docker secret": "docker secret inspect azure_client_secret",
		"chained": "deploy aver; id", "substituted": "deploy $(id)", "another line": "status aver\nid", "path as a stack": "status ../../etc",
		"copy a file": "scp -t /tmp/x", "file server": "/usr/lib/openssh/sftp-server", "root": "sudo -n id", "reconcile": "reconcile aver",
		"option": "deploy --from pulumi aver", "no command": "",
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, client, line, "", secrets) })
	}
	for name, file := range map[string]string{
		"mount the root":          "services: {x: {image: 'rabbitmq:4-management', volumes: ['/:/host']}}",
		"mount Docker's socket":   "services: {x: {image: 'rabbitmq:4-management', volumes: ['/var/run/docker.sock:/s']}}",
		"secret from a file":      "services: {x: {image: 'rabbitmq:4-management', secrets: [s]}}\nsecrets: {s: {file: /etc/shadow}}",
		"config from a file":      "services: {x: {image: 'rabbitmq:4-management', configs: [s]}}\nconfigs: {s: {file: /etc/shadow}}",
		"environment from a file": "services: {x: {image: 'rabbitmq:4-management', env_file: /etc/shadow}}",
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, client, "deploy aver", "version: '3.8'\n"+file+"\n", secrets) })
	}
	t.Run("forward a port", func(t *testing.T) {
		if conn, err := client.Dial("tcp", "127.0.0.1:22"); err == nil {
			conn.Close()
			t.Error("the key forwards a port")
		}
	})
	t.Run("listen on the manager", func(t *testing.T) {
		if listener, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
			listener.Close()
			t.Error("the key listens on the manager")
		}
	})
	t.Run("terminal", func(t *testing.T) {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		if err := session.RequestPty("xterm", 24, 80, nil); err == nil {
			t.Error("the key gets a terminal")
		}
	})
	t.Run("file transfer", func(t *testing.T) {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		if err := session.RequestSubsystem("sftp"); err != nil {
			return // refused outright
		}
		if err := session.Wait(); err == nil {
			t.Error("the key opens a file transfer")
		}
	})
}

func mustRefuse(t *testing.T, client *ssh.Client, line, stdin string, secrets map[string]string) {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	session.Stdin = strings.NewReader(stdin)
	out, err := session.CombinedOutput(line)
	if err == nil {
		t.Errorf("%q was not refused:\n%s", line, out)
	}
	for _, sign := range []string{"uid=", "root:", "PRIVATE"} {
		if strings.Contains(string(out), sign) {
			t.Errorf("%q printed what it must not:\n%s", line, out)
		}
	}
	if found := reveal(secrets, string(out)); len(found) > 0 {
		t.Errorf("%q printed %v", line, found)
	}
}
