package stack

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/registry"
)

// deployTime bounds a deployment, in seconds: pulling on a slow line, rolling
// every service over, and rolling back when that fails. stackctl has shorter
// bounds of its own for each, 1500 in all; this one is for a manager that hangs.
// handBackTime is what stackctl then has for telling Docker to run the last good
// release again.
const (
	deployTime   = 1800
	handBackTime = 60
)

// Args is what the layer is made from.
type Args struct {
	Config
	// File is what StackFiles hold.
	File *File
	// Manager is the first manager, ready for stackctl.
	Manager host.Host
	// Secrets maps the name of a Docker secret to its versioned name.
	Secrets map[string]pulumi.StringOutput
	// Registry is where the image is pushed.
	Registry registry.Registry
	// Login names the login at the registry that the nodes pull with, without
	// giving it away. A new name is a new deployment: services keep the login that
	// they were deployed with. Nil or empty where nobody logs in.
	Login pulumi.StringInput
	// Nodes are all machines of the Swarm, for the names that the file may use.
	Nodes []host.Host
	// OpenPorts are the TCP ports that the firewall opens for somebody.
	OpenPorts []int
	// ClosedPorts are those that only wait for averazure:adminCidrs.
	ClosedPorts []int
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
	// Endpoints maps each service that publishes TCP ports to the address of
	// its first one.
	Endpoints map[string]pulumi.StringOutput
}

// New builds the application's image and has the stack deployed.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Stack, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	s := &Stack{
		Name: args.StackName, Service: args.AppService, Image: args.repository(),
		ImageDigest: text(""), Endpoints: endpoints(args.File, args.Manager),
	}
	if err := ctx.RegisterComponentResource("averazure:stack:Stack", name, s, opts...); err != nil {
		return nil, err
	}
	if err := s.provision(ctx, name, args); err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{
		"release": s.Release, "imageDigest": s.ImageDigest,
	})
}

// check refuses what would fail in the middle of an update.
func (a Args) check() error {
	problems := a.Validate(a.File)
	if a.File == nil {
		problems = append(problems, errors.New("there is no stack file"))
	}
	return join(problems)
}

// provision makes the children.
func (s *Stack) provision(ctx *pulumi.Context, name string, args Args) error {
	if err := s.warn(ctx, args); err != nil {
		return err
	}
	images := pulumi.StringMap{}
	if args.AppContext != "" {
		tag, warning := revision(ctx.Context(), args.AppContext)
		if err := warnAll(ctx, s, warning); err != nil {
			return err
		}
		var err error
		if s.ImageDigest, err = buildImage(ctx, name, tag, args, s); err != nil {
			return err
		}
		images[args.AppService] = s.ImageDigest
	}
	var err error
	s.Release, err = deploy(ctx, name, images, args, s)
	return err
}

// deploy hands the rendered file to stackctl: to deploy it, or, where that is
// left to stack-repo's pipeline, to know what the pipeline's key may change.
//
// It has no delete: the stack lives and dies with the Swarm, and setting
// stackDeploy to false must not take a running service away. It has no triggers
// either, since a replacement would deploy a second time; a rebuilt manager and a
// new registry login are told by names in the command, which make an update.
func deploy(ctx *pulumi.Context, name string, images pulumi.StringMap, args Args, parent pulumi.Resource) (pulumi.StringOutput, error) {
	secrets := pulumi.StringMap{}
	for logical, versioned := range args.Secrets {
		secrets[logical] = versioned
	}
	rendered := pulumi.All(images, secrets).ApplyT(func(values []any) (string, error) {
		return args.File.Render(Changes{Images: values[0].(map[string]string), Secrets: values[1].(map[string]string)})
	}).(pulumi.StringOutput)
	verb := "deploy --from pulumi"
	if !args.StackDeploy {
		verb = "trust"
	}
	login := args.Login
	if login == nil {
		login = pulumi.String("")
	}
	line := pulumi.All(args.Manager.VMID, login).ApplyT(func(known []any) string {
		text := fmt.Sprintf("sudo -n timeout -k %d %d stackctl %s %s # machine %s", handBackTime, deployTime, verb, args.StackName, known[0])
		if known[1] != "" {
			text += fmt.Sprintf(", login %s", known[1])
		}
		return text
	}).(pulumi.StringOutput)
	options := append([]pulumi.ResourceOption{pulumi.Parent(parent), pulumi.DependsOn(args.Manager.Needs)}, args.Manager.Options...)
	if args.Manager.Machine != nil {
		options = append(options, pulumi.DeletedWith(args.Manager.Machine))
	}
	command, err := remote.NewCommand(ctx, name+"-deploy", &remote.CommandArgs{
		Connection:             args.Manager.Connection(),
		Create:                 line,
		Update:                 line,
		Stdin:                  rendered,
		AddPreviousOutputInEnv: pulumi.Bool(false),
	}, options...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("deploy stack %s: %w", args.StackName, err)
	}
	number := command.Stderr.ApplyT(func(report string) (string, error) {
		return release(report), warnAll(ctx, parent, notDeployed(report))
	}).(pulumi.StringOutput)
	return number, nil
}

// notDeployed is the warning for somebody who expects this program to have
// deployed, and who may not see stackctl's line among the others.
func notDeployed(report string) string {
	if !strings.Contains(report, "came from stack-repo") {
		return ""
	}
	return "averazure:stackDeploy: stack-repo owns the stack file since it deployed: this program's stack file and image were not deployed. " +
		"Set the key to false to leave it so; or take the stack back, on a manager with `sudo stackctl deploy --take-over STACK < stack.yml` and then here with `pulumi up --replace '**-deploy'`"
}

// releaseLine is what stackctl ends with when everything runs.
var releaseLine = regexp.MustCompile(`release ([0-9]+) runs`)

// release reads the number of the release from what stackctl reported.
func release(report string) string {
	found := releaseLine.FindAllStringSubmatch(report, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// repository is the application's image without a tag.
func (a Args) repository() string { return a.Registry.Server + "/" + a.AppImage }

// warn says in the preview what will not work as the stack file's author may
// expect.
func (s *Stack) warn(ctx *pulumi.Context, args Args) error {
	var nodes []string
	for _, node := range args.Nodes {
		nodes = append(nodes, node.Name)
	}
	secrets := slices.Collect(maps.Keys(args.Secrets))
	return warnAll(ctx, s, slices.Concat(args.File.Ignored(), args.File.PortWarnings(args.OpenPorts, args.ClosedPorts),
		args.File.NodeWarnings(nodes), args.File.SecretWarnings(secrets))...)
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

// endpoints lists where the services answer: every node would do, the first
// manager's address is the one that others know.
func endpoints(file *File, manager host.Host) map[string]pulumi.StringOutput {
	addresses := map[string]pulumi.StringOutput{}
	for service, ports := range file.ports() {
		addresses[service] = pulumi.Sprintf("http://%s:%d", manager.PublicAddress, ports[0])
	}
	return addresses
}

func text(s string) pulumi.StringOutput { return pulumi.String(s).ToStringOutput() }

// join makes one error of the problems, nil when there is none.
func join(problems []error) error { return errors.Join(problems...) }
