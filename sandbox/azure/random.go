package azure

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails, see crypto/rand
	return b
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

// newUUID makes a random UUID (RFC 9562, version 4).
func newUUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newEtag makes an etag in the form of Microsoft.Network.
func newEtag() string { return `W/"` + newUUID() + `"` }

// fingerprint replaces a secret value in the record. It is keyed, so a weak secret cannot
// be guessed from it.
func (r *record) fingerprint(value any) string {
	mac := hmac.New(sha256.New, []byte(r.Seed))
	fmt.Fprintf(mac, "fingerprint\x00%v", value)
	return "hmac:" + hex.EncodeToString(mac.Sum(nil)[:12])
}

// now is a variable for the tests.
var now = func() time.Time { return time.Now().UTC() }

func timestamp() string { return now().Format("2006-01-02T15:04:05.0000000Z") }
