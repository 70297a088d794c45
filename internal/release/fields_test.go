package release

import (
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/golden"
	"averazure/internal/stackfile"
)

// Somebody has to look at a new part of Docker's types. The guard refuses unknown parts,
// but it lets through whatever is inside a part that is free.
func TestEveryFieldOfDockersTypesIsKnown(t *testing.T) {
	var all []string
	var walk func(t reflect.Type, path string, deep int)
	walk = func(kind reflect.Type, path string, deep int) {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice || kind.Kind() == reflect.Array {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct || kind.NumField() == 0 || deep > 20 {
			all = append(all, path+" "+kind.String())
			return
		}
		for i := range kind.NumField() {
			if !kind.Field(i).IsExported() {
				t.Errorf("%s.%s is not exported: it cannot be copied", path, kind.Field(i).Name)
			}
			walk(kind.Field(i).Type, below(path, kind.Field(i)), deep+1)
		}
	}
	walk(reflect.TypeFor[swarm.ServiceSpec](), "", 0)
	walk(reflect.TypeFor[stackfile.Specs](), "Specs", 0)
	walk(reflect.TypeFor[network.CreateOptions](), "Network", 0)
	golden.Compare(t, "fields.txt", strings.Join(all, "\n")+"\n")

	eachField(reflect.Zero(reflect.TypeFor[swarm.ServiceSpec]()), "", func(path string, _ reflect.Value) {
		if _, known := fields[path]; !known {
			t.Errorf("%s is not in the table of fields", path)
		}
	})
	for path := range fields {
		if _, there := fieldsOf(swarm.ServiceSpec{})[path]; !there {
			t.Errorf("%s is in the table of fields and not in Docker's types", path)
		}
	}
}
