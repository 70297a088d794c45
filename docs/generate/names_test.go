package main

import (
	"os"
	"regexp"
	"testing"
)

// TestDocumentsNameFilesThatExist: the places that the documents name are there.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	path := regexp.MustCompile("(?:^|[ `(>])((?:infra|cluster|stack|delivery|cmd|internal|repos|docs|e2e|sandbox)/[a-z0-9_./-]*[a-z0-9_])")
	for _, document := range []string{"architecture.md", "glossary.md"} {
		text, err := os.ReadFile("../" + document)
		if err != nil {
			t.Fatal(err)
		}
		found := path.FindAllStringSubmatch(string(text), -1)
		for _, match := range found {
			if _, err := os.Stat("../../" + match[1]); err != nil {
				t.Errorf("%s names %s: %v", document, match[1], err)
			}
		}
		if len(found) < 15 {
			t.Errorf("%s: only %d names of files were found", document, len(found))
		}
	}
}
