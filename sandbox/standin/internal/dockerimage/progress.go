package dockerimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"averazure/sandbox/plugin"
)

// tail is the number of output lines in an error.
const tail = 20

// message is one message of the engine's progress stream.
type message struct {
	Stream string `json:"stream"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// progress shows each step once beside the resource, because without a terminal every line
// stays in the output. It returns the stream's error with the last output lines before it,
// which the original leaves out.
func progress(ctx context.Context, r io.Reader) error {
	var last []string
	for decoder := json.NewDecoder(r); ; {
		var m message
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if m.Error != nil {
			return fmt.Errorf("%s%s", explain(m.Error.Code, m.Error.Message), quote(last))
		}
		for line := range strings.Lines(m.Stream) {
			if line = strings.TrimSpace(line); line == "" || noise(line) {
				continue
			}
			if isStep.MatchString(line) {
				plugin.Status(ctx, line)
			}
			last = append(last, line)
		}
		last = last[max(0, len(last)-tail):]
	}
}

// isStep matches the classic builder's line for an instruction.
var isStep = regexp.MustCompile(`^Step [0-9]+/[0-9]+ : `)

// noise tells whether a line is one of the classic builder's lines about its layers and
// containers.
func noise(line string) bool {
	return strings.HasPrefix(line, "--->") || strings.HasPrefix(line, "Removing intermediate container")
}

func explain(code int, text string) string {
	switch {
	case code == 401:
		return "authentication is required"
	case text == "EOF":
		return "EOF: This error is most likely due to incorrect or mismatched registry credentials"
	default:
		return text
	}
}

func quote(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\n  " + strings.Join(lines, "\n  ")
}
