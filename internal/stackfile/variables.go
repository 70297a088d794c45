package stackfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

const (
	// maxVariables and maxValue bound the variables, and the bytes of each value.
	maxVariables = 200
	maxValue     = 4 << 10
)

// variableNames matches the names that Docker's loader replaces.
var variableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// CheckVariable tells whether a variable of stack files may have this name and value.
func CheckVariable(name, value string) error {
	switch {
	case !variableNames.MatchString(name):
		return fmt.Errorf("%q cannot be the name of a variable: letters, digits and _, no digit first", shortened(name))
	case len(value) > maxValue:
		return fmt.Errorf("the value of %s is longer than %d bytes", name, maxValue)
	}
	return nil
}

func checkVariables(variables map[string]string) error {
	if len(variables) > maxVariables {
		return fmt.Errorf("there are %d variables for the stack file; it may have %d", len(variables), maxVariables)
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		problems = append(problems, CheckVariable(name, variables[name]))
	}
	return errors.Join(problems...)
}

// variable matches everything that Docker's loader may replace: a name, an operator, and
// the text after it. Without braces that text is the whole rest: $A-$B is the default $B
// for A. $$ is a dollar sign.
var variable = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^}]*))?)`)

// howToSet says how to set a variable that has no value.
func howToSet(name string) string {
	return fmt.Sprintf("`pulumi config set --path averazure:stackVariables.%s VALUE` sets it", name)
}

// variables refuses a variable that would silently become empty, and a text that becomes
// too long. Variables in keys are never replaced.
func (w *written) variables(where path, value any) {
	switch value := value.(type) {
	case string:
		for _, match := range variable.FindAllStringSubmatch(value, -1) {
			if name := match[1] + match[4]; name != "" && !w.variable(where, name, match[2]+match[5], match[3]+match[6]) {
				return
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			w.variables(append(slices.Clip(where), key), value[key])
		}
	case []any:
		for i, item := range value {
			w.variables(append(slices.Clip(where), fmt.Sprint(i)), item)
		}
	}
}

// variable tells whether one use of a variable is valid. Operator and rest are the parts
// after the name, within the braces.
func (w *written) variable(where path, name, operator, rest string) bool {
	value, known := w.values[name]
	before := w.size.text
	w.size.text += len(value)
	switch {
	case before <= maxText && w.size.text > maxText:
		w.add(where, "the variable %s makes the stack file longer than %d bytes", name, maxText)
	case w.size.text > maxText: // reported already
	case operator == "+" || operator == ":+":
		w.add(where, "${%s%s...} is not known to docker stack deploy; it knows ${%s:-default} and ${%s:?message}", name, operator, name, name)
	case operator == "?" && !known, operator == ":?" && value == "":
		w.addUnset(name, where, "%s has no value (%s); %s", name, rest, howToSet(name))
	case operator == "" && !known:
		w.addUnset(name, where, "%s has no value; %s, or give it a default as ${%s:-value}; a dollar sign itself is $$", name, howToSet(name), name)
	default:
		return true
	}
	return false
}
