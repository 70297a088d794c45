package hosts

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// metadata runs the Python code of a node's metadata service and returns its answers.
type metadata struct {
	t        *testing.T
	identity string // the identity's file
}

func (m metadata) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "169.254.169.254" || r.Header.Get("Metadata") != "true" {
		return nil, fmt.Errorf("asked %s, headers %v", r.URL, r.Header)
	}
	cmd := exec.Command("python3", "-B", "-c", "import identity, json, sys, time; identity.IDENTITY = sys.argv[1]; print(json.dumps(identity.token(sys.argv[2], time.time())))",
		m.identity, r.URL.RequestURI())
	cmd.Dir = filepath.Join("images/node", libDir)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var answer []json.RawMessage
	if err := json.Unmarshal(out, &answer); err != nil || len(answer) != 2 {
		return nil, fmt.Errorf("%s: %v", out, err)
	}
	status := 0
	if err := json.Unmarshal(answer[0], &status); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(answer[1])), Request: r}, nil
}

// Azure's own library gets a token for a VM with an identity, and no token for a VM without
// one.
func TestMetadataServiceHandsOutTokens(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	file := filepath.Join(t.TempDir(), "identity.json")
	credential := func() *azidentity.ManagedIdentityCredential {
		made, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ClientOptions: policy.ClientOptions{Transport: metadata{t, file}, Retry: policy.RetryOptions{MaxRetries: -1}}})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	wanted := policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}}
	for _, none := range []string{"", `{"principal": "", "tenant": ""}`} {
		if none != "" {
			if err := os.WriteFile(file, []byte(none), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := credential().GetToken(context.Background(), wanted); err == nil || !strings.Contains(err.Error(), "Identity not found") {
			t.Errorf("%q: %v", none, err)
		}
	}
	text, _ := json.Marshal(Identity{Principal: "the-principal", Tenant: "the-tenant"})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := credential().GetToken(context.Background(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token.Token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) != 3 {
		t.Fatalf("%s: %v", token.Token, err)
	}
	var said struct{ Aud, Oid, Iss string }
	if err := json.Unmarshal(claims, &said); err != nil || said.Oid != "the-principal" || said.Aud != "https://storage.azure.com" || said.Iss != "https://sts.windows.net/the-tenant/" {
		t.Errorf("%s: %v", claims, err)
	}
}

// A VM that is not booted yet gets its identity when it boots. Removing the VM removes the
// identity.
func TestIdentityWaitsForItsMachine(t *testing.T) {
	r := room(t)
	fake := withEngine(t, r)
	fake.Answers["GET /containers/json"] = []any{}
	if err := r.Identify(context.Background(), "vm-1", Identity{Principal: "p", Tenant: "t"}); err != nil {
		t.Fatal(err)
	}
	if text, err := r.storedIdentity("vm-1"); err != nil || string(text) != `{"principal":"p","tenant":"t"}` {
		t.Errorf("%s, %v", text, err)
	}
	for range 2 {
		if err := r.dropIdentity("vm-1"); err != nil {
			t.Error(err)
		}
	}
	if text, err := r.storedIdentity("vm-1"); err != nil || text != nil {
		t.Errorf("%s, %v", text, err)
	}
}
