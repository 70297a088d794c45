package release

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/pkg/stdcopy"
)

const (
	logLines = 15
	logWidth = 500
	logBytes = 256 << 10
)

// logOf is the end of a task's output. It is empty if the task never had a container, or if
// its node is gone.
func (d *Reader) logOf(ctx context.Context, task swarm.Task) []string {
	if task.Status.ContainerStatus == nil || task.Status.ContainerStatus.ContainerID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.Settings.Log)
	defer cancel()
	stream, err := d.Swarm.TaskLogs(ctx, task.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(logLines)})
	if err != nil {
		return nil
	}
	defer stream.Close()
	var text bytes.Buffer
	// A terminal's log arrives as it is, any other log in frames.
	limited := io.LimitReader(stream, logBytes)
	if spec := task.Spec.ContainerSpec; spec != nil && spec.TTY {
		_, _ = io.Copy(&text, limited)
	} else {
		_, _ = stdcopy.StdCopy(&text, &text, limited)
	}
	return lastLines(text.String())
}

func lastLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > logLines {
		lines = lines[len(lines)-logLines:]
	}
	for i, line := range lines {
		lines[i] = excerpt(Printable(line), logWidth)
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines
}

// Printable is one line of a foreign text, without characters that would move a terminal's
// cursor.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
