package delivery

import (
	"maps"
	"strings"
	"testing"

	"averazure/internal/recorder"
)

// The ids and inputs of the written resources do not contain the owner. Only the provider's
// inputs do, and a change of them replaces nothing. So a resource that is not named for the
// owner would stay where it is.
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

// The variable is refused even if it names the configured owner: after a change of owner,
// the former owner's provider, which deletes, obeys the variable as well.
func TestVariableAboveTheOwnerIsRefused(t *testing.T) {
	for _, name := range []string{"GITHUB_OWNER", "GITHUB_ORGANIZATION"} {
		for _, value := range []string{"acme", "umbrella"} {
			t.Run(name+" "+value, func(t *testing.T) {
				t.Setenv(name, value)
				r := &recorder.Recorder{Preview: true}
				err := run(t, r, arguments(both))
				if err == nil || len(r.OfType(providerType)) > 0 {
					t.Fatalf("the variable is accepted: %v", err)
				}
				for _, part := range []string{"averazure:githubOwner", `"acme"`, name} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v\n does not name %s", err, part)
					}
				}
				if err := run(t, &recorder.Recorder{}, arguments(Config{})); err != nil {
					t.Errorf("no owner is configured: %v", err)
				}
			})
		}
	}
}
