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

// tail is how many lines of output an error shows.
const tail = 20

// message is one line of what the engine streams while it builds, pulls or pushes.
type message struct {
	Stream string `json:"stream"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// progress shows the steps beside the resource as they come, each once: without a
// terminal every line shown stays. The error in the stream is returned with the last
// lines before it; the original leaves those out, and they are what one needs.
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

// isStep matches what the classic builder says of an instruction of the Dockerfile.
var isStep = regexp.MustCompile(`^Step [0-9]+/[0-9]+ : `)

// noise is what the classic builder says of its own layers and containers.
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
