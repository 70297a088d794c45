package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// failed is a failed run of the CLI.
type failed struct {
	status int
	why    string // one paragraph for each resource, its most important sentence first
}

func (f failed) Error() string { return cmp.Or(f.why, exitError(f.status).Error()) }

// why explains the failure, with commands that work in the sandbox.
func (r *engineRun) why(a adviser) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	order := slices.Clone(r.order)
	// If a resource failed, the errors without a resource only repeat that something
	// failed. If such an error is the only one, it is the program's own.
	if len(order) > 1 {
		order = slices.DeleteFunc(order, func(urn string) bool { return urn == "" })
	}
	var paragraphs []string
	for _, urn := range order {
		text := strings.Join(foremost(r.failures[urn]), "\n")
		if urn != "" && resource.URN(urn).Type() != resource.RootStackType {
			text += fmt.Sprintf("\n(%s)", resource.URN(urn).Name())
		}
		paragraphs = append(paragraphs, strings.ReplaceAll(a.advice(text), "\n", "\n  "))
	}
	return strings.Join(paragraphs, "\n")
}

// foremost drops the provider's report of a failed command if the program has explained
// it. Otherwise it drops the command line from the report.
func foremost(said []string) []string {
	explained := slices.DeleteFunc(slices.Clone(said), func(text string) bool { return ranInVain(text) != "" })
	if len(explained) > 0 {
		return explained
	}
	all := slices.Clone(said)
	for i, text := range all {
		all[i] = cmp.Or(ranInVain(text), text)
	}
	return all
}

// ranInVain is pulumi-command's report of a failed command, without the command line. It
// is "" for any other message.
func ranInVain(text string) string {
	status, rest, _ := strings.Cut(text, ": running ")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	return status + rest[len(quoted):]
}
