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
)

// keyed is a digest of a secret value. Names of secrets and releases can be read, but
// without the key nobody can use the digest to confirm a guess.
func keyed(key []byte, what any) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(canonical(what)))
	return sum.Sum(nil)
}

// Reasons why an encrypted file cannot be decrypted.
var (
	errOtherRecipient = errors.New("it is not encrypted for this stack's managers; encrypt it with `age -r` for the output ageRecipient")
	errNotSealed      = errors.New("it is not a complete age file; encrypt it again with `age -r` for the output ageRecipient")
	errAltered        = errors.New("it was changed or cut off after it was encrypted; encrypt it again")
	errEmpty          = errors.New("its file is empty, and Docker does not store an empty secret")
)

// decrypt opens what was encrypted with age for the managers, armored or not.
func decrypt(key, data []byte) ([]byte, error) {
	identity, err := agessh.ParseIdentity(key)
	if err != nil {
		return nil, errors.New("this manager's key for secrets cannot be read; run `pulumi up`")
	}
	var sealed io.Reader = bytes.NewReader(data)
	if text := bytes.TrimLeft(data, " \t\r\n"); bytes.HasPrefix(text, []byte(armor.Header)) {
		sealed = armor.NewReader(bytes.NewReader(text))
	}
	plain, err := age.Decrypt(sealed, identity)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, errOtherRecipient
	case err != nil:
		return nil, errNotSealed
	}
	opened, err := io.ReadAll(io.LimitReader(plain, maxSecret+1))
	if err != nil {
		return nil, errAltered
	}
	return opened, nil
}
