package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"averazure/internal/release"
)

const sealedOne, sealedTwo, plainSecret = "first-sealed-value", "second-sealed-value", "value-in-a-plain-file"

// The files of a stack arrive in each of the three ways of deploying. The containers read
// them, a change rolls only the service that uses them, a rollback brings them back, and
// they are removed with the stack.
func TestStackFilesBringWhatTheyName(t *testing.T) {
	t.Parallel()
	client := leakedKey(t)
	recipient := delivered(t, "stack-repo")["vars.AGE_RECIPIENT"]
	if recipient != box.outputs(t).all["ageRecipient"] {
		t.Errorf("AGE_RECIPIENT is %q", recipient)
	}
	one, two := sealFor(t, recipient, sealedOne), sealFor(t, recipient, sealedTwo)
	s := newStack(t, "site")

	// As `pulumi up` deploys, with values of variables. The other two ways use the same
	// values.
	s.expect(t, s.ask(t, newSite(1, "page one", one).request(t), "deploy", "--from", "pulumi", s.name), release.Runs, 1)
	s.mustRead(t, "page one", sealedOne)
	s.mustHaveMade(t, "site_page", "site_plain", "site_sealed")

	edge, db := s.running(t, "edge"), s.running(t, "db")
	newSite(1, "page two", one).onManager(t, "/root/e2e-site")
	s.expect(t, s.ask(t, "", "deploy", s.name, "/root/e2e-site"), release.Runs, 2)
	s.mustRead(t, "page two", sealedOne)
	if slices.Equal(s.running(t, "edge"), edge) || !slices.Equal(s.running(t, "db"), db) {
		t.Errorf("a new config: edge %v, then %v; db %v, then %v", edge, s.running(t, "edge"), db, s.running(t, "db"))
	}

	pushes(t)
	edge = s.running(t, "edge")
	pushed := newSite(1, "page two", two)
	mustNameFiles(t, client, pushed["stack.yml"])
	s.expect(t, withDeployKey(t, client, "deploy site --json --file stack.yml", pushed.archive(t)), release.Runs, 3)
	s.mustRead(t, "page two", sealedTwo)
	if !slices.Equal(s.running(t, "edge"), edge) || slices.Equal(s.running(t, "db"), db) {
		t.Errorf("a new secret: edge %v, then %v; db %v, then %v", edge, s.running(t, "edge"), db, s.running(t, "db"))
	}
	s.mustHaveMade(t, "site_page", "site_page", "site_plain", "site_sealed", "site_sealed")

	s.expect(t, withDeployKey(t, client, "rollback site 1 --json", ""), release.Runs, 4)
	s.mustRead(t, "page one", sealedOne)
	s.mustHaveMade(t, "site_page", "site_plain", "site_sealed") // contents that only withdrawn releases used are removed
	mustHideFileSecrets(t)
	if result := s.ask(t, "", "remove", s.name); result.Outcome != release.Runs {
		t.Errorf("remove: %+v", result)
	}
	s.mustHaveMade(t)
}

// The last ten releases stay, each with the contents that a rollback to it needs.
func TestLongFormerContentsGoWithTheirReleases(t *testing.T) {
	isLong(t)
	recipient := delivered(t, "stack-repo")["vars.AGE_RECIPIENT"]
	one, two := sealFor(t, recipient, sealedOne), sealFor(t, recipient, sealedTwo)
	s := newStack(t, "former")
	s.deploy(t, newSite(1, "page one", one).request(t), release.Runs, 1)
	for number := 2; number <= 10; number++ {
		s.deploy(t, newSite(number, "page two", two).request(t), release.Runs, number)
	}
	s.mustHaveMade(t, "former_page", "former_page", "former_plain", "former_sealed", "former_sealed")
	s.deploy(t, newSite(11, "page two", two).request(t), release.Runs, 11)
	s.mustHaveMade(t, "former_page", "former_plain", "former_sealed")
	s.mustRead(t, "page two", sealedTwo)
}

// mustNameFiles expects stackctl to tell a pipeline which files a stack file names.
func mustNameFiles(t *testing.T, client *ssh.Client, text string) {
	t.Helper()
	session := newSession(t, client)
	session.Stdin = strings.NewReader(text)
	out, err := session.Output("files site --json")
	var named struct{ Files, Images []string }
	if err == nil {
		err = json.Unmarshal(out, &named)
	}
	if want := []string{"conf/edge.env", "conf/page", "plain.txt", "sealed.age"}; err != nil || !slices.Equal(named.Files, want) || len(named.Images) != 1 {
		t.Errorf("the file names %q, want %q, and the images %q (%v)", named.Files, want, named.Images, err)
	}
}

