package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// plain is the first document of a file, as another program reads it.
func plain(t *testing.T, text string) map[any]any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("it does not parse: %v\n%q", err, text)
	}
	return mapping(value)
}

func mapping(value any) map[any]any {
	copied := map[any]any{}
	switch value := value.(type) {
	case map[any]any:
		maps.Copy(copied, value)
	case map[string]any:
		for key, below := range value {
			copied[key] = below
		}
	}
	return copied
}

// without is a file without what begins with x- and without the images of services.
func without(file map[any]any, services []string) string {
	maps.DeleteFunc(file, func(key, _ any) bool {
		text, ok := key.(string)
		return ok && strings.HasPrefix(text, "x-")
	})
	all := mapping(file["services"])
	for _, name := range services {
		one := mapping(all[name])
		delete(one, "image")
		all[name] = one
	}
	file["services"] = all
	return fmt.Sprintf("%#v", file)
}

// FuzzSet checks that the editor does not crash, whatever the file. Where it changes the
// file, the result parses, the services have the image, and nothing else differs except in
// the services that it names.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{
		"services:\n  api:\n    image: a\n  worker: {image: b}\n",
		"services:\r\n  api:\r\n    image: &i \"a\" # x\r\n  worker:\r\n    image: *i\r\n",
		mark + "x-b: &b\n  image: >-\n    a\nservices:\n  api:\n    <<: [*b]\n    k: v\n  worker: {<<: *b, x: y}",
		"services: {api: &a {image: 'x''y'}, worker: *a}\n---\n- b\n",
		"? services\n: api:\n    image: !!str\n      # c\n      a\n  worker:\n    image: |\n      b\n",
		"services:\n\u2028  api:\u0085    image: é\n  worker:\n    image:\ta\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		services := []string{"api", "worker"}
		for _, named := range [][]string{services, services[:1], services[1:]} {
			changed, others, err := set(text, named, newImage)
			if err != nil || strings.Contains(strings.Join(others, ""), "(") { // a key that is not a text, which Docker refuses
				continue
			}
			before, after := plain(t, text), plain(t, changed)
			moved := slices.Concat(named, others)
			for _, name := range moved {
				if image := mapping(mapping(after["services"])[name])["image"]; image != newImage {
					t.Fatalf("%s has %v\n%q\n%q", name, image, text, changed)
				}
			}
			if a, b := without(before, moved), without(after, moved); a != b {
				t.Fatalf("more differs: %q\n%q\n%s\n%s", text, changed, a, b)
			}
		}
	})
}
