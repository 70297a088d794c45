package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"averazure/cluster"
	"averazure/delivery"
	"averazure/infra"
	"averazure/internal/names"
	"averazure/internal/registry"
	"averazure/internal/settings"
	"averazure/stack"
)

// TestProjectDeclaresWhatTheLayersRead keeps Pulumi.yaml and the Config
// structs from drifting apart: the same keys, the same defaults.
func TestProjectDeclaresWhatTheLayersRead(t *testing.T) {
	keys := declaredKeys(t)
	defaults := map[string]string{}
	for key, d := range keys {
		if d.Description == "" || d.Type == "" {
			t.Errorf("%s has no type or no sentence", key)
		}
		if d.Default != nil {
			defaults[settings.Name(key)] = engineText(t, d.Default)
		}
	}
	set := settings.Parse(defaults)
	set.Known(secretKeys...)
	for _, pair := range []struct{ empty, want any }{
		{&infra.Config{}, ptr(infra.Defaults())}, {&cluster.Config{}, ptr(cluster.Defaults())},
		{&stack.Config{}, ptr(stack.Defaults())}, {&delivery.Config{}, ptr(delivery.Defaults())},
		{&registry.Config{}, ptr(registry.Defaults())},
	} {
		if problems := set.Fill(pair.empty); len(problems) > 0 {
			t.Error(problems)
		}
		compareFields(t, reflect.ValueOf(pair.empty).Elem(), reflect.ValueOf(pair.want).Elem(), slices.Collect(maps.Keys(keys)))
	}
	for _, problem := range set.Unknown() {
		t.Errorf("Pulumi.yaml declares what nobody reads: %v", problem)
	}
}

func compareFields(t *testing.T, fromProject, fromCode reflect.Value, keys []string) {
	t.Helper()
	for i := range fromCode.NumField() {
		key := settings.Key(fromCode.Type().Field(i).Name)
		if !slices.Contains(keys, key) {
			t.Errorf("Pulumi.yaml does not declare %s", key)
		}
		a, b := fromProject.Field(i), fromCode.Field(i)
		bothEmpty := (a.Kind() == reflect.Slice || a.Kind() == reflect.Map) && a.Len() == 0 && b.Len() == 0
		if !bothEmpty && !reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("default of %s: Pulumi.yaml says %v, the code %v", key, a.Interface(), b.Interface())
		}
	}
}

// Messages name keys; a key that is renamed must be renamed in them too.
func TestMessagesNameKeysThatExist(t *testing.T) {
	keys := declaredKeys(t)
	named := regexp.MustCompile(`\b` + names.Project + `:([a-z][A-Za-z]*)\b[^:]`)
	for _, dir := range []string{".", "infra", "cluster", "stack", "delivery", "internal/host", "internal/drift", "internal/survey", "internal/ports", "internal/registry", "internal/stackfile", "cmd/setup"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range named.FindAllStringSubmatch(string(text), -1) {
				if _, ok := keys[found[1]]; !ok && !strings.HasSuffix(file, "_test.go") {
					t.Errorf("%s names %s, and Pulumi.yaml has no such key", file, settings.Name(found[1]))
				}
			}
		}
	}
}
