package release

import (
	"fmt"
	"strings"
	"time"
)

// Status is what stackctl reports about a stack. Whether it is as released and whether it
// works are two questions, with two answers.
type Status struct {
	Stack string `json:"stack"`
	// Unknown is set if there is no such stack: the names of the stacks that exist.
	Unknown *[]string `json:"unknown,omitempty"`
	// InSync says that nothing differs from the last release.
	InSync bool `json:"inSync"`
	// Healthy says that everything that should run does run.
	Healthy bool `json:"healthy"`
	// Token is the mark that the last deployment left, while the stack is as it was
	// released. Otherwise it is another mark, always the same for the same differences. The
	// nodes do not count: other resources of the program handle them.
	Token       string          `json:"token"`
	Release     *ReleaseStatus  `json:"release"` // nil: there is none yet
	Releases    []ReleaseStatus `json:"releases"`
	Differences []Difference    `json:"differences"`
	Services    []ServiceStatus `json:"services"`
	Nodes       []NodeStatus    `json:"nodes"`
	Secrets     []SecretStatus  `json:"secrets"`
	// LastAttempt is the last deployment, if it did not come up.
	LastAttempt *Attempt `json:"lastAttempt,omitempty"`
	// Deploying is who is changing the stack now, and Paused until when healing leaves it
	// alone.
	Deploying *Holder `json:"deploying,omitempty"`
	Paused    *Paused `json:"paused,omitempty"`
	// Reboots is when nodes may reboot next, if one has to; nil if none has to, or if there
	// is no window.
	Reboots *time.Time `json:"reboots,omitempty"`
	// RebootsWait says what the next reboot waits for beside its window.
	RebootsWait string `json:"rebootsWait,omitempty"`
	// Backups say how the backups of each manager went; empty if none was made yet.
	Backups []BackupStatus `json:"backups,omitempty"`
	// Bound are the services of the whole Swarm that keep data on nodes. An older stackctl,
	// which does not know them, leaves the field out.
	Bound []BoundService `json:"bound"`
}

// ReleaseStatus is one release in a list.
type ReleaseStatus struct {
	Number   int               `json:"number"`
	From     string            `json:"from"`
	By       string            `json:"by"`
	Origin   string            `json:"origin,omitempty"` // as in Release
	Time     time.Time         `json:"time"`
	Revision string            `json:"revision,omitempty"`
	Actor    string            `json:"actor,omitempty"`
	Images   map[string]string `json:"images"` // by full service name
	// Changes describe what the release changed from the one before it. Only Releases sets
	// it.
	Changes []string `json:"changes,omitempty"`
	// RolledBack is set while a rollback is in force.
	RolledBack *RolledBack `json:"rolledBack,omitempty"`
}

// InForce says, for a rollback that is in force, which releases it left and how to go
// forward again; empty if there is none.
func (r *ReleaseStatus) InForce() string {
	if r == nil || r.RolledBack == nil {
		return ""
	}
	text := fmt.Sprintf("somebody rolled back from release %d to release %d, which runs again as release %d", r.RolledBack.From, r.RolledBack.To, r.Number)
	if changes := r.RolledBack.Changes; len(changes) > 0 {
		text += fmt.Sprintf(". Deploying %d again would change: %s", r.RolledBack.From, strings.Join(changes, "; "))
	}
	if r.From == FromStackRepo {
		return text + ". This stays until stack-repo deploys: push a change, or run its workflow again"
	}
	return text + ". `pulumi up` leaves it while nothing else changes; `pulumi up --replace '**Command::*-deploy'` deploys again"
}

// ServiceStatus is what runs of a service.
type ServiceStatus struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	Mode  string `json:"mode,omitempty"`
	// Desired tasks should run. Running tasks do run, on nodes that are not down. Done
	// tasks have ended with 0, as intended.
	Desired int `json:"desired"`
	Running int `json:"running"`
	Done    int `json:"done"`
	// Updated is how many of the Desired tasks run the new spec, while a rolling update is
	// under way.
	Updated int `json:"updated,omitempty"`
	// Ports are the ports that it publishes, for example 443/tcp.
	Ports []string `json:"ports,omitempty"`
	// Update is Swarm's own state of the last rolling update.
	Update string `json:"update,omitempty"`
	// State is up, starting, crashing, homeless, pinned, failed or gone.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// NodeStatus is one node of the Swarm.
type NodeStatus struct {
	Name         string `json:"name"`
	Role         string `json:"role"`
	State        string `json:"state"`
	Availability string `json:"availability"`
	Leader       bool   `json:"leader"`
	Reachable    bool   `json:"reachable"` // of a manager: the other managers reach it
	LabelsOK     bool   `json:"labelsOk"`
	Held         string `json:"held,omitempty"` // why the agent leaves it as it is
	// Reboot is what the node has to reboot for; empty if it does not have to.
	Reboot string `json:"reboot,omitempty"`
}

// SecretStatus is one stored version of a secret.
type SecretStatus struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}
