package stackfile

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/docker/cli/cli/compose/types"
)

// UnsetError says that variables have no value. To find what else is missing, File is the
// stack files with values that fit; it is nil if no such values were found.
type UnsetError struct {
	error
	File *File
}

func (e UnsetError) Unwrap() error { return e.error }

// unsetVariable is the problem with one variable.
type unsetVariable struct {
	error
	name string
}

// unset are the names of the variables without a value, if nothing else is wrong.
func unset(err error) []string {
	var names []string
	switch joined, several := err.(interface{ Unwrap() []error }); {
	case several:
		for _, one := range joined.Unwrap() {
			below := unset(one)
			if len(below) == 0 {
				return nil
			}
			names = union(names, below)
		}
	default:
		if one := (unsetVariable{}); errors.As(err, &one) {
			names = append(names, one.name)
		}
	}
	return names
}

// union is a list of names, followed by those of the others that it lacks.
func union(names, others []string) []string {
	for _, name := range others {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// rounds limits how often a file may reveal further variables without a value, once the
// known ones have one.
const rounds = 3

// withFitting reads the files with values in place of the missing ones. It tries numbers,
// which fit most keys, and then a text that is both a size and a duration.
func withFitting(input Input, names []string, why error) error {
	for _, fits := range []func(int) string{strconv.Itoa, func(int) string { return "4m" }} {
		all, missing := why, names
		for range rounds {
			file, err := parse(input.with(missing, fits))
			if err == nil {
				file.fitted = len(missing)
				return UnsetError{all, file}
			}
			more := unset(err)
			if len(more) == 0 {
				break
			}
			missing, all = union(slices.Clip(missing), more), errors.Join(all, err)
		}
	}
	return UnsetError{error: why}
}

// with is the input with values for the variables of these names.
func (i Input) with(names []string, value func(int) string) Input {
	given := map[string]string{}
	maps.Copy(given, i.Variables)
	for n, name := range names {
		given[name] = value(n + 1)
	}
	i.Variables = given
	return i
}

// isFitted tells whether a port's number may be one that was put in place of a variable
// without a value.
func (f *File) isFitted(port types.ServicePortConfig) bool {
	return f.fitted > 0 && int(port.Published) <= f.fitted
}
