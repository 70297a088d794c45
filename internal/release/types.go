package release

import (
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"

	"averazure/internal/stackfile"
)

// Release is one release of a stack, as it is stored in the Swarm.
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
	// Revision and Actor are the commit and the person, if the pipeline gives them.
	Revision string `json:"revision,omitempty"`
	Actor    string `json:"actor,omitempty"`
	// Token is the mark that `pulumi up` left; see Status.Token.
	Token string `json:"token,omitempty"`
	// Time is when the release was recorded.
	Time time.Time `json:"time"`
	// Withdraws is the first release that a rollback to this one left behind; 0 if there is
	// none. Releases from that number up to this one are never applied again.
	Withdraws int `json:"withdraws,omitempty"`
	// RolledBack is set while a rollback is in force: until something else is deployed.
	RolledBack *RolledBack `json:"rolledBack,omitempty"`

	// Specs are what was asked for, images by digest.
	Specs stackfile.Specs `json:"specs"`
	// Live are the services as Docker had them then, normalised, with names instead of ids.
	// `status` compares the present services with them.
	Live map[string]swarm.ServiceSpec `json:"live"`
	// Logins identifies the registry login with which each service was deployed, without
	// revealing it (see keyed). Another login needs another deployment: Swarm keeps the old
	// one.
	Logins map[string]string `json:"logins,omitempty"`
	// Secrets maps each secret's logical name to the version that it ran with.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// RolledBack describes what a rollback left.
type RolledBack struct {
	// From is the release that it left, and To the one that runs again.
	From int `json:"from"`
	To   int `json:"to"`
	// Changes is how the release that it left differs from what runs: what going forward
	// to it would change.
	Changes []string `json:"changes,omitempty"`
	// Left are all releases that have been withdrawn since, oldest first, including the one
	// that runs again.
	Left []ReleaseStatus `json:"left,omitempty"`
}

// State is the state of one stack and of its nodes in the Swarm at one moment.
type State struct {
	Services []swarm.Service
	Tasks    []swarm.Task
	Nodes    []swarm.Node
	Networks []network.Summary
	Secrets  []swarm.Secret // of the whole Swarm
	// Unrecorded says that there is no record of the present version of each secret. Only
	// Status asks for that: only `pulumi up` can put it back.
	Unrecorded bool
	// Names are the differences in the services' names on this node. A caller that compares
	// all stacks at once does not ask for them.
	Names []Difference
}
