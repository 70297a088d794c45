package blobs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
)

const (
	writer  = "11111111-0000-4000-8000-000000000001"
	reader  = "22222222-0000-4000-8000-000000000002"
	nobody  = "33333333-0000-4000-8000-000000000003"
	account = "averbk"
)

var now = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// tokenOf is a token like the metadata service's.
func tokenOf(audience, object string, end time.Time) string {
	part := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]any{"alg": "none"}) + "." + part(map[string]any{"aud": audience, "oid": object, "exp": end.Unix(), "nbf": end.Unix() - 9999, "iat": end.Unix() - 9999,
		"iss": "https://sts.windows.net/" + nobody + "/", "tid": nobody}) + "." + part("none")
}

func bearer(object string) string {
	return "Bearer " + tokenOf(audience+"/", object, now.Add(time.Hour))
}

// tableFile holds one container with a writer and a reader.
func tableFile(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(Table{Containers: []Container{{Account: account, Name: "backups", Store: "store-1", Writers: []string{writer}, Readers: []string{strings.ToUpper(reader)}}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "table.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// behind takes Azurite's place and records the requests that reach it.
type behind struct {
	mu   sync.Mutex
	asks []string
}

func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asks = append(b.asks, r.Method+" "+r.URL.RequestURI())
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("x-ms-request-id", "1")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body)
}

func front(t *testing.T) (*Service, *behind) {
	t.Helper()
	b := &behind{}
	azurite := httptest.NewTLSServer(b)
	t.Cleanup(azurite.Close)
	address, _ := url.Parse(azurite.URL)
	return &Service{Table: tableFile(t), Azurite: address, Client: azurite.Client(), Now: func() time.Time { return now }}, b
}

func ask(s *Service, method, host, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://"+host+path, strings.NewReader("content"))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestRightsOfEachRole(t *testing.T) {
	const host, blob = account + "." + Domain, "/backups/swarm/a.age"
	for what, test := range map[string]struct {
		method, host, path, authorization string
		status                            int
		code                              string
	}{
		"a writer writes":             {"PUT", host, blob, bearer(writer), 201, ""},
		"a writer reads":              {"GET", host, blob, bearer(writer), 201, ""},
		"with a port":                 {"GET", host + ":443", blob, bearer(writer), 201, ""},
		"a reader reads":              {"HEAD", host, blob, bearer(reader), 201, ""},
		"a reader writes":             {"PUT", host, blob, bearer(reader), 403, "AuthorizationPermissionMismatch"},
		"a reader deletes":            {"DELETE", host, blob, bearer(reader), 403, "AuthorizationPermissionMismatch"},
		"somebody reads":              {"GET", host, blob, bearer(nobody), 403, "AuthorizationPermissionMismatch"},
		"somebody, of what is not":    {"GET", host, "/other/x", bearer(nobody), 403, "AuthorizationPermissionMismatch"},
		"a container that is not":     {"GET", host, "/other/x", bearer(writer), 404, "ContainerNotFound"},
		"another account":             {"GET", "other." + Domain, blob, bearer(writer), 404, "ContainerNotFound"},
		"another service":             {"GET", account + ".queue.core.windows.net", blob, bearer(writer), 404, "ContainerNotFound"},
		"a writer makes a container":  {"PUT", host, "/backups?restype=container", bearer(writer), 403, "AuthorizationPermissionMismatch"},
		"a writer lists":              {"GET", host, "/backups?restype=container&comp=list", bearer(writer), 201, ""},
		"without a token":             {"GET", host, blob, "", 401, "NoAuthenticationInformation"},
		"with a key":                  {"GET", host, blob, "SharedKey " + account + ":abc", 403, "KeyBasedAuthenticationNotPermitted"},
		"with a word":                 {"GET", host, blob, "Bearer word", 401, "InvalidAuthenticationInfo"},
		"for something else":          {"GET", host, blob, "Bearer " + tokenOf("https://vault.azure.net", writer, now.Add(time.Hour)), 401, "InvalidAuthenticationInfo"},
		"with a token that is over":   {"GET", host, blob, "Bearer " + tokenOf(audience, writer, now), 401, "InvalidAuthenticationInfo"},
		"a password instead of token": {"GET", host, blob, "Basic abc", 401, "InvalidAuthenticationInfo"},
	} {
		s, b := front(t)
		w := ask(s, test.method, test.host, test.path, test.authorization)
		if w.Code != test.status || w.Header().Get("x-ms-error-code") != test.code {
			t.Errorf("%s: %d %s", what, w.Code, w.Header().Get("x-ms-error-code"))
		}
		if refused := test.code != ""; refused != (len(b.asks) == 0) {
			t.Errorf("%s: Azurite was asked %v", what, b.asks)
		}
	}
}

// The first request creates the container in Azurite, under another name.
func TestContainersOfAzurite(t *testing.T) {
	s, b := front(t)
	for range 2 {
		ask(s, "PUT", account+"."+Domain, "/backups/volume/a%20b?comp=block&blockid=x%3D", bearer(writer))
	}
	want := "[PUT /devstoreaccount1/store-1?restype=container PUT /devstoreaccount1/store-1/volume/a%20b?comp=block&blockid=x%3D PUT /devstoreaccount1/store-1/volume/a%20b?comp=block&blockid=x%3D]"
	if got := fmt.Sprint(b.asks); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestATableThatCannotBeRead(t *testing.T) {
	s, b := front(t)
	if err := os.WriteFile(s.Table, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := ask(s, "GET", account+"."+Domain, "/backups/x", bearer(writer)); w.Code != 500 || len(b.asks) != 0 {
		t.Errorf("%d, asked %v", w.Code, b.asks)
	}
	s.Table = filepath.Join(t.TempDir(), "none")
	if w := ask(s, "GET", account+"."+Domain, "/backups/x", bearer(writer)); w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
}

func TestSourcesHoldTheProgram(t *testing.T) {
	if _, err := Sources.ReadFile("server/main.go"); err != nil {
		t.Error(err)
	}
}

// credential issues tokens of one principal.
type credential string

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	end := time.Now().Add(time.Hour)
	return azcore.AccessToken{Token: tokenOf(audience, string(c), end), ExpiresOn: end}, nil
}

// Azure's own SDK writes, lists and reads through the service, with Azurite behind it.
func TestAzuriteBehindTheService(t *testing.T) {
	program := os.Getenv("AVERAZURE_AZURITE")
	if program == "" {
		t.Skip("needs Azurite: make test-long runs it")
	}
	dir := t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	writePair(t, dir, server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(at)
	ctx, stop := context.WithCancel(context.Background())
	var said bytes.Buffer
	azurite := exec.CommandContext(ctx, program, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", dir, "--silent", "--disableTelemetry", "--skipApiVersionCheck",
		"--oauth", "basic", "--cert", filepath.Join(dir, "cert.pem"), "--key", filepath.Join(dir, "key.pem"))
	azurite.Stdout, azurite.Stderr = &said, &said
	if err := azurite.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = azurite.Wait() })
	inside := server.Client()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		answer, err := inside.Get("https://" + at)
		if err == nil {
			answer.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("Azurite does not answer: %v\n%s", err, &said)
		}
	}
	server.Config.Handler = &Service{Table: tableFile(t), Azurite: &url.URL{Scheme: "https", Host: at}, Client: inside}
	outside := &http.Client{Transport: &http.Transport{TLSClientConfig: inside.Transport.(*http.Transport).TLSClientConfig.Clone(),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}}}
	outside.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com" // httptest's certificate
	client := func(principal string) *azblob.Client {
		made, err := azblob.NewClient("https://"+account+"."+Domain+"/", credential(principal), &azblob.ClientOptions{ClientOptions: policy.ClientOptions{Transport: outside, Retry: policy.RetryOptions{MaxRetries: -1}}})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // several blocks
	if _, err := client(writer).UploadStream(t.Context(), "backups", "volume/a/b", bytes.NewReader(content), &azblob.UploadStreamOptions{BlockSize: 1 << 20, Concurrency: 2}); err != nil {
		t.Fatal(err)
	}
	page, err := client(reader).NewListBlobsFlatPager("backups", nil).NextPage(t.Context())
	if err != nil || len(page.Segment.BlobItems) != 1 || *page.Segment.BlobItems[0].Name != "volume/a/b" {
		t.Fatalf("%+v, %v", page, err)
	}
	answer, err := client(reader).DownloadStream(t.Context(), "backups", "volume/a/b", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := client(reader).DeleteBlob(t.Context(), "backups", "volume/a/b", nil); err == nil || !strings.Contains(err.Error(), "AuthorizationPermissionMismatch") {
		t.Error(err)
	}
	if _, err := client(writer).DeleteBlob(t.Context(), "backups", "volume/a/b", nil); err != nil {
		t.Error(err)
	}
}
