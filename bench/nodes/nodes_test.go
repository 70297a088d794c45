package main

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(second int, text string) line { return line{time.Unix(int64(second), 0), text} }

func TestLayer2GoesFromItsFirstCommandToItsLast(t *testing.T) {
	said := []line{
		at(1, " +  azure-native:compute:VirtualMachine aver-manager creating (0s)"),
		at(5, " +  command:remote:Command aver-manager-prepare creating (0s)"),
		at(9, " +  command:remote:CopyToRemote aver-manager-upload creating (0s)"),
		at(10, " +  command:remote:CopyToRemote aver-manager-upload created (1s)"),
		at(30, " +  command:remote:Command aver-manager-prepare created (25s)"),
		at(34, " +  command:remote:Command aver-manager-back created (3s)"),
		at(35, " +  command:remote:Command aver-deploy creating (0s)"),
		at(50, " +  command:remote:Command aver-deploy created (15s)"),
	}
	if work, err := layer2(said); err != nil || work != (worked{all: 29 * time.Second, common: 25 * time.Second}) {
		t.Errorf("%+v, %v", work, err)
	}
	for _, none := range [][]line{nil, said[:1], said[6:]} {
		if work, err := layer2(none); err == nil {
			t.Errorf("a run that did nothing on nodes took %+v", work)
		}
	}
}

func TestLoginsAreCounted(t *testing.T) {
	journal := `Server listening on 0.0.0.0 port 22.
Accepted publickey for aver from 198.18.20.1 port 33814 ssh2: ED25519 SHA256:x
pam_unix(sshd:session): session opened for user aver(uid=1000) by aver(uid=0)
Connection closed by authenticating user Accepted 1.2.3.4 port 1 [preauth]
Accepted publickey for aver from 10.60.1.4 port 50000 ssh2: ED25519 SHA256:x
`
	if got := accepted(journal); got != 2 {
		t.Errorf("%d logins", got)
	}
}

func TestRecapIsRead(t *testing.T) {
	const said = `
PLAY RECAP *********************************************************************
aver-manager               : ok=9    changed=4    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
aver-worker-1              : ok=7    changed=3    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
`
	for name, test := range map[string]struct {
		said      string
		nodes     int
		unchanged bool
		good      bool
	}{
		"changed":            {said, 2, false, true},
		"a check that would": {said, 2, true, false},
		"a node is missing":  {said, 3, false, false},
		"failed":             {strings.Replace(said, "failed=0", "failed=1", 1), 2, false, false},
		"unreachable":        {strings.Replace(said, "unreachable=0", "unreachable=1", 1), 2, false, false},
		"nothing to do":      {strings.NewReplacer("changed=4", "changed=0", "changed=3", "changed=0").Replace(said), 2, true, true},
		"did nothing":        {strings.Replace(said, "changed=4", "changed=0", 1), 2, false, false},
	} {
		if err := recap(test.said, test.nodes, test.unchanged); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBenchmarkIsRead(t *testing.T) {
	waits, err := readWaits(`goos: linux
BenchmarkWaiting/nodes=2-2         	       1	7123456789 ns/op	        15.00 commands	         3.512 s
BenchmarkWaiting/nodes=16            1	8123456789 ns/op	        99.00 commands	         3.6 s
PASS
`)
	if want := []wait{{2, 15, 3.512}, {16, 99, 3.6}}; err != nil || !slices.Equal(waits, want) {
		t.Errorf("%v, %v", waits, err)
	}
	if _, err := readWaits("PASS\n"); err == nil {
		t.Error("no figures were accepted")
	}
}

func TestSlopeAndMedian(t *testing.T) {
	if got := slope([]float64{2, 4, 8, 16}, []float64{7, 11, 19, 35}); math.Abs(got-2) > 1e-9 {
		t.Errorf("slope %g", got)
	}
	if got := []float64{median([]float64{3, 1, 2}), median([]float64{4, 1, 2, 3})}; !slices.Equal(got, []float64{2, 2.5}) {
		t.Errorf("medians %v", got)
	}
}

func TestAMissedAimIsMarked(t *testing.T) {
	if got := against("x", 30, 100, 0.4).figure; got != "0.30" {
		t.Error(got)
	}
	if got := against("x", 50, 100, 0.4).figure; got == "0.50" {
		t.Error(got)
	}
}

func TestTablesAreReplacedByName(t *testing.T) {
	page := "before\n" + opening + "\n<!-- curve -->\nold curve\n\n<!-- rebuild -->\nold rebuild\n\n" + closing + "after\n"
	got, err := replaced(page, []string{"waiting", "curve", "rebuild"}, map[string]string{"rebuild": "new rebuild\n", "waiting": "new waiting"})
	want := "before\n" + opening + "\n<!-- waiting -->\nnew waiting\n\n<!-- curve -->\nold curve\n\n<!-- rebuild -->\nnew rebuild\n\n" + closing + "after\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := replaced(got, []string{"waiting", "curve", "rebuild"}, nil); err != nil || again != got {
		t.Errorf("written again it is %q, %v", again, err)
	}
	if _, err := replaced("no place", nil, nil); err == nil {
		t.Error("a page without a place was accepted")
	}
}

func TestThePageHasAPlaceForTheTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := replaced(string(page), names(), nil); err != nil || again != string(page) {
		t.Errorf("%v; written again it changes: %t", err, again != string(page))
	}
}

func TestThePictureIsXML(t *testing.T) {
	picture := draw("seconds", []series{{"up", []float64{2, 16}, []float64{40, 213}}, {"preview", []float64{2, 16}, []float64{3, 5}}})
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, picture)
		}
	}
	for highest, want := range map[float64]float64{213: 50, 40: 5, 9.5: 1, 1.2: 0.2} {
		if got := tick(highest); math.Abs(got-want) > 1e-9 {
			t.Errorf("ticks up to %g: %g, want %g", highest, got, want)
		}
	}
}

func TestOnlyWhatThereIsIsMeasured(t *testing.T) {
	var b bench
	b.runs = 1
	if err := b.read("nothing,curve", "2,16"); err != nil || !b.parts["nothing"] || b.parts["rebuild"] || !b.needsBox() || !slices.Equal(b.nodes, []int{2, 16}) {
		t.Errorf("%+v, %v", b, err)
	}
	if err := b.read("waiting", "2"); err != nil || b.needsBox() {
		t.Errorf("%v", err)
	}
	for _, wrong := range [][2]string{{"walk", "2"}, {"", "2"}, {"curve", "1"}, {"curve", "two"}} {
		if b.read(wrong[0], wrong[1]) == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
