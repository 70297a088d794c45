package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/settings"
	"averazure/internal/stackfile"
)

// Variables of stack files whose values come from outputs of the other resources.
const (
	appImage     = "APP_IMAGE"
	entryAddress = "ENTRY_ADDRESS"
	entryName    = "ENTRY_NAME"
	entryNames   = "ENTRY_NAMES"
)

// Site is what the rest of the configuration says about where the stack runs.
type Site struct {
	// FirstManager is the host name of the first manager.
	FirstManager string
	// Prefix begins the name of every node.
	Prefix string
	// Registry is the server of the application's image.
	Registry string
	// EntryNames are the names that lead to the application, beginning with the one to use.
	EntryNames []string
}

// given are the variables that the program itself sets, as far as the configuration
// determines them. The others have values of the same form: an image, an address, names.
func (c Config) given(site Site) map[string]string {
	return map[string]string{
		"FIRST_MANAGER": site.FirstManager,
		"PREFIX":        site.Prefix,
		"STACK_NAME":    c.StackName,
		"REGISTRY":      site.Registry,
		appImage:        site.Registry + "/" + c.AppImage + ":latest",
		entryAddress:    "192.0.2.1", // kept for documentation, RFC 5737
		entryName:       first(site.EntryNames),
		entryNames:      strings.Join(site.EntryNames, ", "),
		"ACME_SERVER":   c.ACMEServer,
		"ACME_EMAIL":    c.ACMEEmail,
	}
}

// first is the name to use; empty if there is none.
func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// values are those of all variables, as far as the configuration tells.
func (c Config) values(site Site) map[string]string {
	all := map[string]string{}
	maps.Copy(all, c.StackVariables)
	maps.Copy(all, c.given(site))
	return all
}

// checkVariables refuses names and values that a variable in stack files cannot have.
func (c Config) checkVariables() []error {
	var problems []error
	given := c.given(Site{})
	for _, name := range slices.Sorted(maps.Keys(c.StackVariables)) {
		err := stackfile.CheckVariable(name, c.StackVariables[name])
		if _, ok := given[name]; ok {
			err = fmt.Errorf("%s is set by the program; take another name", name)
		}
		if err != nil {
			problems = append(problems, settings.Problemf("stackVariables", "%w", err))
		}
	}
	return problems
}

// variables are the variables with which the managers read stack files: those with which
// the file was read here, and the outputs. Image is empty where none was built.
func (a Args) variables(image pulumi.StringOutput) pulumi.StringMapOutput {
	return pulumi.All(image, a.Entry.Address).ApplyT(func(known []any) map[string]string {
		return a.variablesWith(known[0].(string), known[1].(string))
	}).(pulumi.StringMapOutput)
}

func (a Args) variablesWith(image, address string) map[string]string {
	all := maps.Clone(a.File.Variables())
	if image != "" {
		all[appImage] = image
	}
	all[entryAddress] = address
	all[entryName], all[entryNames] = a.Entry.Name(), strings.Join(a.Entry.Names, ", ")
	return all
}
