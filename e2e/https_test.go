package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// visitor is a client on the sandbox's internet, which asks the sandbox's name server
// for addresses and trusts its authority.
func (s *sandbox) visitor() *http.Client {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimSuffix(sandboxNetwork, "0/24")+"3:53")
	}}
	roots := x509.NewCertPool()
	if text, err := os.ReadFile(filepath.Join(s.stateDir(), "ca.crt")); err == nil {
		roots.AppendCertsFromPEM(text)
	}
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DialContext:     (&net.Dialer{Resolver: resolver}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
}

// leadTo makes every name lead to the address.
func leadTo(client *http.Client, address string) {
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, asked string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(asked)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, port))
	}
}

// visitor is a client for which every name leads to the address.
func visitor(t *testing.T, address string) *http.Client {
	client := box.visitor()
	leadTo(client, address)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// apiResponse is the API's response on a new connection; its body is not read.
func apiResponse(t *testing.T) *http.Response {
	t.Helper()
	client := box.visitor()
	defer client.CloseIdleConnections()
	response, err := client.Get(box.outputs(t).APIURL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// certificate is the edge's certificate, as a new connection gets it.
func certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	return apiResponse(t).TLS.PeerCertificates[0]
}

func TestTheEntryIsHTTPSWithACertificateOfItsName(t *testing.T) {
	o := box.outputs(t)
	if o.APIURL != "https://"+o.EntryName {
		t.Errorf("the API is at %s, want https://%s", o.APIURL, o.EntryName)
	}
	cert := certificate(t)
	if !slices.Equal(cert.DNSNames, []string{o.EntryName}) {
		t.Errorf("the certificate is of %v, want %s", cert.DNSNames, o.EntryName)
	}
	if left := time.Until(cert.NotAfter); left < 30*24*time.Hour || left > 100*24*time.Hour {
		t.Errorf("it is valid for %s, want Let's Encrypt's 90 days", left)
	}
	if _, _, err := fetch(visitor(t, o.EntryAddress), "https://other.example"); err == nil {
		t.Error("the edge has a certificate of a name that is none of ours")
	}
	stranger := &http.Client{Timeout: 15 * time.Second, Transport: visitor(t, o.EntryAddress).Transport.(*http.Transport).Clone()}
	stranger.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
	if _, _, err := fetch(stranger, o.APIURL); err == nil {
		t.Error("who does not trust the sandbox's authority takes the certificate")
	}
}

// TestTheAddressThatUpPrintsOpensTheService runs the command that the first up printed, as
// a user does.
func TestTheAddressThatUpPrintsOpensTheService(t *testing.T) {
	_, line, _ := strings.Cut(box.firstUp, "  open it ")
	line, _, _ = strings.Cut(line, "\n")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = box.project
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), greeting) {
		t.Errorf("%s\nprints %q, %v", line, out, err)
	}
}

func TestHTTPLeadsToHTTPS(t *testing.T) {
	client := box.visitor()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	name := box.outputs(t).EntryName
	response, err := client.Get("http://" + name + "/healthz?a=b")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	to := response.Header.Get("Location")
	if response.StatusCode != http.StatusPermanentRedirect || to != "https://"+name+"/healthz?a=b" {
		t.Errorf("it answers %s to %s", response.Status, to)
	}
}

// TestTheApplicationIsReachedThroughTheEdgeAlone: the application publishes no port on the
// nodes.
func TestTheApplicationIsReachedThroughTheEdgeAlone(t *testing.T) {
	ports := box.exec(t, "aver-manager", "docker", "service", "inspect", "aver_api", "--format", "{{len .Endpoint.Ports}}")
	if strings.TrimSpace(ports) != "0" {
		t.Errorf("aver_api publishes %s ports", ports)
	}
	if got := apiResponse(t).Header; got.Get("Server") != "" || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Strict-Transport-Security") != "" {
		t.Errorf("the edge answers with %v", got)
	}
}

