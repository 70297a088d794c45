package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"
)

// registryClient asks the registry with one of its two logins and the certificates
// that the nodes use.
type registryClient struct {
	http                   http.Client
	server, user, password string
}

// registryAs is the client of a login: registry, which pushes, or registryPull.
func registryAs(t *testing.T, login string) *registryClient {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(box.exec(t, "aver-manager", "cat", "/etc/ssl/certs/ca-certificates.crt")))
	return &registryClient{
		http:   http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		server: configValue(t, "averazure:registryServer"),
		user:   configValue(t, "averazure:"+login+"Username"), password: configValue(t, "averazure:"+login+"Token"),
	}
}

func (c *registryClient) ask(t *testing.T, method, path string) (status int, header http.Header) {
	t.Helper()
	request, err := http.NewRequest(method, "https://"+c.server+"/v2/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(c.user, c.password)
	request.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header
}

func TestLoginThatPullsMayNotPush(t *testing.T) {
	const upload = "aver-api/blobs/uploads/"
	for login, want := range map[string]int{"registry": http.StatusAccepted, "registryPull": http.StatusUnauthorized} {
		client := registryAs(t, login)
		if status, _ := client.ask(t, http.MethodPost, upload); status != want {
			t.Errorf("a push with the login of %sToken is answered with %d, want %d", login, status, want)
		}
		if status, _ := client.ask(t, http.MethodGet, "aver-api/tags/list"); status != http.StatusOK {
			t.Errorf("a pull with the login of %sToken is answered with %d", login, status)
		}
	}
}

// TestNoNodeHasTheTokenThatPushes reads what a root shell on a node could: Docker's
// logins, settings, homes and what is in memory file systems.
func TestNoNodeHasTheTokenThatPushes(t *testing.T) {
	const everything = `find /root /home /etc /opt /run /tmp /usr/local /var/lib /var/lib/docker -xdev -type f -size -512k ` +
		`-not -path '/var/lib/docker/overlay2/*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*' -exec cat {} + 2>/dev/null; true`
	tokens := map[string]string{
		"push": configValue(t, "averazure:registryToken"), "pull": configValue(t, "averazure:registryPullToken"),
	}
	for _, node := range box.outputs(t).Nodes {
		found := strings.Join(reveal(tokens, box.exec(t, node.Name, "sh", "-c", everything)), " ")
		// A worker gets the login that pulls with each task, and its Swarm keeps the tasks.
		if found != "pull" && (found != "" || node.Role == "manager") {
			t.Errorf("%s, a %s, keeps the tokens %q, want the one that pulls", node.Name, node.Role, found)
		}
	}
	if d := delivered(t, "stack-repo"); len(reveal(map[string]string{"push": tokens["push"]}, strings.Join(values(d), " "))) > 0 {
		t.Error("stack-repo has the token that pushes")
	}
	if got := box.outputs(t).all["registryToken"]; got != tokens["pull"] {
		t.Error("the output registryToken is not the token that pulls")
	}
}

func values(m map[string]string) (list []string) {
	for _, value := range m {
		list = append(list, value)
	}
	return list
}
