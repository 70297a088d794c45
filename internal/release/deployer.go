package release

import "averazure/internal/stackfile"

// Deployer changes and watches stacks on one manager.
type Deployer struct {
	Reader
	// Swarm is Docker on this manager.
	Swarm Swarm
	// Containers are this manager's containers, by which the agent shares volumes; without
	// them it shares none.
	Containers Containers
}

// NewDeployer returns a Deployer that reads stacks and changes them through Docker.
func NewDeployer(docker Swarm, reader Reader) *Deployer {
	reader.Swarm = docker
	return &Deployer{Reader: reader, Swarm: docker}
}

// Order is what somebody wants deployed.
type Order struct {
	// File is the stack file.
	File *stackfile.File
	// Images maps a service of the file to the image that it runs.
	Images map[string]string
	// Secrets maps a secret's logical name to the version to use.
	Secrets map[string]string
	// From is who owns the stack file afterwards: pulumi or stack-repo.
	From string
	// By is who asks: pulumi, stack-repo or person.
	By string
	// Revision and Actor are the commit and the person, where known.
	Revision, Actor string
	// Token is the mark that `pulumi up` leaves; empty keeps the existing one.
	Token string
	// TakeOver lets pulumi take a stack file back that stack-repo owns.
	TakeOver bool
	// Scope is what the deploy key may do, stack or images; empty is anything.
	Scope string
}

// Who owns a stack file.
const (
	FromPulumi    = "pulumi"
	FromStackRepo = "stack-repo"
)
