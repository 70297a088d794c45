package azure

import (
	"fmt"
	"strings"
)

// Refusal is the emulated service's error for a request that the original would refuse.
type Refusal struct {
	Type     string // the service's type, "Microsoft.Compute/virtualMachines"
	Name     string // the resource's name in the service
	Resource string // the resource's name in the program, from its URN
	Code     string // the service's error code, or "NotPlayed" if only the sandbox refuses it
	Message  string // the rule
}

// Error names the resource as in the service and as in the program.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s %s (resource %q): %s: %s", r.Type, r.Name, r.Resource, r.Code, r.Message)
}

// notPlayed is the code for what Azure can do and the sandbox cannot.
const notPlayed = "NotPlayed"

func (op *operation) refuse(code, format string, args ...any) error {
	return &Refusal{Type: op.kind.azure, Name: op.name, Resource: op.urn.Name(), Code: code,
		Message: fmt.Sprintf(format, args...)}
}

// last returns the last part of an id or a path.
func last(id string) string { return id[strings.LastIndex(id, "/")+1:] }
