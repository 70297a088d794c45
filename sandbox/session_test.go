package main

import "testing"

func TestTheFirstLinesSayWhichPluginsAreInUse(t *testing.T) {
	got := inUse(map[string]string{"command": "v1.2.1", "tls": "from PATH"}, "stand-in")
	want := "plugins: command official v1.2.1, docker stand-in, tls official from PATH, Go language runtime stand-in"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
