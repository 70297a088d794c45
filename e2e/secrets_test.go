package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// secretValues are the texts that must not be stored anywhere in plain text, by the name of
// the output, key or resource that they come from. They are the secrets in the state that
// are values in their own right: every private key and password that the program made, the
// Swarm's join tokens, and the registry's token.
func secretValues(t *testing.T) map[string]string {
	t.Helper()
	box.mu.Lock()
	defer box.mu.Unlock()
	if box.secrets != nil {
		return box.secrets
	}
	secrets := map[string]string{
		"registryToken":     configValue(t, "averazure:registryToken"),
		"registryPullToken": configValue(t, "averazure:registryPullToken"),
	}
	for _, r := range stateResources(t) {
		switch r.Type {
		case "tls:index/privateKey:PrivateKey":
			for _, output := range []string{"privateKeyOpenssh", "privateKeyPem"} {
				for i, line := range keyLines(r.secret(t, output)) {
					secrets[fmt.Sprintf("%s.%s line %d", r.name(), output, i)] = line
				}
			}
		case "azuread:index/applicationPassword:ApplicationPassword":
			secrets[r.name()] = r.secret(t, "value")
		case "command:remote:Command":
			if strings.HasSuffix(r.name(), "-init") {
				var tokens struct{ Worker, Manager string }
				if err := json.Unmarshal([]byte(r.secret(t, "stdout")), &tokens); err != nil {
					t.Fatal(err)
				}
				secrets["worker token"], secrets["manager token"] = tokens.Worker, tokens.Manager
			}
		}
	}
	for name, value := range secrets {
		if len(value) < 12 {
			t.Fatalf("the value of %s is not known: %q", name, value)
		}
	}
	// Three passwords and tokens, and at least the keys of the admin, the pipeline and the
	// nodes, in two forms each.
	if len(secrets) < 15 {
		t.Fatalf("only %d secrets are known", len(secrets))
	}
	box.secrets = secrets
	return secrets
}

// keyLines are the lines of a PEM block that contain the private half of an ed25519 key. In
// an OpenSSH block it begins in the fourth line; the lines before it hold names, the public
// half and a check number.
// https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
func keyLines(pem string) []string {
	lines := strings.Split(strings.TrimSpace(pem), "\n")
	if strings.Contains(lines[0], "OPENSSH") {
		return lines[4 : len(lines)-2]
	}
	return lines[1 : len(lines)-1]
}

// stateResource is a resource as stored in the state, with its secrets decrypted.
type stateResource struct {
	URN, Type string
	Outputs   map[string]any
}

func (r stateResource) name() string { return r.URN[strings.LastIndex(r.URN, "::")+2:] }

// secret is an output that has to be a secret text.
func (r stateResource) secret(t *testing.T, output string) string {
	t.Helper()
	secret, _ := r.Outputs[output].(map[string]any)
	var value string
	if err := json.Unmarshal([]byte(fmt.Sprint(secret["plaintext"])), &value); err != nil {
		t.Fatalf("%s of %s is not a secret in the state: %v", output, r.URN, r.Outputs[output])
	}
	return value
}

func stateResources(t *testing.T) []stateResource {
	t.Helper()
	raw, err := box.command(t.Context(), "pulumi", "--", "stack", "export", "--show-secrets").Output()
	if err != nil {
		t.Fatalf("export the state: %v", err)
	}
	var state struct {
		Deployment struct{ Resources []stateResource }
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		t.Fatalf("read the state: %v", err)
	}
	return state.Deployment.Resources
}

func configValue(t *testing.T, key string) string {
	t.Helper()
	out, err := box.command(t.Context(), "pulumi", "--", "config", "get", key).Output()
	if err != nil {
		t.Fatalf("read the key %s: %v", key, err)
	}
	return strings.TrimSpace(string(out))
}

