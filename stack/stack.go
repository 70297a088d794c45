package stack

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/host"
	"averazure/internal/names"
	"averazure/internal/ports"
	"averazure/internal/registry"
	"averazure/internal/release"
	"averazure/internal/settings"
	"averazure/internal/stackfile"
)

// Args is what the layer is made from.
type Args struct {
	Config
	// File is the content of StackFiles.
	File *stackfile.File
	// Further are the stacks of Config.Stacks.
	Further []Further
	// Manager is the manager that deploys.
	Manager host.Ready
	// Secrets maps the name of a Docker secret to its versioned name.
	Secrets map[string]pulumi.StringOutput
	// Registry is where the image is pushed.
	Registry registry.Registry
	// Login is a name for the login with which the nodes pull from the registry. It does
	// not reveal the login. A new name causes a new deployment: services keep the login
	// that they were deployed with. Nil or empty where nobody logs in.
	Login pulumi.StringInput
	// Nodes are the names of all nodes of the Swarm.
	Nodes []string
	// Bounds are those of a deployment on the managers.
	Bounds release.Settings
	// Entry is where people reach the application.
	Entry host.Entry
	// LoadBalancer says whether a load balancer is the entry.
	LoadBalancer bool
	// OpenPorts are the ports that the firewall opens; everybody reaches the public ones
	// at the entry.
	OpenPorts ports.Open
	// Drift marks the deployment when the Swarm differs from the release.
	Drift *drift.Marks
	// Warned are the warnings about the configuration. The state keeps them with those
	// about the stack files, so that the next run does not repeat them.
	Warned []string
}

// Stack is the running application.
type Stack struct {
	pulumi.ResourceState
	// Name is the Docker stack's name.
	Name string
	// Service is the service that runs the image built here.
	Service string
	// Image is that image's repository, registry included.
	Image string
	// Release is the number that stackctl gave to what now runs; empty when the
	// deployment is left to stack-repo.
	Release pulumi.StringOutput
	// ImageDigest is the image as repository@digest; empty when none was built.
	ImageDigest pulumi.StringOutput
	// Endpoints maps each service that publishes TCP ports to the address of its first
	// port. A further stack's service is listed under its full name.
	Endpoints map[string]pulumi.StringOutput
	// URL is where people reach the application; empty when it publishes no port.
	URL pulumi.StringOutput

	warned []string
}

// New builds the application's image and has the stack deployed.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Stack, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	s := &Stack{
		Name: args.StackName, Service: args.AppService, Image: args.repository(),
		ImageDigest: text(""), Endpoints: args.endpoints(args.File), warned: args.Warned,
	}
	if err := ctx.RegisterComponentResource(names.Project+":stack:Stack", name, s, opts...); err != nil {
		return nil, err
	}
	if err := s.provision(ctx, name, args); err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	s.URL = s.url(args)
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{
		"release": s.Release, "imageDigest": s.ImageDigest, drift.Warnings: pulumi.ToStringArray(s.warned),
	})
}

// check refuses arguments that would fail in the middle of an update.
func (a Args) check() error {
	problems := a.Validate(a.File)
	if a.File == nil {
		problems = append(problems, settings.Problemf("stackFiles", "names no file"))
	}
	return errors.Join(problems...)
}

// provision makes the children.
func (s *Stack) provision(ctx *pulumi.Context, name string, args Args) error {
	image, err := s.build(ctx, name, args)
	if err != nil {
		return err
	}
	if err := s.warn(ctx, args, image.inPlace()); err != nil {
		return err
	}
	if s.Release, err = deploy(ctx, name, image, args, s); err != nil {
		return err
	}
	image.services = nil // they are the main stack's
	for _, one := range args.Further {
		args := args.of(one)
		if err := s.warn(ctx, args, nil); err != nil {
			return err
		}
		if _, err := deploy(ctx, name+"-"+one.Name, image, args, s); err != nil {
			return err
		}
		for service, address := range args.endpoints(one.File) {
			s.Endpoints[one.Name+"_"+service] = address
		}
	}
	return nil
}

// build builds the image, where there are sources for one.
func (s *Stack) build(ctx *pulumi.Context, name string, args Args) (built, error) {
	if args.AppContext == "" {
		return built{image: s.ImageDigest}, nil
	}
	tag, warning := revision(ctx.Context(), args.AppContext)
	if err := warnAll(ctx, s, warning); err != nil {
		return built{}, err
	}
	var err error
	s.ImageDigest, err = buildImage(ctx, name, tag, args, s)
	return built{services: args.appServices(), image: s.ImageDigest, tagged: args.repository() + ":" + tag}, err
}

// repository is the application's image without a tag.
func (a Args) repository() string { return a.Registry.Server + "/" + a.AppImage }

// warn warns in the preview about everything that will not work as the stack file's author
// may expect, unless that was reported before.
func (s *Stack) warn(ctx *pulumi.Context, args Args, images map[string]string) error {
	warnings := slices.Concat(args.File.Warnings(images), args.File.PortWarnings(args.OpenPorts),
		args.hostPortWarnings(), args.File.NodeWarnings(args.Nodes), args.unprovided())
	s.warned = append(slices.Clip(s.warned), warnings...)
	return warnAll(ctx, s, args.Drift.News(warnings)...)
}

// unprovided warns of missing secrets of a file that stack-repo deploys. For a file that
// this program deploys, config.go refuses them.
func (a Args) unprovided() []string {
	if a.StackDeploy {
		return nil
	}
	var warnings []string
	for _, problem := range a.File.Unprovided(slices.Collect(maps.Keys(a.Secrets))) {
		warnings = append(warnings, problem.Error())
	}
	return warnings
}

// hostPortWarnings are about ports in mode host behind a balancer.
func (a Args) hostPortWarnings() []string {
	if !a.LoadBalancer {
		return nil
	}
	return a.File.HostPortWarnings(a.OpenPorts.Public)
}

func warnAll(ctx *pulumi.Context, resource pulumi.Resource, warnings ...string) error {
	for _, warning := range warnings {
		if warning == "" {
			continue
		}
		if err := ctx.Log.Warn(warning, &pulumi.LogArgs{Resource: resource}); err != nil {
			return err
		}
	}
	return nil
}

// endpoints lists where the services answer: at the entry, or at the manager that deploys
// for a port that a balancer does not forward.
func (a Args) endpoints(file *stackfile.File) map[string]pulumi.StringOutput {
	addresses := map[string]pulumi.StringOutput{}
	for service, published := range file.Ports() {
		address := a.Manager.PublicAddress
		if slices.Contains(a.OpenPorts.Public, published[0]) {
			address = a.Entry.Address
		}
		addresses[service] = pulumi.Sprintf("http://%s:%d", address, published[0])
	}
	return addresses
}

// url is https and the entry's name if the edge of any stack publishes HTTPS. Otherwise it
// is where the service with the image built here publishes a port.
func (s *Stack) url(args Args) pulumi.StringOutput {
	files := []*stackfile.File{args.File}
	for _, one := range args.Further {
		files = append(files, one.File)
	}
	for _, file := range files {
		for _, published := range file.Ports() {
			if slices.Contains(published, stackfile.HTTPSPort) {
				return text("https://" + args.Entry.Name())
			}
		}
	}
	for _, service := range args.appServices() {
		if address, ok := s.Endpoints[service]; ok {
			return address
		}
	}
	return text("")
}

func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }
