package mesh

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commands replaces the agent's programs by a stub that records its calls.
func commands(t *testing.T) (notes func() string) {
	t.Helper()
	dir := t.TempDir()
	stub := "#!/bin/sh\necho \"$*\" >> " + dir + "/notes\n"
	if err := os.WriteFile(filepath.Join(dir, "nsenter"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "notes"))
		os.Remove(filepath.Join(dir, "notes"))
		return string(text)
	}
}

func TestAConfirmedTableIsTrustedForAWhileOnly(t *testing.T) {
	notes, ctx := commands(t), context.Background()
	a := agentAt(t, "none", t.TempDir())
	give := func() string {
		t.Helper()
		if err := a.give(ctx, here, "rules", nil); err != nil {
			t.Fatal(err)
		}
		return notes()
	}
	if got := give(); !strings.Contains(got, "nft -f -") {
		t.Errorf("the rules were not given: %q", got)
	}
	if got := give(); got != "" {
		t.Errorf("the same rules were given at once again: %q", got)
	}
	was := a.applied[here]
	was.at = time.Now().Add(-renewal)
	a.applied[here] = was // a new namespace may have the old one's number
	if got := give(); got == "" {
		t.Error("a namespace of the same number is taken for the same forever")
	}
	a.doubt()
	if got := give(); got == "" {
		t.Error("after a doubt nothing is given")
	}
}

func TestAFailingEngineMakesItsNamespacesUnreliable(t *testing.T) {
	a := agentAt(t, engine(t, "nonsense"), t.TempDir())
	a.applied[here] = applied{inode(here), "rules", time.Now()}
	if err := a.step(context.Background()); err == nil {
		t.Fatal("nonsense was understood")
	}
	if a.applied[here].has(inode(here), "rules", time.Now()) {
		t.Error("its namespaces are relied upon")
	}
	if a.applied[here].rules == "" {
		t.Error("it is forgotten what has to be taken back")
	}
}

func TestANodeThatLeftItsSwarmTakesEverythingBack(t *testing.T) {
	notes := commands(t)
	a := agentAt(t, "none", t.TempDir())
	a.table, a.ingress.address = wantTable, "172.18.0.2"
	a.applied[here] = applied{inode(here), nodeRules(wantTable, "172.18.0.2"), time.Now()}
	if err := a.clear(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := notes()
	for _, want := range []string{"nft -f -", "iptables -w 5 -D DOCKER-USER -d 172.18.0.2"} {
		if !strings.Contains(got, want) {
			t.Errorf("done was %q, without %q", got, want)
		}
	}
	if len(a.applied) != 0 || a.ingress.address != "" || len(a.table.Ports) != 0 {
		t.Errorf("remembered are %v, %v, %v", a.applied, a.ingress, a.table)
	}
	if err := a.clear(context.Background()); err != nil || notes() != "" {
		t.Error("it is done again and again")
	}
}

func TestACommandThatHangsIsEnded(t *testing.T) {
	old := commandTime
	commandTime = 100 * time.Millisecond
	t.Cleanup(func() { commandTime = old })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nsenter"), []byte("#!/bin/sh\nexec sleep 20\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	began := time.Now()
	if _, err := within(context.Background(), here, "", "nft"); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("it ended after %s with %v", time.Since(began), err)
	}
}