// reveal names the secrets that the text contains, as they are or in base64.
func reveal(secrets map[string]string, text string) []string {
	var found []string
	for name, value := range secrets {
		for _, form := range append(inBase64(value), value) {
			if strings.Contains(text, form) {
				found = append(found, name)
				break
			}
		}
	}
	sort.Strings(found)
	return found
}

// inBase64 is how a text appears inside a longer text that was encoded as a whole: one form
// for each position that its first byte may have in a group of three, without the
// characters that also depend on the neighbouring bytes.
func inBase64(value string) []string {
	var forms []string
	for offset := range 3 {
		whole := value[(3-offset)%3:]
		whole = whole[:len(whole)/3*3]
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(whole)))
	}
	return forms
}

func TestRevealFindsEveryForm(t *testing.T) {
	secrets := map[string]string{"it": "correct horse battery"}
	for prefix := range 4 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", prefix) + secrets["it"] + "yz"))
		if found := reveal(secrets, "a "+text); len(found) != 1 {
			t.Errorf("behind %d bytes it is not found in %s", prefix, text)
		}
	}
	if found := reveal(secrets, "correct horse"); len(found) != 0 {
		t.Errorf("found %v where it is not", found)
	}
}

func TestNoSecretInTheEnginesOutput(t *testing.T) {
	if found := reveal(secretValues(t), box.firstUp); len(found) > 0 {
		t.Errorf("the output of up shows %v", found)
	}
}

func TestNoSecretInAnyCommandLine(t *testing.T) {
	if len(box.commandLines) < 50 {
		t.Fatalf("only %d command lines were seen during up; the watch does not work", len(box.commandLines))
	}
	secrets := secretValues(t)
	for _, line := range box.commandLines {
		if found := reveal(secrets, line); len(found) > 0 {
			t.Errorf("%v stands in the command line of %.80s...", found, line)
		}
	}
}

func TestNoSecretInTheState(t *testing.T) {
	secrets, files := secretValues(t), 0
	err := filepath.WalkDir(filepath.Join(box.stateDir(), "state"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if found := reveal(secrets, string(content)); len(found) > 0 {
			t.Errorf("%v is stored in plain text in %s", found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no state file was found")
	}
}

// readable is what others could read on a node: histories, logs and the process list. It
// also has what is public: the releases and other Docker configs, and the services' specs.
func readable(t *testing.T, node string) string {
	t.Helper()
	const collect = `cat /root/.*history /home/*/.*history 2>/dev/null; journalctl --no-pager -o cat 2>/dev/null; ` +
		`cat /var/log/*.log /var/log/apt/* 2>/dev/null; ps -eo args; find /tmp /run/stackctl* -type f -exec cat {} + 2>/dev/null; ` +
		`for kind in config service; do docker $kind ls -q 2>/dev/null | xargs -r docker $kind inspect; done; ` +
		`docker config ls -q 2>/dev/null | xargs -r docker config inspect --format '{{json .Spec.Data}}' | tr -d '"' | while read -r data; do echo "$data" | base64 -d | zcat -f; echo; done; true`
	return box.exec(t, node, "sh", "-c", collect)
}

func TestNoSecretInHistoriesLogsAndConfigsOfTheNodes(t *testing.T) {
	secrets := secretValues(t)
	for _, node := range box.outputs(t).Nodes {
		if found := reveal(secrets, readable(t, node.Name)); len(found) > 0 {
			t.Errorf("%v stands in a history, log or process list of %s", found, node.Name)
		}
	}
}

func TestSecretOutputsAreMaskedUnlessAskedFor(t *testing.T) {
	out, err := box.command(t.Context(), "outputs").Output()
	if err != nil {
		t.Fatal(err)
	}
	if found := reveal(secretValues(t), string(out)); len(found) > 0 {
		t.Errorf("`outputs` shows %v", found)
	}
	if !strings.Contains(string(out), "[secret]") {
		t.Errorf("no output is masked:\n%s", out)
	}
}
