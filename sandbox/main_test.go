package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestANameStaysInsideTheStatesDirectory(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "-a", "A", "a b", strings.Repeat("a", 32)} {
		root := rootCommand() // the test runs no verb: it might remove something
		if err := root.ParseFlags([]string{"--name=" + bad}); err != nil {
			t.Fatal(err)
		}
		if err := root.PersistentPreRunE(root, nil); err == nil || !strings.Contains(err.Error(), "--name") {
			t.Errorf("--name %q: the error is %v", bad, err)
		}
	}
	for _, good := range []string{"sandbox", "test", "2nd", "a-b"} {
		if err := validName(good); err != nil {
			t.Error(err)
		}
	}
}

func TestDownRemovesNothingUnderACommandAtWork(t *testing.T) {
	d := dirs{state: filepath.Join(t.TempDir(), ".sandbox", "x"), cache: t.TempDir()}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	lock, err := takeLock(d, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	_, err = takeDown(t.Context(), &options{name: "x"}, d)
	var other busy
	if !errors.As(err, &other) || other.verb != "serve" || other.pid != os.Getpid() {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(d.state); err != nil {
		t.Error("the state is gone")
	}
}

func TestTheLastStateTakesItsDirectoryAlong(t *testing.T) {
	root := filepath.Join(t.TempDir(), ".sandbox")
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeState(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "b")); err != nil {
		t.Error("another sandbox's state is gone")
	}
	for range 2 { // a second removal is not an error
		if err := removeState(filepath.Join(root, "b")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("an empty directory is left")
	}
}

func TestALockThatSaysNothingIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	for text, want := range map[string]busy{"": {file: file}, "up 12\n": {file, "up", 12}} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := holder(file); got != want {
			t.Errorf("%q: the holder is %+v, want %+v", text, got, want)
		}
	}
}

func TestTheProjectIsFoundBehindAnotherOne(t *testing.T) {
	root := t.TempDir()
	inner := filepath.Join(root, "examples", "consumer")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, name := range map[string]string{root: "averazure", inner: "aver-consumer"} {
		if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inner)
	if got, err := projectDir(); err != nil || got != root {
		t.Errorf("it is %s (%v), want %s", got, err, root)
	}
	t.Chdir(t.TempDir())
	if _, err := projectDir(); err == nil {
		t.Errorf("the error is %v", err)
	}
}

func TestOutputsOfWhatIsNotUpMakeNothing(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "Pulumi.yaml"), []byte("name: averazure\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	for name, want := range map[string]string{defaultName: "make sandbox", "x": "go run ./sandbox --name x up"} {
		var down notUpError
		if _, err := readSession(t.Context(), &options{name: name}); !errors.As(err, &down) || down.start != want {
			t.Errorf("the error is %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, ".sandbox")); err == nil {
		t.Error("a state is made")
	}
}

func TestDownAdvisesNothingAgainstAnotherSandbox(t *testing.T) {
	for _, test := range []struct {
		others []string
		want   string
		advice bool
	}{
		{nil, "rm -r /cache", true},
		{[]string{"test"}, "test", false},
		{[]string{"a", "b"}, "a, b", false},
	} {
		got := lastLine("x", "/cache", test.others)
		if !strings.Contains(got, test.want) || strings.Contains(got, "rm -r") != test.advice {
			t.Errorf("%v: %s", test.others, got)
		}
	}
}

func TestAnOutputThatIsNotThereHasANeighbour(t *testing.T) {
	known := []string{"apiUrl", "clientId", "managerIp"}
	for name, want := range map[string]string{"apiURL": "apiUrl", "zone": ""} {
		if got := unknown(name, known).near; got != want {
			t.Errorf("%s: the nearest is %q, want %q", name, got, want)
		}
	}
}

func TestACommandOnANodeNeedsNoDashes(t *testing.T) {
	for _, test := range []struct{ line, node, argv string }{
		{"n -- ls -la /", "n", "ls -la /"},
		{"n ls -la /", "n", "ls -la /"},
		{"n sh -- x", "n", "sh -- x"},
		{"-- n ls", "n", "ls"},
		{"n", "n", ""},
		{"", "", ""},
	} {
		cmd := execCommand(&options{})
		if err := cmd.ParseFlags(strings.Fields(test.line)); err != nil {
			t.Fatal(err)
		}
		node, argv := splitExec(cmd.Flags().Args())
		if node != test.node || strings.Join(argv, " ") != test.argv {
			t.Errorf("%q is taken for %v on %q", test.line, argv, node)
		}
	}
}
