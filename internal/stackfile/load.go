package stackfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Load reads stack files and the files that they name from the disk, and parses them. The
// named files have to be below the folder of the first stack file. A symbolic link that
// leads out of the folder is not followed.
func Load(paths []string, variables map[string]string) (*File, error) {
	input, err := Gather(paths, variables)
	if err != nil {
		return nil, err
	}
	return Parse(input)
}

// Gather reads stack files and the files that they name from the disk. It leaves out files
// that do not exist: Parse then says which file is missing, and where it is named.
func Gather(paths []string, variables map[string]string) (Input, error) {
	input := Input{Variables: variables}
	var problems []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: cannot be read: %w", path, err))
		}
		input.Files = append(input.Files, Source{Name: path, Text: string(text)})
	}
	if len(problems) > 0 {
		return Input{}, errors.Join(problems...)
	}
	names, _, err := Names(input)
	if missing := unset(err); len(missing) > 0 { // Parse says which ones are missing, and finds other problems
		var otherwise error
		if names, _, otherwise = Names(input.with(missing, strconv.Itoa)); otherwise == nil {
			err = nil
		}
	}
	if err != nil || len(names) == 0 {
		return input, err
	}
	input.Beside, err = gatherBeside(paths[0], names)
	return input, err
}

// gatherBeside reads the files that a stack file names.
func gatherBeside(path string, names []string) (map[string][]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	contents := map[string][]byte{}
	var problems []error
	for _, name := range names {
		content, err := readBeside(root, name)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: the file %s, which it names, cannot be read: %w", path, name, err))
		default:
			contents[name] = content
		}
	}
	return contents, errors.Join(problems...)
}

// readBeside reads a file up to a little more than the bound, so that Parse can refuse one
// that is too large.
func readBeside(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}
