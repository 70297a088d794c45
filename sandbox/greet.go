package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// outputs are those of the stack that a user is told of.
type outputs struct {
	APIURL    string `json:"apiUrl"`
	ManagerIP string `json:"managerIp"`
	StackName string `json:"stackName"`
	Nodes     []struct{ Name string }
}

// manager is the first one's name.
func (o outputs) manager() string {
	if len(o.Nodes) == 0 {
		return "NODE"
	}
	return o.Nodes[0].Name
}

// greet says where everything is, in the words of a shell.
func (s *session) greet(ctx context.Context, opts *options) error {
	defer heartbeat()()
	raw, err := s.output("stack", "output", "--json")
	if err != nil {
		return err
	}
	var out outputs
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("read the stack's outputs: %w", err)
	}
	if out.APIURL == "" { // averazure:appService publishes no port, or nothing was deployed
		progress("the stack is up, and its service publishes no port; `%s outputs` says where everything is", opts.self())
		return nil
	}
	progress("waiting until the service answers at %s, %.0f s at most", out.APIURL, answerLimit.Seconds())
	page, err := fetch(ctx, out.APIURL)
	if err != nil {
		open, listErr := s.work.List("publicPorts")
		if listErr != nil {
			open = nil
		}
		return fmt.Errorf("the stack is up, but its API does not answer at %s: %w\n%s", out.APIURL, err, waysOut(out, opts.self(), open))
	}
	fmt.Printf(greeting, out.APIURL, strings.TrimSuffix(page, "\n"), out.ManagerIP, opts.self(), out.manager())
	return nil
}

// waysOut says where to look when the API does not answer: at its port, if that
// is not among the open ones, and at what the stack itself says.
func waysOut(out outputs, self string, open []string) string {
	look := fmt.Sprintf("`%s exec %s -- stackctl status %s` says what runs", self, out.manager(), out.StackName)
	address, err := url.Parse(out.APIURL)
	if err != nil || address.Port() == "" || slices.Contains(open, address.Port()) {
		return look
	}
	var opening string // a list's elements are set one by one, from the first on
	for i, port := range append(slices.Clone(open), address.Port()) {
		opening += fmt.Sprintf(" --config 'publicPorts[%d]=%s'", i, port)
	}
	return fmt.Sprintf("port %s is not in averazure:publicPorts (%s); `%s up%s` opens it; %s",
		address.Port(), strings.Join(open, ", "), self, opening, look)
}

const greeting = `
The service is up: %[1]s
%[2]s

  RabbitMQ     http://%[3]s:15672 (guest/guest)    Seq  http://%[3]s:8081
  look around  %[4]s exec %[5]s -- docker service ls
  outputs      %[4]s outputs
  change it    %[4]s up --config workers=3
  take it down %[4]s down
`
