package tls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// outputs are the encodings of a key pair.
var outputs = []resource.PropertyKey{
	"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh",
	"publicKeyPem", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256",
}

// keyPair is a private key and its public key in PKIX form.
type keyPair struct {
	private crypto.Signer
	der     []byte
}

func generate(algorithm string, bits int, curve string) (*keyPair, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case "RSA":
		private, err = rsa.GenerateKey(rand.Reader, bits)
	case "ECDSA":
		private, err = ecdsa.GenerateKey(map[string]elliptic.Curve{
			"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
		}[curve], rand.Reader)
	case "ED25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("algorithm %q: not one of RSA, ECDSA, ED25519", algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", algorithm, err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	return &keyPair{private, der}, err
}

// encode returns every output. Outputs for which OpenSSH has no form (P224) are empty.
func (k *keyPair) encode() (map[resource.PropertyKey]string, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	block, err := k.traditional(pkcs8)
	if err != nil {
		return nil, err
	}
	out := map[resource.PropertyKey]string{
		"privateKeyPem":      string(pem.EncodeToMemory(block)),
		"privateKeyPemPkcs8": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		"publicKeyPem":       string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})),
	}
	public, err := ssh.NewPublicKey(k.private.Public())
	if err != nil { // P224
		return out, nil
	}
	openssh, err := ssh.MarshalPrivateKey(k.private, "")
	if err != nil {
		return nil, err
	}
	out["privateKeyOpenssh"] = string(pem.EncodeToMemory(openssh))
	out["publicKeyOpenssh"] = string(ssh.MarshalAuthorizedKey(public)) // ends with a newline, as in the original
	out["publicKeyFingerprintMd5"] = ssh.FingerprintLegacyMD5(public)
	out["publicKeyFingerprintSha256"] = ssh.FingerprintSHA256(public)
	return out, nil
}

// traditional is the PEM form from before PKCS#8, if the algorithm has one.
func (k *keyPair) traditional(pkcs8 []byte) (*pem.Block, error) {
	switch key := k.private.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}, nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, err
	default:
		return &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}, nil
	}
}
