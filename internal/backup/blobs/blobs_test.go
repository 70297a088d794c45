package blobs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"averazure/internal/backup"
)

const (
	account = "averbackup"
	holder  = "backups"
	address = "https://" + account + ".blob.core.windows.net/" + holder
)

// azurite is the variable that names the program azurite-blob of Azurite (npm, package
// azurite). With it the store is tested against a blob service that this project did not
// write. `make test-long` has one; without it these tests are skipped.
const azurite = "AVERAZURE_AZURITE"

// service starts Azurite with TLS and with Entra tokens, which Azurite reads and does not
// verify.
func service(t *testing.T) *http.Client {
	t.Helper()
	program := os.Getenv(azurite)
	if program == "" {
		t.Skip("needs Azurite: make test-long runs it")
	}
	dir := t.TempDir()
	roots := certificate(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	listener.Close()
	key := make([]byte, 64)
	_, _ = rand.Read(key)
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, program, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", dir, "--silent", "--disableTelemetry",
		"--oauth", "basic", "--cert", filepath.Join(dir, "cert.pem"), "--key", filepath.Join(dir, "key.pem"))
	server.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+account+":"+base64.StdEncoding.EncodeToString(key))
	var said bytes.Buffer
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = server.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}
	client := &http.Client{Transport: transport}
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		answer, err := client.Get(address)
		if err == nil {
			answer.Body.Close()
			return client
		}
		if time.Now().After(end) {
			t.Fatalf("Azurite does not answer: %v\n%s", err, &said)
		}
	}
}

// certificate writes a certificate for the account's name, and returns the authorities that
// a client has to trust.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{account + ".blob.core.windows.net"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return roots
}

// token is a credential that returns a token like the metadata service's.
type token struct{ audience string }

func (t token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	now, end := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	part := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	tenant := "3f0e6b1c-9d52-4a7c-8a8e-0d7b4f6f2f10"
	text := part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{"aud": t.audience, "iss": "https://sts.windows.net/" + tenant + "/",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": end.Unix(), "oid": tenant, "tid": tenant}) + "." + part("unsigned")
	return azcore.AccessToken{Token: text, ExpiresOn: end}, nil
}

const storage = "https://storage.azure.com/"

func TestAzurite(t *testing.T) {
	client := service(t)
	opened, err := open(address, token{storage}, client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.List(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "404 ContainerNotFound; `pulumi up`") {
		t.Errorf("without a container: %v", err)
	}
	if _, err := opened.(*store).client.CreateContainer(t.Context(), holder, nil); err != nil {
		t.Fatal(err)
	}
	other, err := open(address, token{"https://vault.azure.net"}, client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.List(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "`pulumi up --refresh`") {
		t.Errorf("a token for something else: %v", err)
	}
	t.Run("one", func(t *testing.T) { roundTrip(t, opened) })
	t.Run("many", func(t *testing.T) { pages(t, opened) })
}

// night is the time at which the backups of these tests were made.
var night = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// roundTrip writes and reads contents of no block, of one block and of several blocks.
func roundTrip(t *testing.T, opened backup.Store) {
	for i, size := range []int{0, 100, blockSize, 3*blockSize + 12345} {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		name := backup.Name{Kind: backup.Volume, Of: "data", Host: "aver-manager", Time: night.AddDate(0, 0, i)}.String()
		if err := opened.Put(t.Context(), name, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		back, err := opened.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(back)
		if back.Close(); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
		if err := opened.Put(t.Context(), name, strings.NewReader("other")); err == nil {
			t.Errorf("%d bytes: it was written over", size)
		}
	}
	failing := io.MultiReader(bytes.NewReader(make([]byte, 2*blockSize)), broken{})
	if err := opened.Put(t.Context(), "volume/half/h/20260301T020000Z.age", failing); err == nil {
		t.Error("half of it was taken")
	}
	list, err := backup.List(t.Context(), opened, "")
	if err != nil || len(list) != 4 || list[3].Of != "data" || list[0].Size != 3*blockSize+12345 {
		t.Fatalf("%v, %v", list, err)
	}
	for range 2 { // deleting a blob that does not exist is not an error
		if err := opened.Delete(t.Context(), list[0].String()); err != nil {
			t.Error(err)
		}
	}
	if _, err := opened.Get(t.Context(), list[0].String()); err == nil {
		t.Error("it was deleted, and is there")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// pages lists more blobs than Azure lists in one page, which is 5000.
func pages(t *testing.T, opened backup.Store) {
	page := int32(7)
	var want []string
	for i := range 20 {
		name := fmt.Sprintf("many/%02d", i)
		want = append(want, name)
		if err := opened.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	a := *opened.(*store)
	a.page = &page
	found, err := a.List(t.Context(), "many/")
	var got []string
	for _, one := range found {
		got = append(got, one.Name)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "backups", "http://a.blob.core.windows.net/b", "https://a.blob.core.windows.net", "https://a.blob.core.windows.net/b/c", "https:///b", "://"} {
		if _, err := open(bad, token{storage}, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := Open(address); err != nil {
		t.Error(err)
	}
}
