package images

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// tools/acme is the program that has a go.mod. It builds with its changes, as for its
// image. A change that does not fit its module is an error.
func TestTheAuthorityIsBuiltWithItsChanges(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no Go here")
	}
	p := Program{"averazure/tools", os.DirFS("../../tools"), "acme"}
	binary, err := p.build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(binary) == 0 {
		t.Error("nothing was built")
	}
	files, err := p.files()
	if err != nil {
		t.Fatal(err)
	}
	changes := files["acme/"+changesFile]
	for what, test := range map[string]struct{ text, want string }{
		"another version": {strings.Replace(string(changes), "Scheme: ", "Schema: ", 1), "0 times"},
		"no such module":  {strings.Replace(string(changes), "pebble/v2", "pebble/v9", 1), "pebble/v9"},
		"not JSON":        {"[", changesFile},
	} {
		dir := t.TempDir()
		if err := writeTree(dir, files); err != nil {
			t.Fatal(err)
		}
		files["acme/"+changesFile] = []byte(test.text)
		if err := p.changeModules(context.Background(), dir, files); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
}
