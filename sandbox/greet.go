package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"averazure/internal/release"
)

// outputs are the stack's outputs that up shows.
type outputs struct {
	APIURL       string `json:"apiUrl"`
	EntryAddress string `json:"entryAddress"`
	ManagerIP    string `json:"managerIp"`
	StackName    string `json:"stackName"`
	Nodes        []struct{ Name string }
}

// manager is the name of the first manager.
func (o outputs) manager() string {
	if len(o.Nodes) == 0 {
		return "NODE"
	}
	return o.Nodes[0].Name
}

// greet prints where everything is and which commands come next.
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
	if out.APIURL == "" { // averazure:appService publishes no port, or nothing is deployed
		progress("the stack is up; its service publishes no port; `%s outputs` lists the addresses", opts.self())
		return nil
	}
	status := s.status(ctx, out)
	if nothingReleased(status) {
		fmt.Printf(awaiting, out.APIURL, out.StackName, opts.self())
		return nil
	}
	progress("waiting up to %s until the service answers at %s", answerLimit, out.APIURL)
	client, err := s.browser(out)
	if err != nil {
		return err
	}
	page, err := fetch(ctx, client, out.APIURL)
	if err != nil {
		return fmt.Errorf("the stack is up, but its API does not answer at %s: %w\n%s", out.APIURL, err, waysOut(out, opts.self(), s.openPorts().public))
	}
	root := s.room.RootFile()
	if short, err := filepath.Rel(s.work.ProjectDir, root); err == nil {
		root = short
	}
	status = s.status(ctx, out)
	if inForce := status.Release.InForce(); inForce != "" {
		fmt.Printf("\nStack %s: %s\n", out.StackName, adviser{opts.self(), out.manager()}.advice(inForce))
	}
	fmt.Print(greetingOf(out, page, root, opts.self()), portsOf(status, s.openPorts(), out, opts.self()), cachesOf(s.dirs.cache, opts.self()))
	return nil
}

// status is what stackctl reports of the stack. It is empty if the manager does not
// answer.
func (s *session) status(ctx context.Context, out outputs) release.Status {
	var said bytes.Buffer
	code, err := s.room.Exec(ctx, out.manager(), []string{"stackctl", "status", "--json", out.StackName}, nil, &said, io.Discard)
	if err != nil || code != 0 {
		return release.Status{}
	}
	return readStatus(said.Bytes())
}

// nothingReleased tells whether a stack was announced to the managers but not deployed yet:
// the first push of stack-repo deploys it (averazure:stackDeploy). It is false for an empty
// status, because then the manager did not answer.
func nothingReleased(status release.Status) bool {
	return status.Stack != "" && status.Release == nil && len(status.Services) == 0
}

func readStatus(said []byte) release.Status {
	var status release.Status
	if json.Unmarshal(said, &status) != nil {
		return release.Status{}
	}
	return status
}

// cachesOf says where the caches are, how large they are, and how to remove them.
func cachesOf(dir, self string) string {
	return fmt.Sprintf("  caches       %[1]s%[2]s; to remove them: `%[3]s down`, then rm -r %[1]s\n", dir, sizeOf(dir, greetTime), self)
}

// openPorts are the firewall's open ports: public ones to everybody at the entry, admin
// ones to this machine at the manager.
type openPorts struct{ public, admin []string }

func (s *session) openPorts() (open openPorts) {
	open.public, _ = s.work.List("publicPorts")
	open.admin, _ = s.work.List("adminPorts")
	return open
}

// portsOf formats one line for each published port, where it is open, and how to open all
// that are closed.
func portsOf(status release.Status, open openPorts, out outputs, self string) string {
	var lines strings.Builder
	var closed []string
	for _, service := range status.Services {
		for _, published := range service.Ports {
			number, protocol, _ := strings.Cut(published, "/")
			how := "closed; the firewall opens TCP ports only"
			switch {
			case protocol != "tcp":
			case slices.Contains(open.public, number):
				how = fmt.Sprintf("open at %s:%s", out.EntryAddress, number)
			case slices.Contains(open.admin, number):
				how = fmt.Sprintf("open at %s:%s, to this machine", out.ManagerIP, number)
			default:
				how = "closed"
				closed = append(closed, number)
			}
			fmt.Fprintf(&lines, "  port         %s of %s: %s\n", published, service.Name, how)
		}
	}
	return lines.String() + openingOf(closed, open, self)
}

