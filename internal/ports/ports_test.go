package ports

import "testing"

func TestKept(t *testing.T) {
	for port, want := range map[int]bool{22: true, 2377: true, 4789: true, 7946: true, 8080: false, 0: false} {
		if got := Kept(port); (got != "") != want {
			t.Errorf("%d belongs to %q, want something: %t", port, got, want)
		}
	}
}
