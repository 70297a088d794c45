package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"
)

const entry = "aver.westeurope.cloudapp.azure.com"

// TestACertificateAndItsAccountOutliveARestart gets a certificate by HTTP-01 as the edge
// does, restarts the authority, and gets another certificate with the same account.
func TestACertificateAndItsAccountOutliveARestart(t *testing.T) {
	orderTime = 0
	dir, roots := issuerDir(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	site := &solver{}
	web := httptest.NewServer(site)
	t.Cleanup(web.Close)
	port := web.Listener.Addr().(*net.TCPAddr).Port
	var before string
	for run := range 2 {
		handler, err := serve(dir, nameServer(t), port, 1)
		if err != nil {
			t.Fatal(err)
		}
		authority := httptest.NewTLSServer(handler) // Pebble itself requires https
		client := &acme.Client{Key: key, DirectoryURL: authority.URL + "/dir", HTTPClient: authority.Client()}
		account, err := client.Register(t.Context(), &acme.Account{}, acme.AcceptTOS)
		if run == 1 && err == acme.ErrAccountAlreadyExists {
			account, err = client.GetReg(t.Context(), "")
		}
		if err != nil {
			t.Fatal(err)
		}
		id := filepath.Base(account.URI)
		if run == 1 && id != before {
			t.Errorf("after a restart the account is %s, before it %s", id, before)
		}
		before = id
		verify(t, roots, order(t, client, site))
		authority.Close()
	}
}

// order gets a certificate for the entry and returns its chain.
func order(t *testing.T, client *acme.Client, site *solver) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	placed, err := client.AuthorizeOrder(ctx, acme.DomainIDs(entry))
	if err != nil {
		t.Fatal(err)
	}
	authorization, err := client.GetAuthorization(ctx, placed.AuthzURLs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type == "http-01" {
			site.path = client.HTTP01ChallengePath(challenge.Token)
			site.answer, _ = client.HTTP01ChallengeResponse(challenge.Token)
			if _, err := client.Accept(ctx, challenge); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := client.WaitOrder(ctx, placed.URI); err != nil {
		t.Fatal(err)
	}
	if !site.asked {
		t.Error("the authority did not look at the name's port before it gave a certificate")
	}
	site.asked = false
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{entry}}, key)
	if err != nil {
		t.Fatal(err)
	}
	// Its error is ignored: after the request it waits at an address that Pebble's answer
	// does not contain.
	client.CreateOrderCert(ctx, placed.FinalizeURL, request, true)
	placed, err = client.WaitOrder(ctx, placed.URI)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := client.FetchCert(ctx, placed.CertURL, true)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func verify(t *testing.T, roots *x509.CertPool, chain [][]byte) {
	t.Helper()
	between := x509.NewCertPool()
	var leaf *x509.Certificate
	for i, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			leaf = cert
		} else {
			between.AddCert(cert)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: entry, Roots: roots, Intermediates: between}); err != nil {
		t.Error(err)
	}
}

// solver is the site that answers the authority's question.
type solver struct {
	path, answer string
	asked        bool
}

func (s *solver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == s.path && r.Host == net.JoinHostPort(entry, strconv.Itoa(r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).Port)) {
		s.asked = true
		w.Write([]byte(s.answer))
	}
}

// nameServer answers every question for an address with this machine's, over TCP.
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, asked *dns.Msg) {
		answer := new(dns.Msg).SetReply(asked)
		if question := asked.Question[0]; question.Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		w.WriteMsg(answer)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return listener.Addr().String()
}

// issuerDir is a directory as the sandbox makes it, and the root in it.
func issuerDir(t *testing.T) (string, *x509.CertPool) {
	t.Helper()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuerKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := authority(t, "root", nil, rootKey, rootKey)
	issuer := authority(t, "issuer", root, issuerKey, rootKey)
	dir := t.TempDir()
	for file, block := range map[string]*pem.Block{
		"root.crt":   {Type: "CERTIFICATE", Bytes: root.Raw},
		"issuer.crt": {Type: "CERTIFICATE", Bytes: issuer.Raw},
		"issuer.key": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(issuerKey)},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return dir, roots
}

func authority(t *testing.T, name string, parent *x509.Certificate, key crypto.Signer, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
