package release

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/docker/docker/api/types/swarm"
)

// keyed is a digest of a secret that tells nothing to whoever guesses its value, since
// names of secrets are no secrets.
func keyed(key []byte, spec swarm.SecretSpec) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(canonical(spec)))
	return sum.Sum(nil)
}

// decrypt opens what was encrypted with age for the managers, armored or not.
func decrypt(key, data []byte) ([]byte, error) {
	identity, err := agessh.ParseIdentity(key)
	if err != nil {
		return nil, errors.New("this manager's key for secrets cannot be read; `pulumi up` brings it again")
	}
	var sealed io.Reader = bytes.NewReader(data)
	if text := bytes.TrimLeft(data, " \t\r\n"); bytes.HasPrefix(text, []byte(armor.Header)) {
		sealed = armor.NewReader(bytes.NewReader(text))
	}
	plain, err := age.Decrypt(sealed, identity)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, errors.New("it is not encrypted for this stack's managers; encrypt it with `age -r` for the output ageRecipient")
	case err != nil:
		return nil, errors.New("it is not a whole file of age; encrypt it again with `age -r` for the output ageRecipient")
	}
	opened, err := io.ReadAll(io.LimitReader(plain, maxSecret+1))
	if err != nil {
		return nil, errors.New("it was changed or cut after it was encrypted; encrypt it again")
	}
	return opened, nil
}
