package main

import (
	"testing"

	"averazure/internal/golden"
)

func TestTheFirstLinesSayWhichPluginsAreInUse(t *testing.T) {
	golden.Compare(t, "plugins.txt", inUse(map[string]string{"command": "v1.2.1", "tls": "from PATH"}, "stand-in")+"\n")
}
