// Package stackfile is the only reader of stack files: the program's preview, the pipelines
// and the managers all load, check and convert a file with it, so that it means the same to
// all of them.
//
// Parse and the functions that work on its result read no file and no environment variable:
// they run as root on managers, on files that strangers wrote. Files that a stack file
// names and values of its variables are a part of the Input.
package stackfile

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/docker/cli/cli/compose/loader"
	"github.com/docker/cli/cli/compose/types"
	"github.com/sirupsen/logrus"
)

const (
	// MaxBytes bounds all sources of one stack together: a release records them and other
	// data, and must fit into a Docker config.
	MaxBytes = 400 << 10
	// format is the newest version of stack files that Docker on the nodes (26.1) knows.
	// Every 3.x version is read as this one.
	format = "3.12"
)

// versions are the accepted values of the key "version".
var versions = regexp.MustCompile(`^(3(\.([0-9]|1[0-3]))?)?$`)

// Input is everything that one stack is made from.
type Input struct {
	// Files are the stack files, merged in their order.
	Files []Source `json:"files"`
	// Beside are the contents of the files that they name, by their paths below the
	// folder of the first stack file, with slashes.
	Beside map[string][]byte `json:"beside,omitempty"`
	// Variables are the values for ${NAME} and for variables of an environment without a
	// value.
	Variables map[string]string `json:"variables,omitempty"`
}

// Source is the text of one stack file.
type Source struct {
	// Name is what messages call it, such as repos/stack-repo/stack.yml.
	Name string `json:"name"`
	// Text is the file as it was read.
	Text string `json:"text"`
}

// File is one or more stack files, merged and checked.
type File struct {
	input   Input
	dicts   []map[string]any // the sources as Docker's loader takes them
	named   []named
	images  map[string]string // by service
	model   *types.Config
	places  places
	ignored []string
	fitted  int // how many variables without a value have a number in their place, counted from 1
}

// Parse merges stack files with Docker's own loader and checks what `docker stack deploy`
// would find only on the manager, or not at all. Every error names the file and, where
// there is one, the line.
//
// Variables take their values from the input, or else their defaults (${TAG:-latest}). A
// variable without either is an error: the same file is deployed from a laptop and on a
// manager, and must mean the same.
//
// If nothing is missing except values of variables, the error is an UnsetError.
func Parse(input Input) (*File, error) {
	f, err := parse(input)
	if names := unset(err); len(names) > 0 {
		return nil, withFitting(input, names, err)
	}
	return f, err
}

func parse(input Input) (*File, error) {
	f, err := read(input)
	if err != nil {
		return nil, err
	}
	if err := f.checkBeside(); err != nil {
		return nil, err
	}
	if err := f.load(); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	// The converter refuses some files too. Calling it here finds that before the manager
	// does.
	if _, err := f.convert("stack", f.copy()); err != nil {
		return nil, err
	}
	return f, nil
}

// read reads the sources, each separately, as they are written.
func read(input Input) (*File, error) {
	if err := checkSize(input.Files); err != nil {
		return nil, err
	}
	if err := checkVariables(input.Variables); err != nil {
		return nil, err
	}
	f := &File{input: input, images: map[string]string{}}
	var problems []error
	var size measure
	for _, source := range input.Files {
		dict, err := f.read(source, &size)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		f.dicts = append(f.dicts, dict)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return f, nil
}

func checkSize(sources []Source) error {
	if len(sources) == 0 {
		return errors.New("no stack file is named")
	}
	size := 0
	for _, source := range sources {
		size += len(source.Text)
		if !utf8.ValidString(source.Text) {
			return fmt.Errorf("%s: is not text in UTF-8", source.Name)
		}
	}
	if size > MaxBytes {
		return fmt.Errorf("%s: the stack file is larger than %d bytes", sources[0].Name, MaxBytes)
	}
	return nil
}

// read parses one source, remembers the line of everything in it, and checks what could not
// be seen after Docker's loader has read it.
func (f *File) read(source Source, size *measure) (map[string]any, error) {
	root, dict, err := readYAML(source, size)
	if err != nil {
		return nil, err
	}
	tree := tree{source.Name, root}
	f.places = append(f.places, tree)
	if version, ok := dict["version"]; ok && !versions.MatchString(fmt.Sprint(version)) {
		return nil, fmt.Errorf("%s: version %v is not one that docker stack deploy knows (3 to 3.13); leave the key out", places{tree}.at("version"), version)
	}
	dict["version"] = format
	w := &written{problems: problems{places: places{tree}}, values: f.input.Variables, size: size}
	plain, err := w.check(dict)
	if err != nil {
		return nil, err
	}
	f.noteNamed(tree, plain)
	w.envFiles(dict, plain, f.input.Beside)
	if err := w.err(); err != nil {
		return nil, err
	}
	f.noteTwice(tree)
	f.noteIgnored(tree, dict)
	return dict, nil
}

// load lets Docker's loader read every file separately, since merging hides which file an
// error came from, and then all of them together.
func (f *File) load() error {
	details := types.ConfigDetails{Version: format, WorkingDir: "/", Environment: f.input.Variables}
	for i, source := range f.input.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: source.Name, Config: f.dicts[i]})
	}
	var problems []error
	for i, file := range details.ConfigFiles {
		alone := details
		alone.ConfigFiles = []types.ConfigFile{file}
		model, err := dockerLoad(alone)
		if err != nil {
			problems = append(problems, f.places[i].explainLoad(alone, err))
		}
		f.model = model
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if len(details.ConfigFiles) > 1 {
		var err error
		if f.model, err = dockerLoad(details); err != nil {
			return f.places.explain(err)
		}
	}
	// The loader returns them in a different order every time.
	slices.SortFunc(f.model.Services, func(a, b types.ServiceConfig) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Docker's loader warns through logrus, on this program's standard error. The field ignored
// has the relevant ones of these warnings, with line numbers.
func init() { logrus.SetOutput(io.Discard) }

// dockerLoad calls Docker's loader. The loader sees only the environment in details.
func dockerLoad(details types.ConfigDetails) (model *types.Config, err error) {
	err = guarded(func() error {
		model, err = loader.Load(details, loader.WithDiscardEnvFiles)
		return err
	})
	return model, err
}

// unreadable begins the error of a panic.
const unreadable = "Docker cannot read this"

// guarded turns a panic into an error: Docker's loader panics on values that it expects
// the schema to refuse, and the schema accepts some of them.
func guarded(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf(unreadable+": %v", cause)
		}
	}()
	return f()
}

// stackNames leaves room for service names: Docker limits the two together to 63
// characters. The pattern also makes the name harmless in a shell command.
var stackNames = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}$`)

// CheckStackName tells whether a stack may have this name.
func CheckStackName(name string) error {
	if !stackNames.MatchString(name) {
		return fmt.Errorf("%q is not a stack name; write up to 31 lower-case letters, digits, - and _, a letter first", name)
	}
	return nil
}
