package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

// leakedKey logs in with the deploy key as somebody who found it would.
func leakedKey(t *testing.T) *ssh.Client {
	t.Helper()
	d := delivered(t, "stack-repo")
	client, err := managerSSH(t, d["vars.SSH_USER"], d[deployKey])
	if err != nil {
		t.Fatalf("the deploy key does not log in at all: %v", err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// TestLeakedDeployKeyRunsNothingElse asks for commands other than stackctl's verbs: each
// has to be refused, and none may print a secret.
func TestLeakedDeployKeyRunsNothingElse(t *testing.T) {
	client := leakedKey(t)
	for name, line := range map[string]string{
		"shell by name": "/bin/bash", "read a file": "cat /etc/shadow", "read a Docker secret": "docker secret inspect azure_client_secret",
		"chained": "deploy aver; id", "substituted": "deploy $(id)", "another line": "status aver\nid", "path as a stack": "status ../../etc",
		"copy a file there": "scp -t /tmp/x", "copy a file from there": "scp -f /etc/shadow", "synchronise": "rsync --server --sender . /etc",
		"file server": "/usr/lib/openssh/sftp-server", "root": "sudo -n id", "reconcile": "reconcile aver", "remove": "remove aver",
		"option": "deploy --from pulumi aver", "no command": "",
	} {
		t.Run(name, func(t *testing.T) {
			if said := mustRefuse(t, client, line, ""); !strings.Contains(said, "`deploy STACK`") {
				t.Errorf("%q is refused for another reason:\n%s", line, said)
			}
		})
	}
	t.Run("shell", func(t *testing.T) {
		session := newSession(t, client)
		var out strings.Builder
		session.Stdout, session.Stderr, session.Stdin = &out, &out, strings.NewReader("id\n")
		if err := session.Shell(); err != nil {
			return // refused outright
		}
		if err := session.Wait(); err == nil || strings.Contains(out.String(), "uid=") {
			t.Errorf("the key opens a shell: %s", out.String())
		}
	})
	t.Run("variables", func(t *testing.T) {
		session := newSession(t, client)
		for _, name := range []string{"BASH_ENV", "LD_PRELOAD", "STACKCTL_SOCKET"} {
			if err := session.Setenv(name, "/tmp/x"); err == nil {
				t.Errorf("the key sets %s", name)
			}
		}
	})
}

// TestLeakedDeployKeyDeploysNothingThatReachesOut sends stack files that would give access
// to the host or to what it stores.
func TestLeakedDeployKeyDeploysNothingThatReachesOut(t *testing.T) {
	client := leakedKey(t)
	const service = "services: {x: {image: 'rabbitmq:4-management', "
	for name, try := range map[string]struct{ file, code string }{
		"mount the root":          {service + "volumes: ['/:/host']}}", release.CodeDeployKey},
		"mount Docker's socket":   {service + "volumes: ['/var/run/docker.sock:/s']}}", release.CodeDeployKey},
		"secret from a file":      {service + "secrets: [s]}}\nsecrets: {s: {file: /etc/shadow}}", "file"},
		"config from a file":      {service + "configs: [s]}}\nconfigs: {s: {file: /etc/shadow}}", "file"},
		"environment from a file": {service + "env_file: /etc/shadow}}", "file"},
		"capabilities":            {service + "cap_add: [SYS_ADMIN]}}", release.CodeDeployKey},
		"volume on the host":      {service + "volumes: ['vol:/v']}}\nvolumes: {vol: {driver_opts: {type: none, o: bind, device: /}}}", release.CodeDeployKey},
		"the host's network":      {service + "networks: [h]}}\nnetworks: {h: {external: true, name: host}}", release.CodeDeployKey},
		"the node's own port":     {service + "ports: ['22:22']}}", "file"},
	} {
		t.Run(name, func(t *testing.T) {
			said := mustRefuse(t, client, "deploy aver --json", "version: '3.8'\n"+try.file+"\n")
			_, text, _ := strings.Cut("\n"+said, "\n{")
			var result release.Result
			if err := json.Unmarshal([]byte("{"+strings.SplitN(text, "\n", 2)[0]), &result); err != nil {
				t.Fatalf("%v:\n%s", err, said)
			}
			if result.Outcome != release.Refused || len(result.Problems) == 0 || result.Problems[0].Code != try.code {
				t.Errorf("want it refused with the code %s: %+v", try.code, result)
			}
		})
	}
}

// TestLeakedDeployKeyForwardsNothing tries each forwarding on a separate connection, so
// that none is refused because of an earlier one.
func TestLeakedDeployKeyForwardsNothing(t *testing.T) {
	for name, address := range map[string]string{
		"the manager's SSH": "127.0.0.1:22", "RabbitMQ": "127.0.0.1:15672", "Swarm": "127.0.0.1:2377",
	} {
		t.Run("to "+name, func(t *testing.T) { mustProhibit(t, leakedKey(t), address) })
	}
	t.Run("to a socket", func(t *testing.T) {
		const socket = "/run/systemd/journal/stdout" // open to everybody
		if conn, err := leakedKey(t).Dial("unix", socket); err == nil {
			conn.Close()
			t.Errorf("the key forwards to %s", socket)
		}
	})
	t.Run("to a worker", func(t *testing.T) {
		for _, n := range box.outputs(t).Nodes {
			mustProhibit(t, leakedKey(t), n.PrivateAddress+":22")
		}
	})
	t.Run("from the manager", func(t *testing.T) {
		if listener, err := leakedKey(t).Listen("tcp", "127.0.0.1:0"); err == nil {
			listener.Close()
			t.Error("the key listens on the manager")
		}
	})
	t.Run("terminal", func(t *testing.T) {
		if err := newSession(t, leakedKey(t)).RequestPty("xterm", 24, 80, nil); err == nil {
			t.Error("the key gets a terminal")
		}
	})
	t.Run("agent", func(t *testing.T) {
		if ok, err := newSession(t, leakedKey(t)).SendRequest("auth-agent-req@openssh.com", true, nil); err != nil || ok {
			t.Errorf("the key gets the agent passed on: %v", err)
		}
	})
	t.Run("file transfer", func(t *testing.T) { mustServeNoFiles(t, leakedKey(t)) })
}

// mustServeNoFiles opens sftp as a client does and sends the first message. With the deploy
// key stackctl answers, whatever was asked for. sshd does not pass on what a subsystem
// writes to standard error, so only its exit status shows the refusal.
func mustServeNoFiles(t *testing.T, client *ssh.Client) {
	t.Helper()
	channel, requests, err := client.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan []byte, 1)
	go func() {
		defer close(status)
		for r := range requests {
			if r.Type == "exit-status" {
				status <- r.Payload
			}
		}
	}()
	stop := time.AfterFunc(30*time.Second, func() { channel.Close() })
	defer stop.Stop()
	if ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil || !ok {
		t.Fatalf("sshd refuses the subsystem itself (%v), so that nothing is proved of the key", err)
	}
	hello := []byte{0, 0, 0, 5, 1, 0, 0, 0, 3} // SSH_FXP_INIT, version 3
	if _, err := channel.Write(hello); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(channel)
	if got := <-status; len(answer) > 0 || !bytes.Equal(got, []byte{0, 0, 0, 2}) {
		t.Errorf("a file transfer is answered with %q and the status %v, want stackctl's refusal", answer, got)
	}
}

// TestDeployKeyShowsNoSecret: the status that the deploy key may ask for names secrets, but
// does not contain their values.
func TestDeployKeyShowsNoSecret(t *testing.T) {
	out, err := newSession(t, leakedKey(t)).CombinedOutput("status aver")
	if err != nil || !strings.Contains(string(out), "azure_client_secret") {
		t.Fatalf("status: %v\n%s", err, out)
	}
	if found := reveal(secretValues(t), string(out)); len(found) > 0 {
		t.Errorf("the status prints %v", found)
	}
}

// mustProhibit expects the server's own refusal: a failure because nothing listens there
// would prove nothing.
func mustProhibit(t *testing.T, client *ssh.Client, address string) {
	t.Helper()
	conn, err := client.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	var refusal *ssh.OpenChannelError
	if !errors.As(err, &refusal) || refusal.Reason != ssh.Prohibited {
		t.Errorf("a connection to %s ends with %v, want it prohibited", address, err)
	}
}

func newSession(t *testing.T, client *ssh.Client) *ssh.Session {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// mustRefuse expects stackctl's own refusal and returns what it printed.
func mustRefuse(t *testing.T, client *ssh.Client, line, stdin string) string {
	t.Helper()
	session := newSession(t, client)
	session.Stdin = strings.NewReader(stdin)
	out, err := session.CombinedOutput(line)
	// A file that was accepted and then did not come up would end with another status.
	var exit *ssh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 2 {
		t.Errorf("%q ended with %v, want it refused:\n%s", line, err, out)
	}
	for _, sign := range []string{"uid=", "root:", "PRIVATE"} {
		if strings.Contains(string(out), sign) {
			t.Errorf("%q printed what it must not:\n%s", line, out)
		}
	}
	if found := reveal(secretValues(t), string(out)); len(found) > 0 {
		t.Errorf("%q printed %v", line, found)
	}
	return string(out)
}
