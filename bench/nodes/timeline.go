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

// common are the commands that do what the playbook and the floor do: Docker, the Swarm,
// its secrets.
var common = regexp.MustCompile(`-(prepare|init|join|secrets)$`)

// worked is how long a run worked on the nodes. Both times begin with the first command of
// the second layer. One ends with the layer's last command, the other with the last common
// command. All of the layer includes work that neither the playbook nor the floor does:
// stackctl, labels, watches.
type worked struct{ all, common time.Duration }

func layer2(said []line) (w worked, err error) {
	var began time.Time
	for _, l := range said {
		found := operation.FindStringSubmatch(l.text)
		switch {
		case found == nil || strings.HasSuffix(found[1], deployment):
		case strings.HasSuffix(found[2], "ing"):
			if began.IsZero() {
				began = l.at
			}
		default:
			w.all = l.at.Sub(began)
			if common.MatchString(found[1]) {
				w.common = w.all
			}
		}
	}
	if began.IsZero() || w.common == 0 {
		return w, errors.New("the run did nothing on any node")
	}
	return w, nil
}
