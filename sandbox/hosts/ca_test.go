package hosts

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func authorityIn(t *testing.T, dir string) *authority {
	t.Helper()
	ca, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestTheAuthorityIsMadeOnceAndItsKeyIsPrivate(t *testing.T) {
	dir := t.TempDir()
	first := authorityIn(t, dir)
	if string(authorityIn(t, dir).pem) != string(first.pem) {
		t.Error("the authority changes")
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its key: %v, %v", info.Mode(), err)
	}
}

func TestADamagedAuthorityIsReplaced(t *testing.T) {
	dir := t.TempDir()
	authorityIn(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ca := authorityIn(t, dir); !ca.cert.IsCA {
		t.Error("the certificate is not an authority")
	}
}

// registryAt serves an empty answer over TLS with a certificate for the address.
func registryAt(t *testing.T, ca *authority) *httptest.Server {
	t.Helper()
	certPEM, keyPEM, err := ca.issue("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTrustInTheAuthorityOpensTheRegistry(t *testing.T) {
	ca := authorityIn(t, t.TempDir())
	server := registryAt(t, ca)
	ctx := context.Background()
	if err := answers(ctx, trusting(ca), server.URL, http.StatusUnauthorized); err != nil {
		t.Error(err)
	}
	if err := answers(ctx, trusting(ca), server.URL, http.StatusOK); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("the error is %v", err)
	}
	stranger := authorityIn(t, t.TempDir())
	if err := answers(ctx, trusting(stranger), server.URL, http.StatusUnauthorized); err == nil {
		t.Error("another authority's registry is trusted")
	}
}

func TestTheRegistryGetsItsCertificateAndLogins(t *testing.T) {
	r := room(t)
	ca := authorityIn(t, t.TempDir())
	files, err := r.registryFiles(ca)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(files["/etc/registry/tls.crt"], files["/etc/registry/tls.key"]); err != nil {
		t.Error(err)
	}
	logins, err := r.RegistryLogins()
	if err != nil {
		t.Fatal(err)
	}
	users := func(file string) (names []string) {
		for line := range strings.Lines(string(files["/etc/registry/"+file])) {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
		return names
	}
	if got := users("writers"); !slices.Equal(got, []string{logins.Push.Username}) {
		t.Errorf("%q may write", got)
	}
	if got := users("readers"); !slices.Equal(got, []string{logins.Push.Username, logins.Pull.Username}) {
		t.Errorf("%q may read", got)
	}
	for _, content := range files {
		if strings.Contains(string(content), logins.Push.Password) || strings.Contains(string(content), logins.Pull.Password) {
			t.Error("a password stands in a file as it is")
		}
	}
}

// The form is that of `htpasswd -s`, which nginx reads.
func TestPasswordFile(t *testing.T) {
	if got := string(htpasswd(Login{"me", "password"}, Login{})); got != "me:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n" {
		t.Errorf("got %q", got)
	}
}

func TestACertificateIsForItsAddressAlone(t *testing.T) {
	ca := authorityIn(t, t.TempDir())
	certPEM, keyPEM, err := ca.issue("198.51.100.2")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if got := pair.Leaf.IPAddresses; len(got) != 1 || !got[0].Equal(net.IPv4(198, 51, 100, 2)) {
		t.Errorf("it is for %v", got)
	}
	if pair.Leaf.IsCA {
		t.Error("it may sign others")
	}
}

func TestTrustIsTakenBackWhereverItWasGiven(t *testing.T) {
	root := filepath.Join(t.TempDir(), "docker", "certs.d")
	ca := authorityIn(t, t.TempDir())
	r, other := room(t), room(t)
	other.Name, other.internet = "other", netip.MustParsePrefix("198.18.0.0/24")
	for _, sandbox := range []*Room{r, other} {
		if err := sandbox.trustHere(ca, root); err != nil {
			t.Fatal(err)
		}
	}
	r.internet = netip.MustParsePrefix("192.0.2.0/24") // the sandbox's internet has another range since then
	if err := r.distrustHere(root); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(left) != 2 || !strings.Contains(left[0], "198.18.0.2:5000") {
		t.Errorf("left are %v", left)
	}
	if err := other.distrustHere(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(root)); err == nil {
		t.Error("empty directories are left")
	}
}

func TestAnEmptyDirectoryThatIsNotOursStays(t *testing.T) {
	root := filepath.Join(t.TempDir(), "docker", "certs.d")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := room(t).distrustHere(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil {
		t.Error("it is gone")
	}
}
