package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"averazure/sandbox/blobs"
)

// Azurite is downloaded only if there is a container.
func TestNoContainersMakeNoBlobService(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	if err := r.Blobs(context.Background(), blobs.Table{}); err != nil {
		t.Fatal(err)
	}
	if table, err := blobs.ReadTable(filepath.Join(r.blobsDir(), "table.json")); err != nil || len(table.Containers) != 0 {
		t.Errorf("%+v, %v", table, err)
	}
	if len(fake.Changes) != 0 {
		t.Errorf("the engine was asked %v", fake.Changes)
	}
}

func TestBlobImage(t *testing.T) {
	rec := blobsRecipe()
	text := string(rec.Files["Dockerfile"])
	if !strings.Contains(text, "azurite@${AZURITE}") || rec.Args["AZURITE"] != azuriteVersion || rec.Args["NPM_REGISTRY"] == "" {
		t.Errorf("args %v of\n%s", rec.Args, text)
	}
	if strings.Count(text, "FROM ${BASE}") != 2 || !strings.Contains(text, "COPY --from=npm") {
		t.Errorf("npm goes into the image:\n%s", text)
	}
	if _, err := os.Stat("../blobs/server/main.go"); err != nil {
		t.Error(err)
	}
}

// The certificate is valid for every account, and VMs trust it.
func TestCertificateOfTheAccounts(t *testing.T) {
	ca := authorityIn(t, t.TempDir())
	cert, key, err := ca.issueName("*." + blobs.Domain)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"averbk12.blob.core.windows.net": true, "averbk12.queue.core.windows.net": false} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
