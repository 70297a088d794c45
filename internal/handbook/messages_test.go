package handbook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMessagesOfTheSources(t *testing.T) {
	root := filepath.Join(t.TempDir(), "sandbox")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.go":      "package a\n\nvar _ = f(\"run `tool mend %s`, \"+\n\t\"or `%[1]s up --all`; `word` is none, nor is `Some words`\", \"`tool cut %d\"+x+\"`\")\n",
		"a_test.go": "package a\n\nvar _ = \"`tool of a test`\"\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Messages(root)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range all {
		found = append(found, filepath.Base(one.String()))
	}
	if got, want := strings.Join(found, "\n"), "a.go:3: tool mend NAME\na.go:3: sandbox up --all\na.go:4: tool cut 1NAME"; got != want {
		t.Errorf("they are\n%s\nwant\n%s", got, want)
	}
	if len(Of(all, "tool")) != 2 {
		t.Errorf("of tool there are %v", Of(all, "tool"))
	}
}
