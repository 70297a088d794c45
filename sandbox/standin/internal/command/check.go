package command

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"

	"averazure/sandbox/plugin"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/mapper"
)

// commandInputs has the original's fields under the same names. Other fields and other
// types are refused.
type commandInputs struct {
	Triggers               *[]any            `pulumi:"triggers,optional"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	Connection             *connection       `pulumi:"connection"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// copyInputs are the inputs of CopyToRemote, without its source.
type copyInputs struct {
	Triggers   *[]any      `pulumi:"triggers,optional"`
	Connection *connection `pulumi:"connection"`
	RemotePath *string     `pulumi:"remotePath"`
}

type connection struct {
	connectionBase
	Proxy *proxyConnection `pulumi:"proxy,optional"`
}

type proxyConnection struct{ connectionBase }

type connectionBase struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"`
	Host               *string  `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// check refuses inputs that do not fit the type. Its errors are those of the SDK's mapper,
// which the original uses too. It fills in the defaults of remote/connection.go and
// proxyConnection.go. An environment that sshd does not accept fails later, in the session,
// as in the original.
func check(_ context.Context, _ resource.URN, _, news resource.PropertyMap) (resource.PropertyMap, []plugin.Failure, error) {
	if failures := misfits[commandInputs](news); len(failures) > 0 {
		return news, failures, nil
	}
	fill(news)
	return news, nil, nil
}

// fill sets the defaults of a connection and its proxy.
func fill(news resource.PropertyMap) {
	if target := news["connection"]; target.IsObject() { // otherwise unknown in a preview
		defaults(target.ObjectValue())
		if proxy := target.ObjectValue()["proxy"]; proxy.IsObject() {
			defaults(proxy.ObjectValue())
		}
	}
}

// misfits are the fields that do not fit the type, in a fixed order.
func misfits[T any](news resource.PropertyMap) []plugin.Failure {
	known, _ := fitting(resource.NewProperty(news), reflect.TypeFor[T]()).(map[string]any)
	err := mapper.New(&mapper.Opts{}).Decode(known, new(T))
	if err == nil {
		return nil
	}
	var failures []plugin.Failure
	for _, failure := range err.Failures() {
		if field, ok := failure.(mapper.FieldError); ok {
			failures = append(failures, plugin.Failure{Property: field.Field(), Reason: field.Reason()})
		}
	}
	slices.SortFunc(failures, func(a, b plugin.Failure) int { return cmp.Compare(a.Property, b.Property) })
	return failures
}

// fitting converts a value for the mapper. A value that a preview does not know fits any
// type.
func fitting(v resource.PropertyValue, t reflect.Type) any {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case v.IsComputed() || v.IsOutput() && !v.OutputValue().Known:
		return blank(t)
	case v.IsOutput():
		return fitting(v.OutputValue().Element, t)
	case !v.IsObject() || t == nil || t.Kind() != reflect.Struct:
		if v.ContainsUnknowns() && t != nil {
			return blank(t)
		}
		return v.Mappable()
	}
	object := map[string]any{}
	for key, value := range v.ObjectValue() {
		object[string(key)] = fitting(value, fieldType(t, string(key)))
	}
	return object
}

// fieldType is the type of the field with this name, or nil.
func fieldType(t reflect.Type, name string) reflect.Type {
	for _, field := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(field.Tag.Get("pulumi"), ","); tag == name {
			return field.Type
		}
	}
	return nil
}

// blank is a valid value of the type.
func blank(t reflect.Type) any {
	switch {
	case t == nil:
		return ""
	case t.Kind() != reflect.Struct:
		return reflect.Zero(t).Interface()
	}
	return map[string]any{"host": ""} // required in both kinds of connection
}

func defaults(connection resource.PropertyMap) {
	for key, value := range map[resource.PropertyKey]any{
		"user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0,
	} {
		if v, ok := connection[key]; !ok || v.IsNull() {
			connection[key] = resource.NewPropertyValue(value)
		}
	}
}
