package names

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 prescribes it for version 5.
	"encoding/hex"
	"strings"
)

// uuidNamespace is the URL namespace of RFC 9562, appendix: 6ba7b811-9dad-11d1-80b4-00c04fd430c8.
var uuidNamespace = [16]byte{
	0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
}

// UUID returns the version 5 UUID of the parts, joined by bars. The same parts
// always give the same UUID, so a role assignment that is made again has the
// name it had before instead of conflicting with it.
func UUID(parts ...string) string {
	digest := sha1.New() //nolint:gosec // see the import
	digest.Write(uuidNamespace[:])
	digest.Write([]byte(strings.Join(parts, "|")))
	id := digest.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id)
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
