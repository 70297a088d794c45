package recorder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Graph lists every resource and, below it, the resources that it waits for, in a fixed
// order, for golden files. A dependency that follows from others is left out.
func (r *Recorder) Graph() string {
	waits := map[string][]string{}
	for _, res := range r.resources {
		waits[res.URN] = dependencies(res)
	}
	var entries []string
	for _, res := range r.resources {
		var below []string
		for _, urn := range waits[res.URN] {
			if !slices.ContainsFunc(waits[res.URN], func(other string) bool { return reaches(waits, other, urn) }) {
				below = append(below, "  "+typeAndName(urn)+"\n")
			}
		}
		slices.Sort(below)
		entries = append(entries, fmt.Sprintf("%s in %s\n%s", typeAndName(res.URN), res.Parent(), strings.Join(below, "")))
	}
	slices.Sort(entries)
	return strings.Join(entries, "")
}

// dependencies are those that the program stated and those that follow from the inputs.
func dependencies(res *Resource) []string {
	all := slices.Clone(res.Request.GetDependencies())
	for _, property := range res.Request.GetPropertyDependencies() {
		all = append(all, property.GetUrns()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reaches says whether from waits for to, directly or through others.
func reaches(waits map[string][]string, from, to string) bool {
	return slices.ContainsFunc(waits[from], func(next string) bool { return next == to || reaches(waits, next, to) })
}

func typeAndName(urn string) string {
	return string(resource.URN(urn).Type()) + " " + resource.URN(urn).Name()
}
