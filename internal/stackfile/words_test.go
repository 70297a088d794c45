package stackfile

import (
	"strings"
	"testing"
)

// TestUnknownKeysHaveASuggestion expects one at every depth, but only if a known key is
// similar.
func TestUnknownKeysHaveASuggestion(t *testing.T) {
	service := func(line string) string { return "services:\n  api:\n    image: nginx\n    " + line + "\n" }
	for text, want := range map[string]string{
		service("enviroment: {A: b}"):                           "stack.yml:4: environment",
		service("deploy: {replica: 3}"):                         "stack.yml:4: replicas",
		service("deploy: {update_config: {paralelism: 3}}"):     "stack.yml:4: parallelism",
		service("healthcheck: {intervall: 3s}"):                 "stack.yml:4: interval",
		service("ports: [{targt: 80}]"):                         "stack.yml:4: target",
		service("hostname: a\nsecrets:\n  a: {externel: true}"): "stack.yml:6: external",
		service("hostname: a\nnetwork: {}"):                     "stack.yml:5: networks",
		service("replica: 3"):                                   "stack.yml:4: deploy.replicas",
		service("develop: {}"):                                  "stack.yml:4: ",
		service("zzz: 1"):                                       "stack.yml:4: ",
	} {
		_, err := Parse(Input{Files: []Source{{"stack.yml", text}}})
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		place, best := err.Error(), ""
		words := strings.Fields(place)
		if last, ok := strings.CutSuffix(words[len(words)-1], "?"); ok {
			best = last
		}
		if words[0]+" "+best != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestATabIsReportedWithItsLine expects the line of a tab wherever YAML does not allow one.
// Elsewhere a tab is as good as a space, or belongs to a text.
func TestATabIsReportedWithItsLine(t *testing.T) {
	for text, line := range map[string]string{
		"services:\n  api:\n\timage: nginx\n":                                            "3",
		"services:\n\tapi:\n    image: nginx\n":                                          "2",
		"services:\n  api:\n    image: nginx\n  \tports: []\n":                           "4",
		"services:\n  api:\n    image: nginx\n    ports:\n      -\t\"80:80\"\n":          "5",
		"services:\n  api:\n    image: nginx\n    ports:\n    \t- \"80:80\"\n":           "5",
		"services:\n  api:\n    image: nginx\n\n\t\n    hostname: x\n":                   "5",
		"services:\n  api:\n    image: nginx\n    environment:\n      A: |\n      \tb\n": "6",
		"services:\n  api:\n    image:\tnginx\n":                                         "",
		"services:\n  api:\n    image: nginx\n    command: |\n      a\n      \tb\n":      "",
	} {
		_, err := Parse(Input{Files: []Source{{"stack.yml", text}}})
		switch {
		case line == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case line != "" && (err == nil || !strings.HasPrefix(err.Error(), "stack.yml:"+line+": ") || !strings.Contains(err.Error(), " tab ")):
			t.Errorf("%q: %v, want line %s", text, err, line)
		}
	}
	if _, err := Parse(Input{Files: []Source{{"stack.yml", "services:\n  api:\n    image: @x\n"}}}); err == nil || strings.Contains(err.Error(), " tab ") {
		t.Errorf("without a tab: %v", err)
	}
}
