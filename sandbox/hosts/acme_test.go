package hosts

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"averazure/sandbox/images"
)

func TestTheIssuerStaysAsLongAsTheRoot(t *testing.T) {
	r := room(t)
	first := authorityIn(t, t.TempDir())
	read := func(ca *authority) string {
		t.Helper()
		if err := r.ensureIssuer(ca); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(r.issuerDir(), "issuer.crt"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if err := cert.CheckSignatureFrom(ca.cert); err != nil {
			t.Error(err)
		}
		root, err := os.ReadFile(r.RootFile())
		if err != nil || string(root) != string(ca.pem) {
			t.Errorf("the root that users take is not the one above the issuer: %v", err)
		}
		return string(text)
	}
	issuer := read(first)
	if read(first) != issuer {
		t.Error("the second run makes another issuer under the same root")
	}
	if read(authorityIn(t, t.TempDir())) == issuer {
		t.Error("the issuer is still that of a root which is gone")
	}
}

func TestAnAuthorityIsReplacedOnlyIfUnusable(t *testing.T) {
	ca := authorityIn(t, t.TempDir())
	for name, test := range map[string]struct {
		change func(*container.Summary)
		kept   bool
	}{
		"runs":             {func(*container.Summary) {}, true},
		"stands still":     {func(c *container.Summary) { c.State = container.StateExited }, false},
		"of another image": {func(c *container.Summary) { c.Image = "other" }, false},
		"of another root":  {func(c *container.Summary) { c.Labels[labelCA] = "other" }, false},
	} {
		r := room(t)
		r.toolsDir = "../../tools"
		fake := withEngine(t, r)
		rec := r.acmeRecipe()
		key, err := rec.Key("base")
		if err != nil {
			t.Fatal(err)
		}
		ref := images.Ref(rec.Kind, key)
		found := container.Summary{ID: "c1", Image: ref, State: container.StateRunning, Labels: map[string]string{labelCA: ca.fingerprint()}}
		test.change(&found)
		fake.Answers["GET /images/"+ref+"/json"] = map[string]string{"Id": "i1"}
		fake.Answers["GET /containers/json"] = []container.Summary{found}
		fake.Failing["POST /containers/create"] = 500 // the test ends here
		err = r.ensureACME(context.Background(), ca, images.Base{Key: "base"})
		if _, removed := fake.Changed("DELETE /containers/c1"); removed == test.kept || (err == nil) != test.kept {
			t.Errorf("%s: removed %v, %v", name, removed, err)
		}
	}
}

func TestAMachineKnowsItsWayToTheAuthority(t *testing.T) {
	r := room(t)
	route := string(r.acmeRoute())
	if n := strings.Count(route, "ip daddr "+acmeAddress+" dnat to "+r.acmeHost()); n != 2 {
		t.Errorf("%d ways lead from %s to %s in\n%s", n, acmeAddress, r.acmeHost(), route)
	}
	if want := "http://" + acmeAddress + "/dir"; r.ACMEServer() != want {
		t.Errorf("the directory is at %s, want %s", r.ACMEServer(), want)
	}
}
