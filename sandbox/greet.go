package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// greet says where everything is, in the words of a shell.
func (s *session) greet(ctx context.Context, opts *options) error {
	raw, err := s.output("stack", "output", "--json")
	if err != nil {
		return err
	}
	var outputs struct {
		APIURL    string `json:"apiUrl"`
		ManagerIP string `json:"managerIp"`
		Nodes     []struct{ Name string }
	}
	if err := json.Unmarshal(raw, &outputs); err != nil {
		return fmt.Errorf("read the stack's outputs: %w", err)
	}
	page, err := fetch(ctx, outputs.APIURL)
	if err != nil {
		return fmt.Errorf("the stack is up, but its API does not answer: %w", err)
	}
	self, node := "go run ./sandbox", "NODE"
	if opts.name != defaultName {
		self += " --name " + opts.name
	}
	if len(outputs.Nodes) > 0 {
		node = outputs.Nodes[0].Name // the first manager
	}
	fmt.Printf(greeting, outputs.APIURL, page, outputs.ManagerIP, self, node)
	return nil
}

const greeting = `
The service is up: %[1]s
%[2]s
  RabbitMQ     http://%[3]s:15672    Seq  http://%[3]s:8081
  look around  %[4]s exec %[5]s -- docker service ls
  outputs      %[4]s outputs
  change it    %[4]s up --config averazure:workers=3
  take it down %[4]s down
`
