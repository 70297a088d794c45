package e2e

import (
	"maps"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestSlowAnotherOwnerGetsEverythingAndTheFormerOneKeepsNothing changes only the owner:
// both owners have repositories of the same names.
func TestSlowAnotherOwnerGetsEverythingAndTheFormerOneKeepsNothing(t *testing.T) {
	isSlow(t)
	const former, other, key = "your-org", "other-org", "secrets.STACK_REPO_KEY"
	setting := []string{"--config", "averazure:githubOwner=" + other}
	want := map[string]map[string]string{"code-repo": delivered(t, "code-repo"), "stack-repo": delivered(t, "stack-repo")}
	formerKey := want["code-repo"][key]
	t.Cleanup(func() {
		box.mustRun(t, "up") // with the owner of the baseline
		box.forget()
	})
	box.mustRun(t, append([]string{"up"}, setting...)...)
	box.forget()
	box.mustRun(t, append([]string{"preview", "--expect-no-changes"}, setting...)...)

	// The new key must not be in use in another repository already.
	want["code-repo"][key] = deliveredTo(t, other+"/code-repo")[key]
	if want["code-repo"][key] == formerKey {
		t.Error("both owners have one key for stack-repo, which GitHub refuses")
	}
	for repository, values := range want {
		got := deliveredTo(t, other+"/"+repository)
		if !maps.Equal(got, values) {
			t.Errorf("%s/%s has got %q, want %q with the values of the former owner", other, repository, names(got), names(values))
		}
		if left := deliveredTo(t, former+"/"+repository); len(left) > 0 {
			t.Errorf("%s/%s still has %q", former, repository, names(left))
		}
	}
}

// names leaves out the values, which must not appear in a log.
func names(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }

// TestKeyForStackRepoIsAKeyOfItsOwn: the key that code-repo has for stack-repo does not log
// in to any host.
func TestKeyForStackRepoIsAKeyOfItsOwn(t *testing.T) {
	key := delivered(t, "code-repo")["secrets.STACK_REPO_KEY"]
	if _, err := ssh.ParsePrivateKey([]byte(key)); err != nil {
		t.Fatalf("STACK_REPO_KEY: %v", err)
	}
	for _, user := range []string{box.outputs(t).SSHUser, delivered(t, "stack-repo")["vars.SSH_USER"]} {
		if client, err := managerSSH(t, user, key); err == nil {
			client.Close()
			t.Errorf("the key opens %s on the manager", user)
		}
	}
}
