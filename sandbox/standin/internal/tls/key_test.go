package tls

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

func str(s string) resource.PropertyValue { return resource.NewStringProperty(s) }

func newKey(t *testing.T, inputs resource.PropertyMap) resource.PropertyMap {
	t.Helper()
	id, state, err := create(context.Background(), "", inputs, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(id) != 40 {
		t.Errorf("id %q is no SHA-1", id)
	}
	return state
}

func TestEveryFormIsTheSameKey(t *testing.T) {
	for algorithm, inputs := range map[string]resource.PropertyMap{
		"ED25519": {"algorithm": str("ED25519")},
		"RSA":     {"algorithm": str("RSA"), "rsaBits": resource.NewNumberProperty(1024)},
		"ECDSA":   {"algorithm": str("ECDSA"), "ecdsaCurve": str("P256")},
	} {
		t.Run(algorithm, func(t *testing.T) {
			state := newKey(t, inputs)
			public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(state["publicKeyOpenssh"].StringValue()))
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range []resource.PropertyKey{"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"} {
				signer, err := ssh.ParsePrivateKey([]byte(state[form].StringValue()))
				if err != nil {
					t.Errorf("%s: %v", form, err)
				} else if string(signer.PublicKey().Marshal()) != string(public.Marshal()) {
					t.Errorf("%s is another key", form)
				}
			}
			if got := state["publicKeyFingerprintSha256"].StringValue(); got != ssh.FingerprintSHA256(public) {
				t.Errorf("fingerprint = %q", got)
			}
			if got := state["publicKeyFingerprintMd5"].StringValue(); got != ssh.FingerprintLegacyMD5(public) {
				t.Errorf("fingerprint = %q", got)
			}
			if !strings.HasSuffix(state["publicKeyOpenssh"].StringValue(), "\n") {
				t.Error("the original ends the public key in a newline")
			}
		})
	}
}

func TestTheIDTrimsItsInputAsTheOriginalDoes(t *testing.T) {
	// sha1sum of "key"
	if got := id([]byte("key \n")); got != "a62f2225bf70bfaccbc7f1ef2a397836717377de" {
		t.Errorf("id = %s", got)
	}
}

func TestForms(t *testing.T) {
	for inputs, want := range map[[2]string]string{
		{"RSA", ""}: "RSA PRIVATE KEY", {"ECDSA", "P384"}: "EC PRIVATE KEY", {"ED25519", ""}: "PRIVATE KEY",
	} {
		k, err := generate(inputs[0], 1024, inputs[1])
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.encode()
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode([]byte(out["privateKeyPem"])); block == nil || block.Type != want {
			t.Errorf("%v: block %v, want %s", inputs, block, want)
		}
		block, _ := pem.Decode([]byte(out["publicKeyPem"]))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		switch public.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			t.Errorf("public key is a %T", public)
		}
	}
}

func TestP224HasNoOpenSSHForm(t *testing.T) {
	state := newKey(t, resource.PropertyMap{"algorithm": str("ECDSA")})
	if state["ecdsaCurve"].StringValue() != "P224" || state["publicKeyOpenssh"].StringValue() != "" || state["privateKeyPem"].StringValue() == "" {
		t.Errorf("curve %v, openssh %v", state["ecdsaCurve"], state["publicKeyOpenssh"])
	}
}

func TestPreviewMakesNoKey(t *testing.T) {
	_, state, err := create(context.Background(), "", resource.PropertyMap{"algorithm": str("ED25519")}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range outputs {
		if !state[key].IsComputed() {
			t.Errorf("%s is known in a preview", key)
		}
	}
	if state["algorithm"].StringValue() != "ED25519" || state["rsaBits"].NumberValue() != 2048 {
		t.Errorf("state = %v", state)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		inputs   resource.PropertyMap
		property string
	}{
		"good":         {resource.PropertyMap{"algorithm": str("RSA")}, ""},
		"unknown yet":  {resource.PropertyMap{"algorithm": resource.MakeComputed(str(""))}, ""},
		"missing":      {resource.PropertyMap{}, "algorithm"},
		"misspelt":     {resource.PropertyMap{"algorithm": str("ed25519")}, "algorithm"},
		"no such size": {resource.PropertyMap{"algorithm": str("ECDSA"), "ecdsaCurve": str("P1")}, "ecdsaCurve"},
	} {
		_, failures, err := check(context.Background(), "", nil, c.inputs)
		switch {
		case err != nil:
			t.Error(err)
		case c.property == "" && len(failures) != 0, c.property != "" && (len(failures) != 1 || failures[0].Property != c.property):
			t.Errorf("%s: failures = %v", name, failures)
		}
	}
}

func TestEveryInputReplacesButNamingADefaultDoesNot(t *testing.T) {
	state := newKey(t, resource.PropertyMap{"algorithm": str("ED25519")})
	for name, c := range map[string]struct {
		news    resource.PropertyMap
		changes int
	}{
		"same":          {resource.PropertyMap{"algorithm": str("ED25519")}, 0},
		"default named": {resource.PropertyMap{"algorithm": str("ED25519"), "rsaBits": resource.NewNumberProperty(2048)}, 0},
		"algorithm":     {resource.PropertyMap{"algorithm": str("RSA")}, 1},
		"size":          {resource.PropertyMap{"algorithm": str("ED25519"), "rsaBits": resource.NewNumberProperty(4096)}, 1},
	} {
		d, err := diff(context.Background(), "", "", nil, state, c.news)
		if err != nil || len(d.Changes) != c.changes || (c.changes == 1 && !d.Changes[0].Replace) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}

func TestPrivateFormsAreSecret(t *testing.T) {
	secrets := strings.Join(Plugin().Types["tls:index/privateKey:PrivateKey"].Secrets, " ")
	for _, key := range outputs {
		if strings.HasPrefix(string(key), "private") != strings.Contains(secrets, string(key)) {
			t.Errorf("%s: secret only if private", key)
		}
	}
}
