package handbook

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Advice is a command that a message of the program names.
type Advice struct {
	Where string // file and line
	Words []string
}

func (a Advice) String() string { return a.Where + ": " + strings.Join(a.Words, " ") }

// own matches the beginning of a command in a message of the sandbox: the sandbox's own
// command line.
var own = regexp.MustCompile(`^%(\[\d\])?s `)

// filled are the verbs of a format, each with the text that is put in place of its value.
var filled = []struct {
	verb *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`%(\[\d\])?d`), "1"},
	{regexp.MustCompile(`%(\[\d\])?[.\d]*[sqv]`), "NAME"},
}

// Text is a string in a source.
type Text struct {
	Where string // file and line
	Text  string
}

// Texts are all strings in the Go sources below a directory, tests left out.
func Texts(root string) ([]Text, error) {
	var found []Text
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "e2e" || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		of, err := textsOf(path)
		found = append(found, of...)
		return err
	})
	return found, err
}

func textsOf(path string) (found []Text, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(node ast.Node) bool {
		expression, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		text, is := textOf(expression)
		if is {
			found = append(found, Text{fmt.Sprintf("%s:%d", path, files.Position(node.Pos()).Line), text})
		}
		return !is
	})
	return found, nil
}

// Messages are the commands in backticks in all strings in the Go sources below a
// directory.
func Messages(root string) ([]Advice, error) {
	texts, err := Texts(root)
	if err != nil {
		return nil, err
	}
	var found []Advice
	for _, text := range texts {
		for _, span := range inline.FindAllStringSubmatch(text.Text, -1) {
			of, err := advices(text.Where, span[1])
			if err != nil {
				return nil, fmt.Errorf("%s: `%s`: %w", text.Where, span[1], err)
			}
			found = append(found, of...)
		}
	}
	return found, nil
}

// textOf is a string in the source: a literal, or several with values between them.
func textOf(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		if e.Op == token.ADD && (isLeft || isRight) {
			if !isLeft {
				left = "%s"
			}
			if !isRight {
				right = "%s"
			}
			return left + right, true
		}
	}
	return "", false
}

// advices are the calls in a text between backticks. A text that has only one word, or does
// not begin with a program's name, is not a call.
func advices(where, text string) (found []Advice, err error) {
	if filepath.Base(filepath.Dir(where)) == "sandbox" || filepath.Base(filepath.Dir(filepath.Dir(where))) == "sandbox" {
		text = own.ReplaceAllString(text, "sandbox ")
	}
	for _, f := range filled {
		text = f.verb.ReplaceAllString(text, f.by)
	}
	first, _, several := strings.Cut(strings.TrimPrefix(text, "sudo "), " ")
	if !several || !program.MatchString(first) {
		return nil, nil
	}
	statements, err := Statements(text)
	for _, s := range statements {
		for _, words := range s.Calls {
			found = append(found, Advice{where, does(words)})
		}
	}
	return found, err
}

var program = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Of are the advices that call the program of this name.
func Of(all []Advice, name string) (found []Advice) {
	for _, one := range all {
		if one.Words[0] == name {
			found = append(found, one)
		}
	}
	return slices.Clip(found)
}
