package release

import (
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Release is one release of a stack, as it stands in the Swarm.
type Release struct {
	// Number counts a stack's releases from 1.
	Number int `json:"number"`
	// From is who owns the stack file: pulumi or stack-repo.
	From string `json:"from"`
	// By is what made the release: pulumi, stack-repo, person, rollback (also of a
	// deployment that failed), heal or restore.
	By string `json:"by"`
	// Origin is what made the release that healing or a put-back recorded again in this one;
	// empty of any other.
	Origin string `json:"origin,omitempty"`
	// Revision and Actor are the commit and the person, where the pipeline says so.
	Revision string `json:"revision,omitempty"`
	Actor    string `json:"actor,omitempty"`
	// Token is the mark that `pulumi up` left; see Status.Token.
	Token string `json:"token,omitempty"`
	// Time is when the release was recorded.
	Time time.Time `json:"time"`
	// Withdraws is the first release that a rollback to this one left behind; 0 is
	// none. Those from it up to this one are never applied again.
	Withdraws int `json:"withdraws,omitempty"`
	// RolledBack is set while a rollback is in force: until something else is deployed.
	RolledBack *RolledBack `json:"rolledBack,omitempty"`

	// Specs are what was asked for, images by digest.
	Specs stackfile.Specs `json:"specs"`
	// Live are the services as Docker then had them, normalised, with names
	// in place of ids: what `status` holds the present ones against.
	Live map[string]swarm.ServiceSpec `json:"live"`
	// Logins names the registry login that each service was deployed with, without
	// giving it away (see keyed). Another login is another deployment: Swarm keeps the old one.
	Logins map[string]string `json:"logins,omitempty"`
	// Secrets maps each secret's logical name to the version that it ran with.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// RolledBack says what a rollback left.
type RolledBack struct {
	// From is the release that it left, and To the one that runs again.
	From int `json:"from"`
	To   int `json:"to"`
	// Changes is how the release that it left differs from what runs: what going forward
	// to it would change.
	Changes []string `json:"changes,omitempty"`
	// Left are all releases that are withdrawn since, oldest first, the one that runs again
	// among them.
	Left []ReleaseStatus `json:"left,omitempty"`
}

// State is what the Swarm says at one moment of one stack, and of its nodes.
type State struct {
	Services []swarm.Service
	Tasks    []swarm.Task
	Nodes    []swarm.Node
	Networks []network.Summary
	Secrets  []swarm.Secret // of the whole Swarm
	// Unrecorded says that nothing tells the present version of each secret. Only
	// Status asks that: nobody but `pulumi up` can put it back.
	Unrecorded bool
	// Names are the differences in the services' names on this node. Who compares all
	// stacks at once does not ask for them.
	Names []Difference
}
