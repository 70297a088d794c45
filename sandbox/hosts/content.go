package hosts

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"maps"
	"slices"

	"averazure/sandbox/images"
)

//go:embed images
var embedded embed.FS

// imageFiles are the embedded files of a kind of image.
func imageFiles(kind string) map[string][]byte { return images.Files(embedded, kind) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// shortHash turns an id of any length and content into a part of a name.
func shortHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:12]
}
