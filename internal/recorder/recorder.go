// Package recorder runs a Pulumi program without an engine and without a cloud, and records
// what it registers. Unlike the SDK's own mocks it speaks the engine's protocol, so that
// secrets, unknown values in a preview, stack outputs and warnings arrive as they would in
// the engine. It also refuses a URN that is registered twice, which mocks accept silently.
package recorder

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// Answer returns the outputs that a provider would add to a resource's inputs.
type Answer func(r *Resource) resource.PropertyMap

// Recorder plays the engine for one run of a program. Set its fields before Run; the zero
// value is an update of the stack averazure/test without configuration.
type Recorder struct {
	// Project and Stack default to averazure and test.
	Project, Stack string
	// Preview leaves all values unknown that only a provider could tell. A resource whose
	// inputs are the same in State has known outputs.
	Preview bool
	// Config has full keys, as in averazure:workers; SecretKeys are those of them
	// that are secret.
	Config     map[string]string
	SecretKeys []string
	// Fail is a type whose creation fails, by its full token. FailWith is what its
	// provider says, and FailTimes how often each resource fails; 0: always.
	Fail, FailWith string
	FailTimes      int
	// FailOn limits Fail to the resource of that name; empty: all resources of the type.
	FailOn string
	// Answers add to, or replace, the known outputs of a type.
	Answers map[string]Answer
	// State has the outputs that the last update left, by URN; a stack that was never up
	// has none.
	State resource.PropertyMap

	mutex     sync.Mutex
	resources []*Resource
	packages  map[string]*pulumirpc.RegisterPackageRequest
	seen      map[string]bool
	outputs   map[string]resource.PropertyMap
	logs      []string
	loggedOn  map[string]string
	hooks     map[string]*pulumirpc.Callback
}

// Resource is one registration.
type Resource struct {
	Type, Name, URN string
	// ParentURN is empty for children of the stack.
	ParentURN string
	// Inputs hold secrets and unknown values as such.
	Inputs resource.PropertyMap
	// Outputs are the outputs that the program received.
	Outputs resource.PropertyMap
	// Request has the resource's options: dependencies, deletedWith, aliases ….
	Request *pulumirpc.RegisterResourceRequest
	// Package is the package of a provider that serves the resource, if the program names
	// one; the version is then the package's and not the request's.
	Package *pulumirpc.RegisterPackageRequest
}

// Parent is the parent's type and name, "-" for children of the stack.
func (r *Resource) Parent() string {
	if r.ParentURN == "" {
		return "-"
	}
	parent := resource.URN(r.ParentURN)
	return string(parent.Type()) + " " + parent.Name()
}

// Run runs the program and returns its error.
func (r *Recorder) Run(program pulumi.RunFunc) error {
	r.reset()
	cancel := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterResourceMonitorServer(server, &monitor{recorder: r})
			pulumirpc.RegisterEngineServer(server, &engine{recorder: r})
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("serve the recorder: %w", err)
	}
	defer func() {
		close(cancel)
		<-handle.Done
	}()
	address := fmt.Sprintf("127.0.0.1:%d", handle.Port)
	return pulumi.RunErr(program, func(info *pulumi.RunInfo) {
		info.Project, info.Stack, info.DryRun = r.Project, r.Stack, r.Preview
		info.Config, info.ConfigSecretKeys = r.Config, r.SecretKeys
		info.MonitorAddr, info.EngineAddr = address, address
		info.Parallel = 16
	})
}

// reset forgets an earlier run and fills in the defaults.
func (r *Recorder) reset() {
	if r.Project == "" {
		r.Project = "averazure"
	}
	if r.Stack == "" {
		r.Stack = "test"
	}
	r.resources, r.logs, r.packages = nil, nil, map[string]*pulumirpc.RegisterPackageRequest{}
	r.seen, r.outputs = map[string]bool{}, map[string]resource.PropertyMap{}
	r.loggedOn = map[string]string{}
	r.hooks = map[string]*pulumirpc.Callback{}
}

// Resources are all registrations in the order in which they came.
func (r *Recorder) Resources() []*Resource { return r.resources }

// OfType are the registrations of one type, by name.
func (r *Recorder) OfType(token string) []*Resource {
	var found []*Resource
	for _, res := range r.resources {
		if res.Type == token {
			found = append(found, res)
		}
	}
	slices.SortFunc(found, func(a, b *Resource) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// Get is the registration of a type and name, nil when there is none.
func (r *Recorder) Get(token, name string) *Resource {
	for _, res := range r.OfType(token) {
		if res.Name == name {
			return res
		}
	}
	return nil
}

// Types are all types that were registered, components included.
func (r *Recorder) Types() []string {
	set := map[string]bool{}
	for _, res := range r.resources {
		set[res.Type] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Exports are the stack's outputs, secrets as such.
func (r *Recorder) Exports() resource.PropertyMap {
	return r.outputs[r.rootURN()]
}

// ComponentOutputs are what a component registered as its outputs.
func (r *Recorder) ComponentOutputs(urn string) resource.PropertyMap { return r.outputs[urn] }

// Logs are the program's messages, each beginning with its severity.
func (r *Recorder) Logs() []string { return r.logs }

// Told are the lines that the program logged as information.
func (r *Recorder) Told() (lines []string) {
	for _, log := range r.logs {
		if text, ok := strings.CutPrefix(log, "info: "); ok {
			lines = append(lines, strings.Split(text, "\n")...)
		}
	}
	return lines
}

// LoggedOn is the URN of the resource that a message of Logs belongs to; empty
// when it belongs to none, or was not sent.
func (r *Recorder) LoggedOn(message string) string { return r.loggedOn[message] }

// Inventory is a table of every resource (type, name, parent) in a fixed order,
// for golden files.
func (r *Recorder) Inventory() string {
	lines := make([]string, 0, len(r.resources))
	for _, res := range r.resources {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s", res.Type, res.Name, res.Parent()))
	}
	slices.Sort(lines)
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TYPE\tNAME\tPARENT")
	for _, line := range lines {
		fmt.Fprintln(table, line)
	}
	table.Flush()
	return text.String()
}

// Leaks lists where a text is in plain text: in an input, an output or a stack output that
// is not secret, in an option, or in a message.
func (r *Recorder) Leaks(text string) []string {
	var leaks []string
	for _, res := range r.resources {
		if inClear(resource.NewProperty(res.Inputs), text) {
			leaks = append(leaks, "inputs of "+res.URN)
		}
		if inClear(resource.NewProperty(res.Outputs), text) {
			leaks = append(leaks, "outputs of "+res.URN)
		}
	}
	for urn, outputs := range r.outputs {
		if inClear(resource.NewProperty(outputs), text) {
			leaks = append(leaks, "registered outputs of "+urn)
		}
	}
	for _, line := range r.logs {
		if strings.Contains(line, text) {
			leaks = append(leaks, "message "+strings.ReplaceAll(line, text, "[text]"))
		}
	}
	slices.Sort(leaks)
	return leaks
}

func (r *Recorder) rootURN() string {
	return string(resource.NewURN(pulumiStack(r.Stack), pulumiProject(r.Project), "", resource.RootStackType, r.Project+"-"+r.Stack))
}
