package settings

import (
	"fmt"
	"strings"

	"averazure/internal/names"
)

// Name is a key with its namespace, as `pulumi config set` takes it.
func Name(key string) string { return names.Project + ":" + key }

// Problem is what is wrong with the value of a configuration key.
type Problem struct {
	// Key has no namespace; that of a list's item has its index.
	Key string
	Err error
}

func (p Problem) Error() string { return Name(p.Key) + ": " + p.Err.Error() }

// Unwrap returns the problem without its key.
func (p Problem) Unwrap() error { return p.Err }

// Problemf describes what is wrong with the value of a key; the format is that of
// fmt.Errorf.
func Problemf(key, format string, args ...any) error {
	return Problem{key, fmt.Errorf(format, args...)}
}

// Warningf describes a doubt about the value of a key. It begins as a Problem does.
func Warningf(key, format string, args ...any) string {
	return Name(key) + ": " + fmt.Sprintf(format, args...)
}

// Keys lists the keys of all Problems in an error, in the order of its text and without
// the index of a list's item.
func Keys(err error) []string {
	switch e := err.(type) {
	case Problem:
		key, _, _ := strings.Cut(e.Key, "[")
		return []string{key}
	case interface{ Unwrap() error }:
		return Keys(e.Unwrap())
	case interface{ Unwrap() []error }:
		var keys []string
		for _, one := range e.Unwrap() {
			keys = append(keys, Keys(one)...)
		}
		return keys
	}
	return nil
}
