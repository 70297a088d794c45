package stackfile

import (
	"fmt"
	"strings"
	"testing"
)

// The wrong line is found in texts up to a certain length; for longer texts the parser's
// own line is reported.
func TestWrongLineOfALongFile(t *testing.T) {
	for _, size := range []int{searched, MaxBytes} {
		var text strings.Builder
		text.WriteString("services:\n  api:\n    labels:\n")
		lines := 3
		for ; text.Len() < size-200; lines++ {
			fmt.Fprintf(&text, "      l%d: a\n", lines)
		}
		text.WriteString("     wrong: b\n")
		want := lines + 1
		if size > searched {
			want = 2
		}
		mustName(t, CheckYAML("stack.yml", text.String()), fmt.Sprintf("stack.yml:%d:", want))
	}
}
