package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"averazure/internal/stackfile"
)

func TestInputIsBounded(t *testing.T) {
	c := (&call{stdin: ""}).run(t, "deploy", "aver", "--json")
	if r := c.result(t); c.status != 2 || r.Problems[0].Code != "file" {
		t.Errorf("nothing: %+v", r)
	}
	c = (&call{stdin: strings.Repeat("#", 3<<20)}).run(t, "deploy", "aver", "--json")
	if r := c.result(t); c.status != 2 || r.Problems[0].Code != "file" || !strings.Contains(r.Verdict, fmt.Sprint(stackfile.MaxBytes)) {
		t.Errorf("too large: %+v", r)
	}
	archive := make([]byte, 512)
	copy(archive[257:], "ustar")
	c = (&call{stdin: string(archive)}).run(t, "diff", "aver")
	if c.status != 2 || !strings.Contains(c.stderr, "tar archive") || !strings.Contains(c.stderr, "folder") {
		t.Errorf("an archive: %d, %s", c.status, c.stderr)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	_, err = (&app{in: reader}).receive("stack file", 10, 20*time.Millisecond)
	if late := (mistake{}); !errors.As(err, &late) || late.code != "file" || !strings.Contains(err.Error(), "20ms") {
		t.Errorf("nothing comes: %v", err)
	}
}
