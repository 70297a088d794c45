package stackfile

import (
	"path/filepath"
	"testing"
)

// What Docker itself makes of these files is compared in e2e/stackfile_test.go.
func TestEveryStackOfTheTestsIsTaken(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "stacks", "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, paths)
	}
	for _, path := range paths {
		file, err := Load([]string{path}, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		specs(t, file)
	}
}
