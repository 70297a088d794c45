package main

import (
	"reflect"
	"testing"

	"averazure/internal/azuretypes"
)

func TestTypesAreExtractedWithAllThatTheyConsistOf(t *testing.T) {
	got, err := extract("testdata/package", []string{"farm:farm/v1:Barn"})
	if err != nil {
		t.Fatal(err)
	}
	want := &azuretypes.Table{
		Source: "the npm package @example/farm 1.2.3", Package: "farm", Version: "1.2.3",
		Resources: map[string]azuretypes.Object{"farm:farm/v1:Barn": {
			Inputs: map[string]string{"animals?": "list<inputs.farm.v1.AnimalArgs>",
				"colour": "string | enums.farm.v1.Colour", "tags?": "map<string>"},
			ReadOnly: []string{"built"},
		}},
		Objects: map[string]azuretypes.Object{"inputs.farm.v1.AnimalArgs": {
			Inputs:   map[string]string{"food?": "list<string | enums.farm.v1.Food>", "legs": "number", "young?": "inputs.farm.v1.AnimalArgs"},
			ReadOnly: []string{"earTag"},
		}},
		Enums: map[string][]string{"enums.farm.v1.Colour": {"Red", "pale blue"}, "enums.farm.v1.Food": {"Hay"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("extracted\n%+v, want\n%+v", got, want)
	}
}

func TestUnextractableTypesAreAnError(t *testing.T) {
	for _, token := range []string{"farm", "farm:farm/v1:Stable", "farm:farm/v3:Barn"} {
		if _, err := extract("testdata/package", []string{token}); err == nil {
			t.Errorf("%s was extracted", token)
		}
	}
	for _, typ := range []string{"pulumi.Output<string>", "string | string[]", "Buffer"} {
		if got, err := translate(typ); err == nil {
			t.Errorf("%s became %s", typ, got)
		}
	}
}
