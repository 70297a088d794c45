package release

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"averazure/internal/stackfile"
)

// keyOf is a key pair as the program makes it: OpenSSH's form, and age's recipient.
func keyOf(t *testing.T, seed byte) (private []byte, recipient age.Recipient) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	recipient, err = agessh.ParseRecipient(string(ssh.MarshalAuthorizedKey(public)))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), recipient
}

// encrypt returns a text as the program age would encrypt it.
func encrypt(t *testing.T, recipient age.Recipient, text string, armored bool) []byte {
	t.Helper()
	var out bytes.Buffer
	to := armor.NewWriter(&out)
	writer, err := age.Encrypt(&out, recipient)
	if armored {
		out.Reset()
		writer, err = age.Encrypt(to, recipient)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if armored {
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// A secret that cannot be decrypted is refused before anything is touched. The error says
// what to do, and contains no part of the secret or of the key.
func TestSecretsThatCannotBeRead(t *testing.T) {
	s := newSite(t)
	private, _ := keyOf(t, 1)
	_, other := keyOf(t, 2)
	whole := encrypt(t, s.recipient, "hunter2", false)
	for name, test := range map[string]struct {
		data []byte
		key  error
		code string
		want string
	}{
		"for another key": {encrypt(t, other, "hunter2", true), nil, "secret-unreadable", errOtherRecipient.Error()},
		"not encrypted":   {[]byte("hunter2"), nil, "secret-unreadable", errNotSealed.Error()},
		"cut":             {whole[:len(whole)-3], nil, "secret-unreadable", errAltered.Error()},
		"changed":         {append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), nil, "secret-unreadable", errAltered.Error()},
		"empty":           {encrypt(t, s.recipient, "", false), nil, "secret-unreadable", errEmpty.Error()},
		"too large":       {encrypt(t, s.recipient, strings.Repeat("a", maxSecret+1), false), nil, "secret-unreadable", fmt.Sprint(maxSecret)},
		"no key":          {whole, errors.New("no such file"), "docker", "no such file; run `pulumi up`"},
	} {
		s.d.Key = func() ([]byte, error) { return private, test.key }
		input := stackfile.Input{Files: []stackfile.Source{{Name: "stack.yml", Text: "services: {db: {image: run, secrets: [s]}}\nsecrets:\n  s: {file: s.age}\n"}},
			Beside: map[string][]byte{"s.age": test.data}}
		file, err := stackfile.Parse(input)
		if err != nil {
			// An encrypted file may be larger than the allowed value.
			if name != "too large" {
				t.Fatal(err)
			}
			continue
		}
		result := s.d.Deploy(context.Background(), stack, Order{File: file, From: FromPulumi, By: ByPulumi})
		said := fmt.Sprint(result)
		if len(result.Problems) != 1 || result.Problems[0].Code != test.code || !strings.Contains(said, test.want) ||
			strings.Contains(said, "hunter2") || strings.Contains(said, "PRIVATE") || len(s.has())+len(s.m.services) > 0 {
			t.Errorf("%s: %+v, %v", name, result, s.has())
		}
	}
}

// If stack-repo's file remains, the file of `pulumi up` is not decrypted: after a change of
// the key, its secrets may be encrypted for the former one.
func TestKeptFileNeedsNoKey(t *testing.T) {
	virtual(t, "it", func(t *testing.T) {
		s := newSite(t)
		expect(t, s.deploy("one", "db1", "p1"), Runs, 1)
		expect(t, s.d.Deploy(t.Context(), stack, Order{File: s.file("two", "db2", "p2"), From: FromStackRepo, By: ByStackRepo, Scope: ScopeStack}), Runs, 2)
		s.d.Key = func() ([]byte, error) { return nil, errors.New("none") }
		result := s.deploy("three", "db3", "p3")
		expect(t, result, Runs, 2)
		s.expect("services", s.runs(), []string{"config two", "secret db2", "secret p2"})
	})
}

// The name of a secret does not confirm a guess of its value.
func TestNamesOfSecretsAreKeyed(t *testing.T) {
	s := newSite(t)
	name := func(value string) string {
		file, err := stackfile.Parse(stackfile.Input{Files: []stackfile.Source{{Name: "a", Text: "services: {db: {image: run, secrets: [plain]}}\nsecrets: {plain: {file: p}}\n"}},
			Beside: map[string][]byte{"p": []byte(value)}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.d.open(file, stack)
		if err != nil {
			t.Fatal(err)
		}
		return c.secrets[0].Name
	}
	x, y := name("x"), name("y")
	if !strings.HasPrefix(x, "shop_plain-") || name("x") != x || x == y {
		t.Error(x, y)
	}
	private, _ := keyOf(t, 2)
	s.d.Key = func() ([]byte, error) { return private, nil }
	if name("x") == x {
		t.Error("another key gives the same name")
	}
}