// mustHideFileSecrets fails if the secrets of the site are found where others could read
// them.
func mustHideFileSecrets(t *testing.T) {
	t.Helper()
	secrets := map[string]string{"sealed one": sealedOne, "sealed two": sealedTwo, "plain": plainSecret}
	for _, node := range box.outputs(t).Nodes {
		if found := reveal(secrets, readable(t, node.Name)); len(found) > 0 {
			t.Errorf("%v stands in a history, log, config or process list of %s", found, node.Name)
		}
	}
}

// The private key is only on managers, and only root can read it.
func TestOnlyManagersOpenSecrets(t *testing.T) {
	const key = "/etc/averazure/secrets.key"
	for _, node := range box.outputs(t).Nodes {
		out, err := box.tryExec(t.Context(), node.Name, "stat", "-c", "%U %a", key)
		if node.Role == "manager" && strings.TrimSpace(out) != "root 600" || node.Role != "manager" && err == nil {
			t.Errorf("%s: %s is %q (%v)", node.Name, key, out, err)
		}
	}
	public := strings.TrimSpace(box.exec(t, "aver-manager", "ssh-keygen", "-y", "-f", key))
	if public != box.outputs(t).all["ageRecipient"] {
		t.Errorf("the managers' key is %q, the output ageRecipient %q", public, box.outputs(t).all["ageRecipient"])
	}
}

// TestSlowRotatedAgeKey: a file that was encrypted for the former key is refused, a file
// that was encrypted again is deployed, and a rollback needs no file.
func TestSlowRotatedAgeKey(t *testing.T) {
	isSlow(t)
	former := delivered(t, "stack-repo")["vars.AGE_RECIPIENT"]
	s := newStack(t, "rotated")
	s.deploy(t, newSite(1, "page", sealFor(t, former, sealedOne)).request(t), release.Runs, 1)
	box.mustRun(t, "pulumi", "--", "up", "--yes", "--replace", "**-age-key")
	box.forget()
	recipient := delivered(t, "stack-repo")["vars.AGE_RECIPIENT"]
	if recipient == former || recipient != box.outputs(t).all["ageRecipient"] {
		t.Fatalf("AGE_RECIPIENT is %q, was %q", recipient, former)
	}
	s.mustBeWhole(t, 1)
	s.deploy(t, newSite(2, "page", sealFor(t, former, sealedTwo)).request(t), release.Refused, 0, "secret-unreadable")
	s.deploy(t, newSite(2, "page", sealFor(t, recipient, sealedTwo)).request(t), release.Runs, 2)
	s.mustRead(t, "page", sealedTwo)
	s.expect(t, s.ask(t, "", "rollback", s.name), release.Runs, 3)
	s.mustRead(t, "page", sealedOne)
}

// A deployment that is killed midway leaves no unused config behind: the manager's agent
// puts the release back and removes the leftovers.
func TestKilledDeploymentLeavesNoContents(t *testing.T) {
	t.Parallel()
	sealed := sealFor(t, delivered(t, "stack-repo")["vars.AGE_RECIPIENT"], sealedOne)
	s := newStack(t, "killed")
	s.deploy(t, newSite(1, "page one", sealed).request(t), release.Runs, 1)
	const request = "/root/e2e-killed/request"
	site{"request": newSite(2, "page two", sealed).request(t)}.onManager(t, filepath.Dir(request))
	box.exec(t, "aver-manager", "sh", "-ec", `stackctl deploy --from pulumi "$1" <"$2" >/dev/null 2>&1 & run=$!
		for i in $(seq 400); do
			[ "$(docker config ls --quiet --filter "label=averazure.file=$1_page" | wc -l)" -lt 2 ] || break
			sleep 0.02
		done
		kill -9 "$run"; wait "$run" || true
		[ "$(docker config ls --quiet --filter "label=averazure.file=$1_page" | wc -l)" = 2 ]`, "sh", s.name, request)
	want := []string{"killed_page", "killed_plain", "killed_sealed"}
	eventually(t, time.Minute, "the killed deployment's config is gone", func() (bool, string) {
		made := s.contents(t)
		return slices.Equal(made, want), fmt.Sprint(made)
	})
	s.mustRead(t, "page one", sealedOne)
}
