package golden

import "testing"

func TestCompare(t *testing.T) {
	t.Setenv("UPDATE_GOLDEN", "")
	Compare(t, "example.txt", "one\ntwo\n")
	for got, want := range map[string]string{
		"one\nthree\n": "- two\n+ three",
		"one\n":        "- two\n+ ",
		"one\r\ntwo\n": "- one\n+ one\r",
	} {
		if said := firstDifference("one\ntwo\n", got); said != want {
			t.Errorf("%q: %q, want %q", got, said, want)
		}
	}
}
