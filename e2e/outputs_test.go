package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

// node is an element of the stack output `nodes`.
type node struct{ Name, Role, PrivateAddress, PublicAddress, HostKey string }

type outputs struct {
	ManagerIP        string
	SSHUser          string
	AdminPrivateKey  string
	DeployPrivateKey string
	ManagerHostKey   string
	APIURL           string
	EntryName        string
	EntryAddress     string
	ImageDigest      string
	StackName        string
	Nodes            []node

	all map[string]any
}

// outputs are the Pulumi stack's outputs, with secrets in plain text.
func (s *sandbox) outputs(t *testing.T) *outputs {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached != nil {
		return s.cached
	}
	o, err := s.readOutputs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.cached = o
	return s.cached
}

func (s *sandbox) readOutputs(ctx context.Context) (*outputs, error) {
	raw, err := s.command(ctx, "outputs", "--json", "--show-secrets").Output()
	var o outputs
	if err == nil {
		err = errors.Join(json.Unmarshal(raw, &o), json.Unmarshal(raw, &o.all))
	}
	if err != nil {
		return nil, fmt.Errorf("read the outputs: %w", err)
	}
	return &o, nil
}

// forget makes the next test read the outputs and secrets again, after they changed.
func (s *sandbox) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached, s.secrets = nil, nil
}
