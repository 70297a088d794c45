package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// row is one row of a table.
type row struct{ what, aim, figure string }

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

// against is a row that compares two times: how many times the other one's time something
// took. The figure should not be above the aim.
func against(what string, it, other, aim float64) row {
	figure := fmt.Sprintf("%.2f", it/other)
	if it/other > aim {
		figure += ", missed"
	}
	return row{what, fmt.Sprint(aim), figure}
}

// table is a Markdown table with a heading.
func table(heading string, rows []row) string {
	text := "### " + heading + "\n\n| | aim | |\n|---|---|---|\n"
	for _, r := range rows {
		text += strings.Join([]string{"| " + r.what, r.aim, r.figure + " |\n"}, " | ")
	}
	return text
}

// The tables are between these two lines of the page, each after a mark with its name.
const (
	opening = "<!-- make bench writes from here -->\n"
	closing = "<!-- to here -->\n"
)

var mark = regexp.MustCompile(`<!-- (\w+) -->\n`)

// replaced replaces the tables for which there are new ones of the same name. The others
// stay.
func replaced(page string, order []string, blocks map[string]string) (string, error) {
	before, rest, found := strings.Cut(page, opening)
	inside, after, ended := strings.Cut(rest, closing)
	if !found || !ended {
		return "", errors.New("it has no place for the tables: the lines '" + strings.TrimSpace(opening) + "' and '" + strings.TrimSpace(closing) + "'")
	}
	all := map[string]string{}
	marks := mark.FindAllStringSubmatchIndex(inside, -1)
	for i, at := range marks {
		end := len(inside)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		all[inside[at[2]:at[3]]] = strings.TrimSpace(inside[at[1]:end]) + "\n"
	}
	for name, block := range blocks {
		all[name] = strings.TrimSpace(block) + "\n"
	}
	var text strings.Builder
	text.WriteString(before + opening)
	for _, name := range order {
		if block, ok := all[name]; ok {
			fmt.Fprintf(&text, "\n<!-- %s -->\n%s", name, block)
		}
	}
	return text.String() + "\n" + closing + after, nil
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// slope is the slope of the least-squares line: how much y grows with each x.
func slope(x, y []float64) float64 {
	var sumX, sumY, sumXY, sumXX float64
	for i := range x {
		sumX, sumY = sumX+x[i], sumY+y[i]
		sumXY, sumXX = sumXY+x[i]*y[i], sumXX+x[i]*x[i]
	}
	n := float64(len(x))
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}
