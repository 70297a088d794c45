package stackfile

import (
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
)

// Specs is a stack file in the types of Docker's API, as `docker stack deploy`
// would send it to the Swarm. Secrets and configs are referred to by name; their
// ids are filled in when the specs are applied.
type Specs struct {
	// Services are the stack's services by their full names, as in aver_api.
	Services map[string]swarm.ServiceSpec `json:"services"`
	// Networks are the networks that the stack owns, by their full names.
	Networks map[string]network.CreateOptions `json:"networks,omitempty"`
	// External are the networks that somebody else made, by name.
	External []string `json:"external,omitempty"`
}
