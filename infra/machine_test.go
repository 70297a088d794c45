package infra

import (
	"reflect"
	"strings"
	"testing"

	compute "github.com/pulumi/pulumi-azure-native-sdk/compute/v2/v20230301"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// TestMachineHasThePropertiesOfTheSDK stands in for the compiler: the program
// registers machines by their type, without the package that knows its properties.
func TestMachineHasThePropertiesOfTheSDK(t *testing.T) {
	r, _ := mustRecord(t, full())
	for _, vm := range r.OfType(machineType) {
		if problems := unlike(compute.VirtualMachineArgs{}.ElementType(), resource.NewProperty(vm.Inputs), ""); len(problems) > 0 {
			t.Errorf("%s: %s", vm.Name, strings.Join(problems, "; "))
		}
		if vm.Request.GetVersion() != sdkVersion {
			t.Errorf("%s asks for version %q of the provider", vm.Name, vm.Request.GetVersion())
		}
	}
}

// unlike says where a value is not what the type, with its pulumi tags, takes.
func unlike(typ reflect.Type, value resource.PropertyValue, path string) []string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	wrong := []string{path + " is a " + value.TypeString() + ", want a " + typ.Kind().String()}
	var problems []string
	switch {
	case value.IsObject() && typ.Kind() == reflect.Struct:
		fields := map[string]reflect.Type{}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("pulumi"), ",")
			fields[name] = typ.Field(i).Type
		}
		for key, below := range value.ObjectValue() {
			if fields[string(key)] == nil {
				problems = append(problems, path+"."+string(key)+" is no property of the SDK's")
				continue
			}
			problems = append(problems, unlike(fields[string(key)], below, path+"."+string(key))...)
		}
		return problems
	case value.IsObject() && typ.Kind() == reflect.Map:
		return nil
	case value.IsArray() && typ.Kind() == reflect.Slice:
		for _, below := range value.ArrayValue() {
			problems = append(problems, unlike(typ.Elem(), below, path+"[]")...)
		}
		return problems
	case value.IsString() && typ.Kind() == reflect.String, value.IsBool() && typ.Kind() == reflect.Bool,
		value.IsNumber() && (typ.Kind() == reflect.Int || typ.Kind() == reflect.Float64):
		return nil
	}
	return wrong
}

func TestUnlikeSeesAWrongNameAndAWrongType(t *testing.T) {
	inputs := resource.PropertyMap{
		"vmName": resource.NewProperty("fine"), "vmname": resource.NewProperty("misspelt"),
		"hardwareProfile": resource.NewProperty(resource.PropertyMap{"vmSize": resource.NewProperty(3.0)}),
	}
	problems := unlike(compute.VirtualMachineArgs{}.ElementType(), resource.NewProperty(inputs), "")
	if len(problems) != 2 {
		t.Errorf("found %q, want the misspelt name and the number", problems)
	}
}
