package azure

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// azure-native can be narrowed to one module at one API version. It is then a separate
// package. Its types contain the version in the name of the package instead of the module.
// The rules are those of its provider/pkg/provider/provider_parameterize.go.

// narrowed is the parameter that requests such a package. An SDK passes it as JSON in
// base64.
type narrowed struct {
	Module  string `json:"module"`
	Version string `json:"version"` // v20260201
}

// name is the package's name.
func (n narrowed) name() string { return "azure-native_" + n.Module + "_" + n.Version }

// apiVersion is the version in Azure's form. Preview versions are not supported.
func (n narrowed) apiVersion() string {
	return n.Version[1:5] + "-" + n.Version[5:7] + "-" + n.Version[7:]
}

// narrowedType finds the module and the version in a type of such a package.
var narrowedType = regexp.MustCompile(`^azure-native_([a-z]+)_(v[0-9]{8}):([a-z]+):`)

// narrowedOf is the package of a type, or nil for the whole azure-native.
func narrowedOf(token tokens.Type) *narrowed {
	found := narrowedType.FindStringSubmatch(string(token))
	if found == nil {
		return nil
	}
	return &narrowed{Module: found[1], Version: found[2]}
}

// parameterize returns the name of the requested package if the cloud emulates it.
func parameterize(value []byte) (string, error) {
	asked, err := readNarrowed(value)
	if err != nil {
		return "", status.Errorf(codes.InvalidArgument, "failed to deserialize parameterize args: %v", err)
	}
	var versions []string
	for _, k := range nativeKinds() {
		for _, token := range k.tokens {
			played := narrowedOf(tokens.Type(token))
			if played == nil || played.Module != asked.Module {
				continue
			}
			if *played == asked {
				return asked.name(), nil
			}
			versions = append(versions, played.Version)
		}
	}
	if len(versions) == 0 {
		return "", status.Errorf(codes.InvalidArgument, "module %s not found", asked.Module)
	}
	slices.Sort(versions)
	return "", status.Errorf(codes.InvalidArgument, "no resources found for module %s at API version %s. Available API versions: %s",
		asked.Module, asked.Version, strings.Join(slices.Compact(versions), ", "))
}

func readNarrowed(value []byte) (asked narrowed, err error) {
	decoded, err := base64.StdEncoding.DecodeString(string(value))
	if err != nil {
		return asked, err
	}
	return asked, json.Unmarshal(decoded, &asked)
}