// openingOf formats how to open ports: all to admins, and single ones to everybody, since a page
// without a login must not be opened to everybody by mistake.
func openingOf(closed []string, open openPorts, self string) string {
	if len(closed) == 0 {
		return ""
	}
	with := func(already []string, more ...string) string { return strings.Join(slices.Concat(already, more), ",") }
	return fmt.Sprintf("  open to me   %[1]s up --config adminPorts=%[2]s\n  or to all    %[1]s up --config publicPorts=%[3]s, with one of them for PORT\n",
		self, with(open.admin, closed...), with(open.public, "PORT"))
}

// greetingOf is the end of up's output: the service's answer and the next commands.
func greetingOf(out outputs, page, root, self string) string {
	return fmt.Sprintf(greeting, out.APIURL, strings.TrimSuffix(page, "\n"), opening(out, root), out.ManagerIP, self, out.manager())
}

// browser is an HTTP client that finds the entry's name and trusts its certificate.
func (s *session) browser(out outputs) (*http.Client, error) {
	root, err := os.ReadFile(s.room.RootFile())
	if err != nil {
		return nil, err
	}
	return visitor(out, root)
}

// opening formats how to open the entry from this machine, which neither resolves its
// name nor trusts its certificate. For an address it is empty.
func opening(out outputs, root string) string {
	address, err := url.Parse(out.APIURL)
	if err != nil || address.Scheme != "https" {
		return ""
	}
	return fmt.Sprintf(howToOpen, root, address.Hostname(), port(address), out.EntryAddress)
}

// port is the port of a URL.
func port(address *url.URL) string {
	if address.Port() == "" && address.Scheme == "https" {
		return "443"
	}
	return cmp.Or(address.Port(), "80")
}

// waysOut tells what to check if the API does not answer: whether its port is open, and
// what stackctl reports.
func waysOut(out outputs, self string, open []string) string {
	look := fmt.Sprintf("`%s exec %s -- stackctl status %s` shows what runs", self, out.manager(), out.StackName)
	address, err := url.Parse(out.APIURL)
	if err != nil || slices.Contains(open, port(address)) {
		return look
	}
	return fmt.Sprintf("port %s is not in averazure:publicPorts (%s); `%s up --config publicPorts=%s` opens it; %s",
		port(address), strings.Join(open, ", "), self, strings.Join(append(slices.Clone(open), port(address)), ","), look)
}

const awaiting = `
The nodes are up, and nothing runs on them yet. What is deployed first answers at %[1]s.
  deploy       push to stack-repo: averazure:stackDeploy leaves the stack %[2]s to its pipeline
  outputs      %[3]s outputs
`

const greeting = `
The service is up: %[1]s
%[2]s

%[3]s  RabbitMQ     http://%[4]s:15672 (guest/guest)    Seq  http://%[4]s:8081
  look around  %[5]s exec %[6]s -- docker service ls
  outputs      %[5]s outputs
  edit         repos/code-repo (the API), repos/stack-repo/stack.yml (what runs), Pulumi.sandbox.yaml (settings)
  look first   %[5]s preview
  apply        %[5]s up
  add a secret %[5]s secret set NAME
  take it down %[5]s down; caches, packages and secrets stay, and it says where and how to remove them
`

const howToOpen = `  open it      curl --cacert %[1]s --resolve %[2]s:%[3]s:%[4]s https://%[2]s
  browser      import %[1]s as an authority, and chromium --host-resolver-rules="MAP %[2]s %[4]s" https://%[2]s
`
