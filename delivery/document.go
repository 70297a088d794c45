package delivery

import _ "embed"

// The words around the tables of docs/outputs.md.
var (
	//go:embed outputs.md
	aboutOutputs string
	//go:embed settings.md
	aboutSettings string
)

// document is docs/outputs.md: a test holds the file against it.
func document(a Args) string {
	list := candidates(a, nil)
	return aboutOutputs + "\n" + outputTable(outputs(a)) + "\n" + aboutSettings +
		"\n### code-repo\n\n" + settingTable(list, a.CodeRepo) +
		"\n### stack-repo\n\n" + settingTable(list, a.StackRepo)
}
