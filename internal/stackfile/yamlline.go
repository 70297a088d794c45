package stackfile

import (
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// ofBlock are errors for which the YAML parser gives the line where the block begins. That
// may be hundreds of lines before the wrong line.
var ofBlock = []string{"did not find expected key", "did not find expected '-' indicator"}

// searched is the length, in bytes, of the longest text in which wrongLine searches. It
// parses the text up to seventeen times, and files come from strangers.
const searched = 64 << 10

// wrongLine is the number of the first line up to which the text already has the same
// error; 0 for errors that are not about a block, and for texts that are too long. It
// halves the text again and again.
func wrongLine(text, said string) int {
	if !slices.Contains(ofBlock, said) || len(text) > searched {
		return 0
	}
	ends := lineEnds(text)
	return 1 + sort.Search(len(ends)-1, func(i int) bool {
		err := guarded(func() error { return yaml.Unmarshal([]byte(text[:ends[i]]), &yaml.Node{}) })
		return err != nil && strings.HasSuffix(err.Error(), said)
	})
}

// lineEnds are the offsets at which the lines of a text end.
func lineEnds(text string) []int {
	var ends []int
	for i := range len(text) {
		if text[i] == '\n' {
			ends = append(ends, i+1)
		}
	}
	return append(ends, len(text))
}
