package stackfile

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/docker/cli/cli/compose/convert"
)

const withSecrets = minimal + `    secrets: [token, other]
secrets:
  token: {external: true}
  other: {external: true, name: other-name}
`

func TestRequestSaysTheSameOnAManager(t *testing.T) {
	images := map[string]string{"api": "nginx" + digest}
	secrets := map[string]string{"token": "token-1", "other-name": "other-name-1", "unused": "unused-1"}
	file := load(t, withSecrets, "services:\n  api:\n    environment: {A: \"<\\n>\"}\n")
	sent, err := json.Marshal(file.Request(images, secrets))
	if err != nil {
		t.Fatal(err)
	}
	secrets["unused"] = "unused-2"
	if again, _ := json.Marshal(file.Request(images, secrets)); string(again) != string(sent) {
		t.Errorf("a secret that the file does not name changes the request:\n%s\n%s", sent, again)
	}
	request, err := ReadRequest("stdin", sent)
	if err != nil {
		t.Fatal(err)
	}
	received, err := request.File()
	if err != nil {
		t.Fatal(err)
	}
	here, err := file.Specs("s", images, secrets)
	if err != nil {
		t.Fatal(err)
	}
	there, err := received.Specs("s", request.Images, request.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	if indented(t, there) != indented(t, here) || !strings.Contains(indented(t, there), `"token-1"`) {
		t.Errorf("here\n%s\nthere\n%s", indented(t, here), indented(t, there))
	}
}

func TestReadRequestDistinguishesAStackFileFromARequest(t *testing.T) {
	for input, want := range map[string]string{
		minimal: minimal, "": "", "{": "{", `{"services": {}}`: `{"services": {}}`, "{stackctl: 1}": "{stackctl: 1}",
		` {"stackctl": 1, "files": [{"name": "a.yml", "text": "x"}]}`: "x",
	} {
		request, err := ReadRequest("stdin", []byte(input))
		if err != nil || len(request.Files) != 1 || request.Files[0].Text != want {
			t.Errorf("%q: %v, %v", input, request, err)
		}
	}
	for input, want := range map[string]string{
		`{"stackctl": 2}`:                 " 2, ",
		`{"stackctl": 1, "file": []}`:     `unknown field "file"`,
		`{"stackctl": "1", "files": []}`:  "stackctl",
		`{"stackctl": 1, "files": {"a"}}`: "",
	} {
		if _, err := ReadRequest("stdin", []byte(input)); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", input, err, want)
		}
	}
}

// A file can be converted in several goroutines at the same time.
func TestFileIsNotChangedByItsUse(t *testing.T) {
	file := load(t, withSecrets+`networks:
  default: {labels: {a: b}}
`, "services:\n  api:\n    labels: {a: b}\n    networks: {default: {aliases: [w, x, z]}}\n    deploy: {labels: {a: b}}\n    volumes: [\"data:/data\"]\nvolumes:\n  data: {labels: {a: b}}\n")
	want := indented(t, specs(t, file))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if got := indented(t, specs(t, file)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	group.Wait()
	if model := indented(t, file.model); strings.Contains(model, convert.LabelNamespace) {
		t.Errorf("the stack's name is left in the file:\n%s", model)
	}
}

func BenchmarkParseAndConvert(b *testing.B) {
	for b.Loop() {
		file, err := Load([]string{shipped}, given)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := file.Specs("aver", nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
