package plugin

import (
	"slices"
	"sort"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	engine "github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Diff is the difference between a resource and the program's inputs. The zero value
// means no difference.
type Diff struct {
	Changes             []Change
	DeleteBeforeReplace bool
}

// Change is one difference.
type Change struct {
	Path    string // the property's path, for example "tags.env" or "rules[2].port"
	Kind    Kind
	Replace bool // the resource must be replaced
}

// Kind is the kind of a difference.
type Kind int

// The kinds of difference.
const (
	Updated Kind = iota
	Added
	Deleted
)

// Compare is the default comparison of two sets of inputs, with the type's rules for
// replacement. An unknown value differs from a known one, as the engine expects in a
// preview. Keys that the engine adds ("__defaults") do not count.
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

// replaces tells whether path is one of the rules or lies below one. A rule below path
// counts too: then the whole object was added or removed.
func replaces(rules []string, path string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool {
		return below(path, rule) || below(rule, path)
	})
}

func below(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// wire converts a diff to the engine's protocol.
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
