package host_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/recorder"
)

// messages are the messages that the program logs when a command on a host, reached
// directly or through its manager, fails.
func messages(t *testing.T, jump bool, said string) []string {
	t.Helper()
	r := &recorder.Recorder{Fail: "command:remote:Command", FailWith: said}
	err := r.Run(func(ctx *pulumi.Context) error {
		first := manager()
		on := first
		if jump {
			on = host.Host{Name: "aver-worker-1", Role: host.Worker, Address: "10.20.1.20", User: "aver",
				HostKey: first.HostKey, PrivateKey: first.PrivateKey, Jump: &first}
		}
		on, err := on.Explained(ctx)
		if err != nil {
			return err
		}
		_, err = remote.NewCommand(ctx, "aver-node-prepare", &remote.CommandArgs{
			Connection: on.Connection(), Create: pulumi.String("true"),
		}, on.Options...)
		return err
	})
	if err == nil {
		t.Error("the program went on as if nothing had happened")
	}
	return r.Logs()
}

func TestAFailedConnectionNamesTheNodeAndTheUsualCauses(t *testing.T) {
	for said, want := range map[string]string{
		"after 68 failed attempts: dial tcp 203.0.113.10:22: connect: connection refused": "aver-manager (203.0.113.10).",
		"proxy: after 68 failed attempts: ssh: handshake failed: EOF":                     "aver-worker-1 (10.20.1.20) through aver-manager (203.0.113.10).",
	} {
		logs := messages(t, strings.HasPrefix(said, "proxy: "), said)
		if len(logs) != 1 || !strings.HasPrefix(logs[0], "error: ") || !strings.Contains(logs[0], " "+want) {
			t.Fatalf("%s: messages %q", said, logs)
		}
		for _, cause := range []string{"averazure:sshCidrs", "docs/operations.md"} {
			if !strings.Contains(logs[0], cause) {
				t.Errorf("%s: %q lacks %q", said, logs[0], cause)
			}
		}
	}
}

// The explanation of a failed script begins with the reason. It has neither the command
// line nor any output that was meant for programs.
func TestAFailedScriptSaysWhyFirst(t *testing.T) {
	const ran = "Process exited with status 1: running \"sudo bash -c 'x'\":\n"
	for said, want := range map[string]string{
		ran + "aver-worker-1: installing Docker\n{\"token\": \"hunter2\"}\n  | E: no\n  | E: none\naver-worker-1: apt could not install docker.io\n": "aver-worker-1: apt could not install docker.io\n  | E: no\n  | E: none",
		ran + "aver-manager: Docker does not start:\n  | no space\nhunter2\n":                                                                        "aver-manager: Docker does not start:\n  | no space",
		ran + "after 68 failed attempts: no":                                               "",
		ran + "stackctl: aver: the deployment failed\n":                                    "", // the stack's own explanation says that
		"Process exited with status 1: running \"echo after 3 failed attempts: no: x\":\n": "",
		"ssh: handshake failed":                                                            "",
		"x: running y: z":                                                                  "",
	} {
		logs := messages(t, false, said)
		if want == "" && len(logs) > 0 || want != "" && (len(logs) != 1 || logs[0] != "error: "+want) {
			t.Errorf("%s: messages %q, want %q", said, logs, want)
		}
	}
}
