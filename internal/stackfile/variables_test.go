package stackfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// image is the image of the service api for a text and variables, or the error with which
// it is refused.
func image(text string, variables map[string]string) (string, error) {
	file, err := Parse(Input{Files: []Source{{"a.yml", "services:\n  api:\n    image: 'nginx" + text + "'\n"}}, Variables: variables})
	if err != nil {
		return "", err
	}
	specs, err := file.Specs("s", nil, nil)
	return specs.Services["s_api"].TaskTemplate.ContainerSpec.Image, err
}

func TestVariables(t *testing.T) {
	set, empty, none := map[string]string{"TAG": "1"}, map[string]string{"TAG": ""}, map[string]string(nil)
	for _, test := range []struct {
		text      string
		variables map[string]string
		want      string // "" for a refusal
	}{
		{":${TAG}", set, ":1"}, {":$TAG", set, ":1"}, {":$TAG-a", set, ":1"}, {":$TAG-a", none, ":a"}, {":$TAG:?a", none, "!"}, {"${TAG}", empty, ""},
		{":${TAG}", none, ""}, {":$TAG", none, ""},
		{":${TAG:-2}", set, ":1"}, {":${TAG:-2}", empty, ":2"}, {":${TAG:-2}", none, ":2"},
		{":${TAG-2}", set, ":1"}, {"${TAG-:2}", empty, ""}, {":${TAG-2}", none, ":2"},
		{":${TAG:?why}", set, ":1"}, {":${TAG:?why}", empty, "!"}, {":${TAG:?why}", none, "!"},
		{":${TAG?why}", set, ":1"}, {"${TAG?why}", empty, ""}, {":${TAG?why}", none, "!"},
		{":${TAG:+2}", set, "!"}, {":${TAG+2}", set, "!"}, {":${tag}", set, "!"},
	} {
		got, err := image(test.text, test.variables)
		refused := err != nil && strings.HasPrefix(err.Error(), "a.yml:3: ")
		want := "nginx" + test.want
		if test.want == "" && got == "nginx:latest" {
			got = "nginx"
		}
		if test.want == "!" || err != nil {
			if !refused || test.want != "!" && (test.want != "" || test.variables != nil) {
				t.Errorf("%s with %v: got %q %v, want %q", test.text, test.variables, got, err, want)
			}
		} else if got != want {
			t.Errorf("%s with %v: got %q, want %q", test.text, test.variables, got, want)
		}
	}
}

// A variable of an environment that has no value takes the value of the stack's variable.
// With Docker it would take that of the shell.
func TestEnvironmentPassesOn(t *testing.T) {
	for _, text := range []string{"[A, B=b, C=]", "{A: , B: b, C: ''}"} {
		file, err := Parse(Input{Files: []Source{{"a.yml", minimal + "    environment: " + text + "\n"}}, Variables: map[string]string{"A": "a", "B": "x", "C": "c"}})
		if err != nil {
			t.Fatal(err)
		}
		got := specs(t, file).Services["s_api"].TaskTemplate.ContainerSpec.Env
		if want := []string{"A=a", "B=b", "C=c"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestVariablesAreBounded(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"a name": {"1A": ""}, "no name": {"": ""}, "a dash": {"A-B": ""}, "a long value": {"A": strings.Repeat("a", maxValue+1)},
		"many": many(maxVariables + 1),
	} {
		if _, err := Parse(Input{Files: []Source{{"a.yml", minimal}}, Variables: variables}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	bomb := minimal + "    command: '" + strings.Repeat("$A ", 1000) + "'\n"
	_, err := Parse(Input{Files: []Source{{"a.yml", bomb}}, Variables: map[string]string{"A": strings.Repeat("a", maxValue)}})
	if !hasWords(errorText(err), "a.yml:4: A "+fmt.Sprint(maxText)) {
		t.Errorf("a bomb: %v", err)
	}
}

func many(n int) map[string]string {
	variables := map[string]string{}
	for i := range n {
		variables["A"+strings.Repeat("a", i%90)+string(rune('A'+i/90))] = ""
	}
	return variables
}
