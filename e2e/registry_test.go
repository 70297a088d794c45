package e2e

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// registryClient asks the registry with one of its two logins and with the certificates
// that the nodes use.
type registryClient struct {
	http                   http.Client
	server, user, password string
}

// registryAs is the client of one login: registry, which may push, or registryPull.
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

// newPullToken gives the pull login another token, as an operator who renews it does. The
// registry refuses the former token from then on, and the next up distributes the new one.
func newPullToken(t *testing.T) {
	t.Helper()
	former, token := registryAs(t, "registryPull"), rand.Text()
	kept, file := map[string]string{}, filepath.Join(box.stateDir(), "registry.json")
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	kept["PullPassword"] = token
	if err == nil {
		text, err = json.Marshal(kept)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(token))
	line := fmt.Sprintf("s|^%s:.*|%[1]s:{SHA}%s|", former.user, base64.StdEncoding.EncodeToString(sum[:]))
	if err := box.engine(t.Context(), "exec", containerName("registry"), "sed", "-i", line, "/etc/registry/readers"); err != nil {
		t.Fatal(err)
	}
	if status, _ := former.ask(t, http.MethodGet, "aver-api/tags/list"); status != http.StatusUnauthorized {
		t.Fatalf("a pull with the former token is answered with %d", status)
	}
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

// TestNoNodeHasTheTokenThatPushes reads what a root shell on a node could read: Docker's
// logins, settings, home directories and the contents of memory file systems.
func TestNoNodeHasTheTokenThatPushes(t *testing.T) {
	const everything = `find /root /home /etc /opt /run /tmp /usr/local /var/lib /var/lib/docker -xdev -type f -size -512k ` +
		`-not -path '/var/lib/docker/overlay2/*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*' -exec cat {} + 2>/dev/null; true`
	tokens := map[string]string{
		"push": configValue(t, "averazure:registryToken"), "pull": configValue(t, "averazure:registryPullToken"),
	}
	for _, node := range box.outputs(t).Nodes {
		found := strings.Join(reveal(tokens, box.exec(t, node.Name, "sh", "-c", everything)), " ")
		// A worker gets the pull login with each task, and Swarm keeps the tasks there.
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
