package stackfile

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The wrong line of the longest source is found without parsing it line by line.
func TestWrongLineOfALongFile(t *testing.T) {
	var text strings.Builder
	text.WriteString("services:\n  api:\n    labels:\n")
	lines := 3
	for ; text.Len() < MaxBytes-200; lines++ {
		fmt.Fprintf(&text, "      l%d: a\n", lines)
	}
	text.WriteString("     wrong: b\n")
	began := time.Now()
	err := CheckYAML("stack.yml", text.String())
	mustName(t, err, fmt.Sprintf("stack.yml:%d:", lines+1))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
