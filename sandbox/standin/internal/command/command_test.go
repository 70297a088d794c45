package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

const urn = resource.URN("urn:pulumi:dev::p::command:remote:Command::install")

func str(s string) resource.PropertyValue { return resource.NewStringProperty(s) }

func TestCreateRunsTheScriptWithStdin(t *testing.T) {
	s := startServer(t)
	id, state, err := create(context.Background(), urn, resource.PropertyMap{
		"connection": s.connection(nil),
		"create":     str("cat; echo oops >&2"),
		"stdin":      str("hello\n"),
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(id, "install") {
		t.Errorf("id %q does not begin with the resource's name", id)
	}
	if got := state["stdout"].StringValue(); got != "hello" {
		t.Errorf("stdout = %q, want it without its last newline", got)
	}
	if got := state["stderr"].StringValue(); got != "oops" {
		t.Errorf("stderr = %q", got)
	}
}

func TestPreviewRunsNothingAndKnowsNoOutput(t *testing.T) {
	s := startServer(t)
	_, state, err := create(context.Background(), urn, resource.PropertyMap{"connection": s.connection(nil), "create": str("true")}, true)
	if err != nil {
		t.Fatal(err)
	}
	if !state["stdout"].IsComputed() || !state["stderr"].IsComputed() || state["create"].StringValue() != "true" {
		t.Errorf("preview state = %v", state)
	}
	if s.logins.Load() != 0 {
		t.Error("a preview logged in")
	}
}

func TestUpdateRunsUpdateOrElseCreate(t *testing.T) {
	s := startServer(t)
	base := resource.PropertyMap{"connection": s.connection(nil), "create": str("echo created")}
	old := resource.PropertyMap{"stdout": str("before"), "stderr": str("")}
	for name, c := range map[string]struct {
		update string
		want   string
	}{"without update": {"", "created"}, "with update": {"echo updated", "updated"}} {
		t.Run(name, func(t *testing.T) {
			news := base.Copy()
			if c.update != "" {
				news["update"] = str(c.update)
			}
			state, err := update(context.Background(), urn, "id", nil, old, news, false)
			if err != nil || state["stdout"].StringValue() != c.want {
				t.Errorf("stdout = %v, err %v; want %q", state["stdout"], err, c.want)
			}
		})
	}
	t.Run("with neither the output stays", func(t *testing.T) {
		state, err := update(context.Background(), urn, "id", nil, old, resource.PropertyMap{"connection": s.connection(nil)}, false)
		if err != nil || state["stdout"].StringValue() != "before" {
			t.Errorf("stdout = %v, err %v", state["stdout"], err)
		}
	})
}

func TestDeleteRunsTheRecordedScript(t *testing.T) {
	s := startServer(t)
	state := resource.PropertyMap{"connection": s.connection(nil), "delete": str("echo gone; exit 3")}
	err := remove(context.Background(), urn, "id", nil, state)
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("err = %v, want the script's output", err)
	}
	delete(state, "delete")
	if err := remove(context.Background(), urn, "id", nil, state); err != nil || s.logins.Load() != 1 {
		t.Errorf("nothing to delete: err %v, %d logins", err, s.logins.Load())
	}
}

func TestFailureShowsCommandAndOutput(t *testing.T) {
	s := startServer(t)
	_, _, err := create(context.Background(), urn, resource.PropertyMap{
		"connection": s.connection(nil), "create": str("echo one; echo two >&2; exit 7"),
	}, false)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"status 7", `running "echo one; echo two >&2; exit 7":`, "one\n", "two\n"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

func TestEnvironmentRefusedIsAnErrorAndPreviousOutputAWarning(t *testing.T) {
	s := startServer(t)
	state := resource.PropertyMap{
		"connection": s.connection(nil), "stdout": str("earlier"),
		"environment": resource.NewObjectProperty(resource.PropertyMap{"A": str("1")}),
	}
	err := run(context.Background(), state.Copy(), "true")
	if err == nil || !strings.Contains(err.Error(), `could not set environment variable "A"`) {
		t.Errorf("err = %v", err)
	}
	delete(state, "environment")
	if err := run(context.Background(), state.Copy(), "true"); err != nil {
		t.Errorf("previous output refused: %v", err)
	}
	s.acceptEnv = true
	got := state.Copy()
	if err := run(context.Background(), got, `echo "$PULUMI_COMMAND_STDOUT"`); err != nil || got["stdout"].StringValue() != "earlier" {
		t.Errorf("stdout = %v, err %v", got["stdout"], err)
	}
	state["addPreviousOutputInEnv"] = resource.NewBoolProperty(false)
	if err := run(context.Background(), state, `echo "<$PULUMI_COMMAND_STDOUT>"`); err != nil || state["stdout"].StringValue() != "<>" {
		t.Errorf("stdout = %v, err %v", state["stdout"], err)
	}
}

func TestLogging(t *testing.T) {
	for mode, want := range map[string][2]bool{
		"": {true, true}, "stdout": {true, false}, "stderr": {false, true}, "stdoutAndStderr": {true, true}, "none": {false, false},
	} {
		state := resource.PropertyMap{}
		if mode != "" {
			state["logging"] = str(mode)
		}
		stdout, stderr := logging(state)
		if got := [2]bool{stdout, stderr}; got != want {
			t.Errorf("logging %q = %v, want %v", mode, got, want)
		}
	}
}

func TestALineOver64KiBIsAnErrorWhereItIsLogged(t *testing.T) {
	s := startServer(t)
	line := func(length int) string { return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", length) }
	// 4 MiB are more than SSH's window: without a reader the script would never end.
	err := run(context.Background(), resource.PropertyMap{"connection": s.connection(nil)}, line(4<<20))
	if err == nil || !strings.Contains(err.Error(), "output line over 64 KiB: pulumi-command 1.2.1 hangs on it") || !strings.Contains(err.Error(), "running") {
		t.Errorf("err = %v", err)
	}
	for length, logging := range map[int]string{64<<10 - 1: "stdoutAndStderr", 200000: "stderr", 200001: "none"} {
		state := resource.PropertyMap{"connection": s.connection(nil), "logging": str(logging)}
		if err := run(context.Background(), state, line(length)); err != nil {
			t.Errorf("%d bytes, logging %s: %v", length, logging, err)
		} else if got := len(state["stdout"].StringValue()); got != length {
			t.Errorf("%d bytes of output, want %d", got, length)
		}
	}
}

func TestHostKeyIsVerified(t *testing.T) {
	s := startServer(t)
	other, _ := newKey(t)
	wrong := resource.PropertyMap{"hostKey": str(string(ssh.MarshalAuthorizedKey(other.PublicKey()))), "dialErrorLimit": resource.NewNumberProperty(0)}
	err := run(context.Background(), resource.PropertyMap{"connection": s.connection(wrong)}, "true")
	if err == nil || !strings.Contains(err.Error(), "host key mismatch") {
		t.Errorf("err = %v", err)
	}
	if s.logins.Load() != 0 {
		t.Error("logged in to a host with the wrong key")
	}
}
