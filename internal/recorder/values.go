package recorder

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func pulumiStack(name string) tokens.QName         { return tokens.QName(name) }
func pulumiProject(name string) tokens.PackageName { return tokens.PackageName(name) }

// Plain removes the secret wrappers of a value, at any depth, and returns it as the plain
// Go value that JSON would give. An unknown value becomes Unknown.
func Plain(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		return Plain(value.SecretValue().Element)
	case value.IsComputed():
		return Unknown{}
	case value.IsOutput():
		if !value.OutputValue().Known {
			return Unknown{}
		}
		return Plain(value.OutputValue().Element)
	case value.IsArray():
		list := make([]any, 0, len(value.ArrayValue()))
		for _, element := range value.ArrayValue() {
			list = append(list, Plain(element))
		}
		return list
	case value.IsObject():
		object := map[string]any{}
		for key, element := range value.ObjectValue() {
			object[string(key)] = Plain(element)
		}
		return object
	}
	return value.V
}

// Unknown stands for a value that a preview cannot know.
type Unknown struct{}

// At follows a path of object keys and list indices ("a.0.b") into a map and returns the
// value there, without secret wrappers; nil if there is none.
func At(properties resource.PropertyMap, path string) any {
	value, ok := find(resource.NewProperty(properties), strings.Split(path, "."))
	if !ok {
		return nil
	}
	return Plain(value)
}

// IsSecret tells whether the value at a path is secret, or inside one.
func IsSecret(properties resource.PropertyMap, path string) bool {
	value := resource.NewProperty(properties)
	keys := strings.Split(path, ".")
	for i := range keys {
		at, ok := find(value, keys[:i+1])
		if !ok {
			return false
		}
		if at.ContainsSecrets() && (at.IsSecret() || at.IsOutput() && at.OutputValue().Secret) {
			return true
		}
	}
	return false
}

// find follows a path through objects, lists and secrets.
func find(value resource.PropertyValue, keys []string) (resource.PropertyValue, bool) {
	if len(keys) == 0 {
		return value, true
	}
	if value.IsSecret() {
		return find(value.SecretValue().Element, keys)
	}
	switch {
	case value.IsObject():
		next, ok := value.ObjectValue()[resource.PropertyKey(keys[0])]
		if !ok {
			return resource.PropertyValue{}, false
		}
		return find(next, keys[1:])
	case value.IsArray():
		index, ok := number(keys[0], len(value.ArrayValue()))
		if !ok {
			return resource.PropertyValue{}, false
		}
		return find(value.ArrayValue()[index], keys[1:])
	}
	return resource.PropertyValue{}, false
}

// number reads a list index below a length.
func number(text string, length int) (int, bool) {
	n := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = n*10 + int(digit-'0')
	}
	return n, text != "" && n < length
}

// inClear tells whether a text is part of a value outside every secret.
func inClear(value resource.PropertyValue, text string) bool {
	switch {
	case text == "" || value.IsSecret():
		return false
	case value.IsOutput():
		return !value.OutputValue().Secret && inClear(value.OutputValue().Element, text)
	case value.IsString():
		return strings.Contains(value.StringValue(), text)
	case value.IsArray():
		for _, element := range value.ArrayValue() {
			if inClear(element, text) {
				return true
			}
		}
	case value.IsObject():
		for _, element := range value.ObjectValue() {
			if inClear(element, text) {
				return true
			}
		}
	}
	return false
}

// Text writes properties as text, without secret wrappers, for tests that look for a word
// anywhere in them.
func Text(properties resource.PropertyMap) string {
	return fmt.Sprint(Plain(resource.NewProperty(properties)))
}
