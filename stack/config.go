// Package stack is the third layer: it builds the application's image and has
// stackctl deploy the stack file on the Swarm. Internal/stackfile reads the file;
// New puts the outputs of the other layers in.
package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"

	"averazure/internal/settings"
	"averazure/internal/stackfile"
)

// Config is the part of the configuration that this layer reads. Paths are
// relative to the project's directory, where Pulumi.yaml is.
type Config struct {
	// StackName is the Docker stack's name; Docker begins every name with it.
	StackName string
	// StackFiles are merged in their order, as `docker stack deploy -c` does.
	StackFiles []string
	// StackVariables are the values of variables in the stack files, written ${NAME},
	// beside those that the program sets.
	StackVariables map[string]string
	// StackDeploy says whether this program deploys; false leaves it to the
	// pipeline of stack-repo.
	StackDeploy bool
	// Stacks are further stacks, by name, each with its owner: "pulumi" or "stack-repo".
	// The file of one is stacks/NAME/stack.yml in the folder of the first of StackFiles.
	Stacks map[string]string
	// AppService is the service that runs the image built here, or several of them with
	// commas between.
	AppService string
	// AppImage is that image's name in the registry, without server and tag.
	AppImage string
	// AppContext is the build context with a Dockerfile; empty builds nothing.
	AppContext string
	// ACMEServer is the directory of the ACME server that the edge asks for a certificate.
	ACMEServer string
	// ACMEEmail is the address for the account at that server; empty for none.
	ACMEEmail string
}

// Defaults returns the values of keys that are not configured; Pulumi.yaml has the same
// values.
func Defaults() Config {
	return Config{
		StackName:   "aver",
		StackFiles:  []string{"repos/stack-repo/stack.yml"},
		StackDeploy: true,
		AppService:  "api",
		AppImage:    "aver-api",
		AppContext:  "repos/code-repo",
		ACMEServer:  "https://acme-v02.api.letsencrypt.org/directory",
	}
}

// Read loads the stack files and the files that they name, or reports every problem, each
// with its key.
func (c Config) Read(site Site) (*stackfile.File, []error) {
	if problems := c.checkVariables(); len(problems) > 0 {
		return nil, problems
	}
	file, err := stackfile.Load(c.StackFiles, c.values(site))
	if err != nil {
		var unset stackfile.UnsetError // the file then shows what else is missing
		errors.As(err, &unset)
		return unset.File, []error{settings.Problemf("stackFiles", "%w", err)}
	}
	return file, nil
}

// Validate reports every problem of the configuration, each with its key. If the stack file
// could not be read, file is nil, and the checks of the stack file are left out. Validate
// reads the build context and changes nothing.
func (c Config) Validate(file *stackfile.File) []error {
	var problems []error
	if err := stackfile.CheckStackName(c.StackName); err != nil {
		problems = append(problems, settings.Problemf("stackName", "%w", err))
	} else if file != nil {
		if _, err := file.Specs(c.StackName, nil, nil); err != nil {
			problems = append(problems, settings.Problemf("stackFiles", "%w", err))
		}
	}
	if c.AppContext != "" {
		problems = append(problems, c.validateImage(file)...)
	}
	return append(problems, c.validateACME()...)
}

func (c Config) validateImage(file *stackfile.File) []error {
	var problems []error
	if err := checkContext(c.AppContext); err != nil {
		problems = append(problems, settings.Problemf("appContext", "%w", err))
	}
	named, err := reference.ParseNormalizedNamed("registry.invalid/" + c.AppImage)
	if err != nil || !reference.IsNameOnly(named) {
		problems = append(problems, settings.Problemf("appImage", "%q is not the name of an image; write lower-case path components without server, tag and digest, such as your-org/aver-api", c.AppImage))
	}
	for _, service := range c.appServices() {
		if file != nil && !file.Has(service) {
			problems = append(problems, settings.Problemf("appService", "the stack files have no service %q, only %s", service, strings.Join(file.Services(), ", ")))
		}
	}
	return problems
}

// appServices are the services that run the image built here.
func (c Config) appServices() []string {
	var services []string
	for service := range strings.SplitSeq(c.AppService, ",") {
		services = append(services, strings.TrimSpace(service))
	}
	return services
}

// checkContext finds out whether a build can start, before anything is changed.
func checkContext(dir string) error {
	if filepath.IsAbs(dir) {
		return fmt.Errorf("%s is an absolute path; write it relative to Pulumi.yaml, so that the image is the same wherever Pulumi runs", dir)
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not a directory; an empty value builds no image", dir)
	}
	if info, err = os.Stat(filepath.Join(dir, dockerfile)); err != nil || info.IsDir() {
		return fmt.Errorf("%s has no Dockerfile; an empty value builds no image", dir)
	}
	return nil
}
