package plugin

import (
	"slices"
	"sort"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Diff is what differs between a resource and what the program wants. The zero
// value says that nothing does.
type Diff struct {
	Changes             []Change
	DeleteBeforeReplace bool
}

// Change is one difference.
type Change struct {
	Path    string // the property's path, for example "tags.env" or "rules[2].port"
	Kind    Kind
	Replace bool // the resource must be made anew
}

// Kind is the way in which a property differs.
type Kind int

// The kinds of difference.
const (
	Updated Kind = iota
	Added
	Deleted
)

// Compare is the default comparison: two sets of inputs, deeply, with the
// type's rules for replacement. A value that is unknown yet counts as different
// from a known one, as the engine needs it in a preview. What the engine itself
// adds ("__defaults") does not count.
func (t Type) Compare(oldInputs, news resource.PropertyMap) Diff {
	diff := Diff{DeleteBeforeReplace: t.DeleteBeforeReplace}
	internal := func(k resource.PropertyKey) bool { return strings.HasPrefix(string(k), "__") }
	if !t.SecretsCount {
		oldInputs, news = plain(oldInputs), plain(news)
	}
	found := engine.NewDetailedDiffFromObjectDiff(oldInputs.Diff(news, internal), true)
	for path, d := range found {
		change := Change{Path: path, Replace: replaces(t.Replaces, path)}
		switch d.Kind {
		case engine.DiffAdd, engine.DiffAddReplace:
			change.Kind = Added
		case engine.DiffDelete, engine.DiffDeleteReplace:
			change.Kind = Deleted
		}
		diff.Changes = append(diff.Changes, change)
	}
	sort.Slice(diff.Changes, func(i, j int) bool { return diff.Changes[i].Path < diff.Changes[j].Path })
	return diff
}

// replaces says whether path is one of the rules or lies below one. A rule that
// lies below path counts too: the whole of an object came or went with it.
func replaces(rules []string, path string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool {
		return below(path, rule) || below(rule, path)
	})
}

func below(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// wire turns a diff into what the engine's protocol has for it.
func (d Diff) wire() engine.DiffResult {
	if len(d.Changes) == 0 {
		return engine.DiffResult{Changes: engine.DiffNone}
	}
	detail := make(map[string]engine.PropertyDiff, len(d.Changes))
	for _, c := range d.Changes {
		kind := map[Kind]engine.DiffKind{Updated: engine.DiffUpdate, Added: engine.DiffAdd, Deleted: engine.DiffDelete}[c.Kind]
		if c.Replace {
			kind = kind.AsReplace()
		}
		detail[c.Path] = engine.PropertyDiff{Kind: kind, InputDiff: true}
	}
	return engine.DiffResult{
		Changes:             engine.DiffSome,
		DetailedDiff:        detail,
		DeleteBeforeReplace: d.DeleteBeforeReplace,
	}
}
