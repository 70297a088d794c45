// Package release deploys a stack on a Swarm and keeps it as it was released. It
// knows nothing of flags, files or SSH: it works on Docker's own types, through
// the narrow interface Swarm.
//
// A release is what was seen running. Each is a Docker config, so that every
// manager knows it and can go back to it or heal.
package release
