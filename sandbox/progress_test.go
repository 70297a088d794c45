package main

import (
	"strings"
	"testing"
	"time"
)

func TestALongStepIsNamedAgain(t *testing.T) {
	progress("building %s", "something")
	var at []int
	for second := range 61 {
		if line := stillAt(said.at.Add(time.Duration(second) * time.Second)); line != "" {
			if !strings.Contains(line, "building something") {
				t.Errorf("said was %q", line)
			}
			at = append(at, second)
		}
	}
	if len(at) != 3 || at[0] != 10 || at[1] != 30 || at[2] != 50 {
		t.Errorf("it was named after %v s", at)
	}
	progress("the next step")
	if line := stillAt(said.at.Add(5 * time.Second)); line != "" {
		t.Errorf("a new step is named at once: %q", line)
	}
}
