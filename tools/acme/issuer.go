package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/core"
)

// takeIssuer replaces the issuer and the root that Pebble has made for itself with those of
// the directory. Pebble has no option for that, but it gives access to the keys and
// certificates that it signs with.
func takeIssuer(authority *ca.CAImpl, dir string) error {
	der, err := readPEM(filepath.Join(dir, "issuer.key"))
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return fmt.Errorf("issuer.key: %w", err)
	}
	if err := takeCertificate(authority.GetRootCert(0), filepath.Join(dir, "root.crt")); err != nil {
		return err
	}
	issuer := authority.GetIntermediateCert(0)
	if err := takeCertificate(issuer, filepath.Join(dir, "issuer.crt")); err != nil {
		return err
	}
	if public, ok := issuer.Cert.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("issuer.crt is not of issuer.key")
	}
	*authority.GetIntermediateKey(0) = *key
	return nil
}

func takeCertificate(kept *core.Certificate, file string) error {
	der, err := readPEM(file)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	kept.ID, kept.Cert, kept.DER = hex.EncodeToString(cert.SerialNumber.Bytes()), cert, der
	return nil
}

func readPEM(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", file)
	}
	return block.Bytes, nil
}
