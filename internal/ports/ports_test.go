package ports

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestKept(t *testing.T) {
	for port, want := range map[int]bool{22: true, 2377: true, 4789: true, 7946: true, 8080: false, 0: false} {
		if got := Kept(port); (got != "") != want {
			t.Errorf("%d belongs to %q, want something: %t", port, got, want)
		}
	}
}

// TestManagersRefuseTheSamePorts: stackctl runs where there is no Go.
func TestManagersRefuseTheSamePorts(t *testing.T) {
	script, err := os.ReadFile("../../cluster/scripts/stackctl/10-file.sh")
	if err != nil {
		t.Fatal(err)
	}
	theirs := regexp.MustCompile(`\.published \| IN\(([0-9, ]+)\)`).FindSubmatch(script)
	ours := strings.Trim(fmt.Sprint(slices.Sorted(maps.Keys(kept))), "[]")
	if theirs == nil || strings.ReplaceAll(string(theirs[1]), ",", "") != ours {
		t.Errorf("stackctl keeps the ports %q, the preview %s", theirs, ours)
	}
}