// TestACaddyfileThatChangesRollsTheEdgeAlone pushes a changed Caddyfile and reverts it. The
// certificate is the same before and after, and no request fails.
func TestACaddyfileThatChangesRollsTheEdgeAlone(t *testing.T) {
	p := newPipeline(t, owner)
	p.mustDeploy(t) // what runs is what stack-repo has, whatever was deployed last
	before, serial := tasks(t), certificate(t).SerialNumber
	watch := watchAnswers(box.outputs(t).APIURL)
	p.edit(t, filepath.Join(p.stack, "Caddyfile"), "X-Content-Type-Options nosniff", "X-Content-Type-Options nosniff\n\t\tX-Edge another")
	p.push(t, p.stack, "Answer with a header more")
	p.mustDeploy(t)
	if got := edgeHeader(t); got != "another" {
		t.Errorf("the edge answers with X-Edge %q, the Caddyfile says another", got)
	}
	now := tasks(t)
	for service, was := range before {
		if changed := now[service] != was; changed != (service == "aver_edge") {
			t.Errorf("%s had the tasks %s, and has %s", service, was, now[service])
		}
	}
	git(t, p.stack, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "revert", "--no-edit", "HEAD")
	git(t, p.stack, "push", "-q", "origin", "HEAD:main")
	p.mustDeploy(t)
	if s := watch.stop(); s.failed > 0 {
		t.Errorf("during the two deployments: %s", s)
	}
	if got := edgeHeader(t); got != "" {
		t.Errorf("the edge still answers with X-Edge %q", got)
	}
	if got := certificate(t).SerialNumber; got.Cmp(serial) != 0 {
		t.Errorf("the edge has the certificate %x, and had %x", got, serial)
	}
}

// TestSlowEdgeWithoutItsCertificateGetsAnother removes the edge's certificate, as if the
// edge had moved to another manager, after the authority was restarted: the authority still
// knows the edge's account.
func TestSlowEdgeWithoutItsCertificateGetsAnother(t *testing.T) {
	isSlow(t)
	before := certificate(t).SerialNumber
	if err := box.engine(t.Context(), "restart", containerName("acme")); err != nil {
		t.Fatal(err)
	}
	var edge string
	eventually(t, time.Minute, "the edge that was before the last push has ended", func() (bool, string) {
		edge = strings.TrimSpace(box.exec(t, "aver-manager", "docker", "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=aver_edge"))
		return edge != "" && !strings.Contains(edge, "\n"), edge
	})
	box.exec(t, "aver-manager", "docker", "exec", edge, "rm", "-r", "/data/caddy/certificates")
	box.exec(t, "aver-manager", "docker", "kill", edge)
	eventually(t, time.Minute, "another certificate", func() (bool, string) {
		client := box.visitor()
		defer client.CloseIdleConnections()
		response, err := client.Get(box.outputs(t).APIURL)
		if err != nil {
			return false, err.Error()
		}
		response.Body.Close()
		serial := response.TLS.PeerCertificates[0].SerialNumber
		return serial.Cmp(before) != 0 && response.StatusCode == http.StatusOK, response.Status
	})
}

// edgeHeader is the X-Edge header that a new connection gets.
func edgeHeader(t *testing.T) string {
	t.Helper()
	return apiResponse(t).Header.Get("X-Edge")
}

// tasks are the ids of each service's tasks that should run.
func tasks(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, service := range []string{"aver_api", "aver_edge", "aver_rabbitmq", "aver_seq"} {
		ids := strings.Fields(box.exec(t, "aver-manager", "docker", "service", "ps", service, "-q", "--filter", "desired-state=running"))
		slices.Sort(ids)
		all[service] = strings.Join(ids, " ")
	}
	return all
}

// edgeRunsOn asks a manager for the node that should run the edge.
func edgeRunsOn(t *testing.T, manager string) string {
	t.Helper()
	out := box.exec(t, manager, "docker", "service", "ps", "aver_edge", "--filter", "desired-state=running", "--format", "{{.Node}}")
	node, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(node)
}
