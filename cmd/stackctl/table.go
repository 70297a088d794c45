package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"averazure/internal/release"
)

// table writes what people read.
type table struct {
	out    io.Writer
	colour bool
}

// The marks of a line: plain, good or bad.
const (
	plain = ""
	good  = "\x1b[32m"
	bad   = "\x1b[31m"
	reset = "\x1b[0m"
)

// row is one line of a table.
type row struct {
	mark  string
	cells []string
}

func line(mark string, cells ...any) row {
	r := row{mark: mark}
	for _, cell := range cells {
		r.cells = append(r.cells, release.Printable(fmt.Sprint(cell)))
	}
	return r
}

// rows writes lines in columns. Colours come last, so that they take no room.
func (t table) rows(list ...row) {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, r := range list {
		fmt.Fprintln(columns, strings.Join(r.cells, "\t"))
	}
	columns.Flush()
	for i, one := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if mark := list[i].mark; t.colour && mark != plain {
			one = mark + one + reset
		}
		fmt.Fprintln(t.out, strings.TrimRight(one, " "))
	}
}

func (t table) releases(list release.ReleaseList) {
	rows := []row{line(plain, "RELEASE", "TIME", "BY", "REVISION", "ACTOR", "CHANGED")}
	all := slices.Concat(list.Left, list.Releases)
	slices.SortStableFunc(all, func(a, b release.ReleaseStatus) int { return b.Number - a.Number })
	for _, r := range all {
		mark, text := plain, changed(r)
		if slices.ContainsFunc(list.Left, func(left release.ReleaseStatus) bool { return left.Number == r.Number }) {
			mark, text = withdrawn(list, r.Number, text)
		}
		rows = append(rows, line(mark, r.Number, when(r.Time), r.By, firstOf(r.Revision, 12), r.Actor, text))
	}
	t.rows(rows...)
	if list.LastAttempt != nil {
		fmt.Fprintln(t.out)
		t.rows(line(bad, "last attempt", attempt(*list.LastAttempt)))
	}
}

// withdrawn says of a release whether the rollback in force left it, or went back to it.
func withdrawn(list release.ReleaseList, number int, changed string) (mark, text string) {
	if n := len(list.Releases); n > 0 {
		last := list.Releases[n-1]
		if back := last.RolledBack; back != nil && back.To == number {
			return good, fmt.Sprintf("runs again as release %d; %s", last.Number, changed)
		}
	}
	return bad, "left by a rollback; " + changed
}

// changed returns how a release differs from the one before it, or its images if nothing
// was recorded as changed.
func changed(r release.ReleaseStatus) string {
	const most = 3
	texts := slices.Clone(r.Changes)
	if len(texts) == 0 {
		for _, name := range slices.Sorted(maps.Keys(r.Images)) {
			texts = append(texts, short(r.Images[name]))
		}
		return strings.Join(texts, " ")
	}
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// attempt is a deployment that did not come up.
func attempt(a release.Attempt) string {
	text := when(a.Time) + " on " + a.Host
	if a.By != "" {
		text += ", by " + a.By + origin(release.ReleaseStatus{Revision: a.Revision, Actor: a.Actor})
	}
	return fmt.Sprintf("%s, %s: %s", text, a.Outcome, a.Verdict)
}

func (t table) diff(d release.Diff) {
	if len(d.Changes) == 0 {
		fmt.Fprintln(t.out, "nothing would change")
	}
	for _, change := range d.Changes {
		mark := map[string]string{release.CodeNew: good, release.CodeRemoved: bad}[change.Code]
		t.rows(line(mark, change.Text))
	}
	for _, problem := range slices.Concat(d.Images, d.Refused) {
		text := problem.Reason
		if problem.Service != "" {
			text = problem.Service + ": " + text
		}
		t.rows(line(bad, text))
	}
}

func markOf(well bool) string {
	if well {
		return good
	}
	return bad
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func origin(r release.ReleaseStatus) string {
	text := ""
	if r.Revision != "" {
		text += ", commit " + firstOf(r.Revision, 12)
	}
	if r.Actor != "" {
		text += ", for " + r.Actor
	}
	return text
}

// short is an image without most of its digest.
func short(image string) string {
	name, digest, found := strings.Cut(image, "@sha256:")
	if !found {
		return image
	}
	if strings.Contains(name[strings.LastIndex(name, "/")+1:], ":") {
		return name
	}
	return name + "@" + firstOf(digest, 12)
}

func firstOf(text string, length int) string {
	if len(text) > length {
		return text[:length]
	}
	return text
}
