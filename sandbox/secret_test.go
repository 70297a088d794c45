package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// checkout makes a directory with the project's Pulumi.yaml, changes into it, and returns
// it.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "Pulumi.yaml"), []byte("name: averazure\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	return root
}

// secretVerb runs a verb of `secret` with this standard input.
func secretVerb(input string, args ...string) (string, error) {
	cmd := secretCommand(&options{name: "x"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out strings.Builder
	cmd.SetIn(strings.NewReader(input))
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestASecretOutlivesDown(t *testing.T) {
	root := checkout(t)
	for name, input := range map[string]string{"db": "hunter2\n", "tls.key": "one\ntwo\n\n"} {
		if _, err := secretVerb(input, "set", name); err != nil {
			t.Fatal(err)
		}
	}
	d, err := sandboxDirs(root, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	if err := removeState(d.state); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.secretsFile()); err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(d.secretsFile()) != filepath.Join(root, ".sandbox") {
		t.Fatalf("%s: %v, %v", d.secretsFile(), info, err)
	}
	secrets, err := readSecrets(d.secretsFile())
	if settings := trial(secrets); err != nil || settings["averazure:secrets.db"] != "hunter2" || settings[`averazure:secrets["tls.key"]`] != "one\ntwo\n" {
		t.Errorf("kept is %q, %v", settings, err)
	}
	if out, err := secretVerb("", "list"); err != nil || out != "db\ntls.key\n" {
		t.Errorf("listed is %q, %v", out, err)
	}
	for _, name := range []string{"db", "tls.key"} {
		if _, err := secretVerb("", "rm", name); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(root, ".sandbox")); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
}

// The prompt for a secret does not show the value. The test types it on a terminal, which
// echoes everything until the prompt turns the echo off.
func TestAPromptShowsNoValue(t *testing.T) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	type answer struct {
		value string
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := askFor(terminal, "db")
		done <- answer{value, err}
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the terminal goes on repeating what is typed: %v", err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			break
		}
	}
	if _, err := keyboard.WriteString("correct horse\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.err != nil || got.value != "correct horse" {
		t.Errorf("the value is %q, %v", got.value, got.err)
	}
	shown, fd := make([]byte, 256), int(keyboard.Fd()) // each call of Fd makes reads block again, so it is called once
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	n, err := unix.Read(fd, shown)
	if n = max(n, 0); err != nil && err != unix.EAGAIN || strings.Contains(string(shown[:n]), "horse") {
		t.Errorf("shown is %q, %v", shown[:n], err)
	}
}

func TestValuesThatCannotBeSecretsAreNotKept(t *testing.T) {
	root := checkout(t)
	for _, try := range []struct {
		input string
		args  []string
	}{
		{"", []string{"set", "db"}}, {"\n", []string{"set", "db"}}, {"x", []string{"set", "_db"}}, {"x", []string{"set"}},
		{"", []string{"set", "db", "hunter2"}}, {"x", []string{"set", "db=hunter2"}}, {"", []string{"rm", "db"}},
	} {
		if _, err := secretVerb(try.input, try.args...); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error is %v", try.args, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".sandbox")); err == nil {
		t.Error("something is kept")
	}
}
