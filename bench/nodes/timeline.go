package main

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// operation is a line of the CLI about what runs on a node:
//
//   - command:remote:Command aver-manager-prepare creating (0s)
var operation = regexp.MustCompile(`\bcommand:remote:\w+ (\S+) (creating|updating|created|updated)\b`)

// deployment is the end of the name of the command that belongs to the layer above.
const deployment = "-deploy"

// layer2 is how long a run worked on the nodes: from the beginning of the first command
// of the second layer to the end of the last one. So all of the layer counts, also what
// neither the playbook nor the floor does: stackctl, labels, packet filters, watches.
func layer2(said []line) (time.Duration, error) {
	var began, ended time.Time
	for _, l := range said {
		found := operation.FindStringSubmatch(l.text)
		switch {
		case found == nil || strings.HasSuffix(found[1], deployment):
		case strings.HasSuffix(found[2], "ing"):
			if began.IsZero() {
				began = l.at
			}
		default:
			ended = l.at
		}
	}
	if began.IsZero() || ended.Before(began) {
		return 0, errors.New("the run did nothing on any node")
	}
	return ended.Sub(began), nil
}
