package stackfile

import (
	"errors"
	"fmt"
)

// maxProblems is how many problems one error lists: a mistake that is repeated in a
// thousand lines has to be seen only a few times.
const maxProblems = 20

// problems collects the mistakes in a file.
type problems struct {
	places places
	found  []error
	more   int
}

// path leads to a value of a stack file: services, api, ports, 0.
type path []string

func at(parts ...string) path { return parts }

// add notes a problem with the value that the path leads to.
func (p *problems) add(where path, format string, values ...any) {
	p.addAt(p.places.at(where...), format, values...)
}

// addAt notes a problem at a place.
func (p *problems) addAt(where position, format string, values ...any) {
	if len(p.found) >= maxProblems {
		p.more++
		return
	}
	p.found = append(p.found, fmt.Errorf("%s: %s", where, shortened(fmt.Sprintf(format, values...))))
}

// addUnset notes a variable that has no value.
func (p *problems) addUnset(name string, where path, format string, values ...any) {
	before := len(p.found)
	if p.add(where, format, values...); len(p.found) > before {
		p.found[before] = unsetVariable{p.found[before], name}
	}
}

// all are the noted problems, and a last line with the number of those that are not listed.
func (p *problems) all() []error {
	if p.more > 0 {
		return append(p.found, fmt.Errorf("%s: and %d more of them", p.places[0].file, p.more))
	}
	return p.found
}

// err is nil if there are none.
func (p *problems) err() error { return errors.Join(p.all()...) }
