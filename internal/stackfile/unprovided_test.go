package stackfile

import (
	"strings"
	"testing"
)

func TestASecretThatNothingProvidesIsAnError(t *testing.T) {
	file := load(t, `services:
  api:
    image: nginx
    secrets: [azure_tenant_id, other, {source: key, target: /key}]
secrets:
  azure_tenant_id: {external: true}
  other: {external: true, name: byhand}
  key: {external: true, name: tls.key}
  unused: {external: true}
`)
	got := file.Unprovided([]string{"azure_tenant_id"})
	if len(got) != 2 {
		t.Fatalf("got %q", got)
	}
	for i, want := range []string{`a.yml:8:|averazure:secrets["tls.key"]`, "a.yml:7:|averazure:secrets.byhand"} {
		for _, part := range strings.Split(want, "|") {
			if !strings.Contains(got[i].Error(), part) {
				t.Errorf("%q is not in %q", part, got[i])
			}
		}
	}
	if got := file.Unprovided([]string{"azure_tenant_id", "byhnd", "tls.key"}); len(got) != 1 || !strings.Contains(got[0].Error(), "did you mean byhnd?") {
		t.Errorf("of one that is spelt otherwise: %q", got)
	}
	if got := file.Unprovided([]string{"azure_tenant_id", "byhand", "tls.key"}); len(got) > 0 {
		t.Errorf("with all of them: %q", got)
	}
}
