package infra

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// defaultPackage matches a service's package without an API version. A single import of one
// costs gigabytes of compiler memory: docs/decisions/0001.
var defaultPackage = regexp.MustCompile(`^github\.com/pulumi/pulumi-azure-native-sdk/(\w+)/v2$`)

func TestAzurePackagesAreImportedByVersion(t *testing.T) {
	for _, dir := range []string{"..", "../infra", "../cluster", "../stack", "../delivery", "../internal/*"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				if service := defaultPackage.FindStringSubmatch(path); service != nil && service[1] != "resources" {
					t.Errorf("%s imports all of Azure's %s API; import it by version", file, service[1])
				}
			}
		}
	}
}
