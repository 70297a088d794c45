package delivery

import (
	"maps"
	"testing"

	"averazure/internal/recorder"
)

// An owner is in no id and no input of what is written, only in the provider's,
// which replaces nothing: what is not named for the owner would stay where it is.
func TestAnotherOwnerIsAnotherSet(t *testing.T) {
	made := func(owner string) map[string]bool {
		r := &recorder.Recorder{}
		if err := run(t, r, arguments(Config{GithubOwner: owner, CodeRepo: "code", StackRepo: "stack"})); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, token := range []string{providerType, secretType, variableType, deployKeyType, "tls:index/privateKey:PrivateKey"} {
			for _, res := range r.OfType(token) {
				names[res.URN] = true
			}
		}
		return names
	}
	acme := made("acme")
	for urn := range made("umbrella") {
		if acme[urn] {
			t.Errorf("%s is of both owners", urn)
		}
	}
	if !maps.Equal(acme, made("Acme")) {
		t.Error("Acme is another owner than acme, though not to GitHub")
	}
}
