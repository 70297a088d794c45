package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// secretValues are the values that may stand nowhere in clear, by the name of
// the output or key that they come from. Of a private key it is a line from
// its middle: the file as a whole may be re-encoded or indented.
func secretValues(t *testing.T) map[string]string {
	t.Helper()
	o := box.outputs(t)
	box.mu.Lock()
	defer box.mu.Unlock()
	if box.secrets != nil {
		return box.secrets
	}
	secret := map[string]string{
		"adminPrivateKey":  middleLine(o.AdminPrivateKey),
		"deployPrivateKey": middleLine(o.DeployPrivateKey),
	}
	secret["azure_client_secret"] = stateValue(t, "azuread:index/applicationPassword:ApplicationPassword", "value")
	secret["registryToken"] = configValue(t, "averazure:registryToken")
	for name, value := range secret {
		if len(value) < 12 {
			t.Fatalf("the value of %s is not known: %q", name, value)
		}
	}
	box.secrets = secret
	return secret
}

// stateValue decrypts an output of the first resource of that type.
func stateValue(t *testing.T, resourceType, output string) string {
	t.Helper()
	raw, err := box.command(t.Context(), "pulumi", "--", "stack", "export", "--show-secrets").Output()
	if err != nil {
		t.Fatalf("export the state: %v", err)
	}
	var state struct {
		Deployment struct {
			Resources []struct {
				Type    string
				Outputs map[string]any
			}
		}
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		t.Fatalf("read the state: %v", err)
	}
	for _, resource := range state.Deployment.Resources {
		if resource.Type != resourceType {
			continue
		}
		secret, _ := resource.Outputs[output].(map[string]any)
		var value string
		if err := json.Unmarshal([]byte(fmt.Sprint(secret["plaintext"])), &value); err != nil {
			t.Fatalf("%s of %s is not a secret: %v", output, resourceType, resource.Outputs[output])
		}
		return value
	}
	t.Fatalf("no %s in the state", resourceType)
	return ""
}

func configValue(t *testing.T, key string) string {
	t.Helper()
	out, err := box.command(t.Context(), "pulumi", "--", "config", "get", key).Output()
	if err != nil {
		t.Fatalf("read the key %s: %v", key, err)
	}
	return strings.TrimSpace(string(out))
}

func middleLine(pem string) string {
	lines := strings.Split(strings.TrimSpace(pem), "\n")
	return lines[len(lines)/2]
}

// reveal names the secrets that stand in the text.
func reveal(secrets map[string]string, text string) []string {
	var found []string
	for name, value := range secrets {
		if strings.Contains(text, value) {
			found = append(found, name)
		}
	}
	sort.Strings(found)
	return found
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
			t.Errorf("%v stands in clear in %s", found, path)
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

func TestNoSecretInHistoriesOrLogsOfTheNodes(t *testing.T) {
	secrets := secretValues(t)
	const collect = `cat /root/.*history /home/*/.*history 2>/dev/null; journalctl --no-pager -o cat 2>/dev/null; ` +
		`cat /var/log/*.log /var/log/apt/* 2>/dev/null; ps -eo args; true`
	for _, node := range box.outputs(t).Nodes {
		if found := reveal(secrets, box.exec(t, node.Name, "sh", "-c", collect)); len(found) > 0 {
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
