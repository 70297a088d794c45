package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"averazure/internal/recorder"
	"averazure/internal/settings"
)

// hasWords tells whether a message has each of the words: a key, a place, a value.
func hasWords(text, words string) bool {
	return !slices.ContainsFunc(strings.Fields(words), func(word string) bool { return !strings.Contains(text, word) })
}

// Registry logins that work, but are probably not intended, lead to a warning.
func TestRegistryLoginsAreWarnedOf(t *testing.T) {
	for name, test := range map[string]struct {
		config  map[string]string
		warning string
		warned  bool
	}{
		"nobody pulls":          {map[string]string{"githubOwner": "your-org", "stackRepo": "stack", "registryUsername": "", "registryToken": ""}, "averazure:registryUsername: stack-repo", true},
		"somebody does":         {map[string]string{"githubOwner": "your-org", "stackRepo": "stack"}, "averazure:registryUsername: ", false},
		"a workflow's own push": {map[string]string{"githubOwner": "your-org", "codeRepo": "code", "registryUsername": "", "registryToken": ""}, "averazure:registryUsername: ", false},
		"nobody pushes": {map[string]string{"githubOwner": "your-org", "codeRepo": "code", "registryServer": "registry.example", "registryUsername": "", "registryToken": "",
			"registryPullUsername": "reader", "registryPullToken": "token-that-pulls"}, "averazure:registryUsername: code-repo", true},
		"one token for all":     {nil, "averazure:registryPullToken: ", true},
		"a token to pull":       {map[string]string{"registryPullToken": "token-that-pulls"}, "averazure:registryPullToken: ", false},
		"another owner's image": {map[string]string{"githubOwner": "other-org", "codeRepo": "code"}, "averazure:appImage: ", true},
		"the owner's image":     {map[string]string{"githubOwner": "Acme", "codeRepo": "code", "appImage": "acme/api"}, "averazure:appImage: ", false},
		"a placeholder":         {nil, "averazure:appImage: ghcr.io/your-org/aver-api", true},
		"no image built":        {map[string]string{"appContext": ""}, "averazure:appImage: ", false},
	} {
		config := shipped(t, "dev")
		for key, value := range test.config {
			config[settings.Name(key)] = value
		}
		r, err := record(t, config, nil)
		if err != nil {
			t.Fatal(err)
		}
		if warned := slices.ContainsFunc(r.Logs(), func(line string) bool { return hasWords(line, test.warning) }); warned != test.warned {
			t.Errorf("%s: warned of %q is %v:\n%s", name, test.warning, warned, strings.Join(r.Logs(), "\n"))
		}
	}
}

// Only the build gets the token that pushes an image. The token that a node keeps on its
// disk, and that others read from the outputs, can only pull.
func TestNoNodeGetsTheTokenThatPushes(t *testing.T) {
	config := shipped(t, "dev")
	config["averazure:registryPullToken"], config["averazure:registryPullUsername"] = "token-that-pulls", "puller"
	r, err := record(t, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	pulls := 0
	for _, res := range r.Resources() {
		inputs := fmt.Sprint(res.Inputs)
		if pushes := strings.Contains(inputs, "token-of-the-registry"); pushes != strings.HasPrefix(res.Type, "docker:") {
			t.Errorf("%s %s has the token that pushes: %v", res.Type, res.Name, pushes)
		}
		if strings.Contains(inputs, "token-that-pulls") {
			pulls++
		}
	}
	if pulls == 0 {
		t.Error("nobody has the token that pulls")
	}
	if got := recorder.At(r.Exports(), "registryToken"); got != "token-that-pulls" {
		t.Error("the output registryToken is not the one that pulls")
	}
	if got := recorder.At(r.Exports(), "registryUsername"); got != "puller" {
		t.Errorf("the output registryUsername is %v", got)
	}
}
