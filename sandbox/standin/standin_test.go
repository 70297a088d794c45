package standin_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	entry = "averazure/sandbox/standin"
	parts = entry + "/internal/"
)

// users are the packages that may import the entry package. The compiler prevents them and
// all others outside this directory from importing the internal parts.
var users = []string{"averazure/sandbox", "averazure/sandbox/hosts", "averazure/sandbox/workspace", "averazure/e2e/turns"}

// needs are the packages of this repository that the stand-ins may import.
var needs = []string{"averazure/sandbox/engine", "averazure/sandbox/engine/enginetest", "averazure/sandbox/images", "averazure/sandbox/plugin", "averazure/sandbox/plugin/plugintest"}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func (l listed) all() []string { return slices.Concat(l.Imports, l.TestImports, l.XTestImports) }

func TestOnlyThisPackageImportsTheStandIns(t *testing.T) {
	for _, p := range packages(t) {
		inside := p.ImportPath == entry || strings.HasPrefix(p.ImportPath, parts)
		for _, path := range p.all() {
			switch own := path == entry || strings.HasPrefix(path, parts); {
			case inside && !own && strings.HasPrefix(path, "averazure/") && !slices.Contains(needs, path):
				t.Errorf("%s imports %s: a stand-in may need %q only", p.ImportPath, path, needs)
			case !inside && own && !slices.Contains(users, p.ImportPath):
				t.Errorf("%s imports %s: only %q may", p.ImportPath, path, users)
			}
		}
	}
}

func packages(t *testing.T) (all []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "averazure/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
