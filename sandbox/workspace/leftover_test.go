package workspace

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program copies a real program under another name and returns the copy's path.
func program(t *testing.T, original, name string) string {
	t.Helper()
	path, err := exec.LookPath(original)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// started runs the program until the test ends; gone tells whether it has ended before.
func started(t *testing.T, home, file string, args ...string) (gone <-chan struct{}) {
	t.Helper()
	cmd := exec.Command(file, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PULUMI_HOME=" + home, "OTHER=1"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	return ended
}

func TestPluginsThatAKilledEngineLeftAreEnded(t *testing.T) {
	state, stranger := t.TempDir(), t.TempDir()
	home := filepath.Join(state, "pulumi")
	left := map[string]<-chan struct{}{
		"plugin":  started(t, home, program(t, "sleep", "pulumi-resource-command"), "60"),
		"runtime": started(t, home, program(t, "sleep", "pulumi-language-go"), "60"),
		// This plugin ignores the request to end, so it has to be killed.
		"deaf": started(t, home, program(t, "dash", "pulumi-resource-docker"), "-c", "trap '' TERM; while :; do sleep 0.1; done"),
	}
	kept := map[string]<-chan struct{}{
		"another sandbox's plugin":  started(t, filepath.Join(stranger, "pulumi"), program(t, "sleep", "pulumi-resource-command"), "60"),
		"a plugin of a longer name": started(t, home+"-2", program(t, "sleep", "pulumi-resource-tls"), "60"),
		"the user's editor":         started(t, home, program(t, "sleep", "editor"), "60"),
	}
	ended, err := EndPlugins(context.Background(), state)
	if err != nil {
		t.Fatal(err)
	}
	if len(ended) != len(left) || !strings.HasPrefix(ended[0], "pulumi-language-go (") {
		t.Errorf("ended %q, want %d", ended, len(left))
	}
	for name, gone := range left {
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Errorf("the %s still runs", name)
		}
	}
	for name, gone := range kept {
		select {
		case <-gone:
			t.Errorf("%s was ended", name)
		default:
		}
	}
}

func TestPluginsOfARunningEngineStay(t *testing.T) {
	state := t.TempDir()
	plugin := program(t, "sleep", "pulumi-resource-command")
	engine := exec.Command(program(t, "dash", "pulumi"), "-c", plugin+" 60 & echo started; wait")
	engine.Env = []string{"PULUMI_HOME=" + filepath.Join(state, "pulumi")}
	out, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("started"))); err != nil {
		t.Fatal(err)
	}
	if ended, err := EndPlugins(context.Background(), state); err != nil || len(ended) > 0 {
		t.Errorf("ended %q, %v", ended, err)
	}
	// The killed engine leaves the plugin behind.
	engine.Process.Kill()
	engine.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for {
		ended, err := EndPlugins(context.Background(), state)
		if err != nil {
			t.Fatal(err)
		}
		if len(ended) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the plugin that was left behind is not found")
		}
	}
}
