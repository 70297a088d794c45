package release

import (
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	for text, want := range map[string]Window{
		"":                      {},
		"Sunday 03:00-05:00":    {time.Sunday, 3 * time.Hour, 2 * time.Hour},
		"Saturday 23:30-01:00":  {time.Saturday, 23*time.Hour + 30*time.Minute, 90 * time.Minute},
		"Wednesday 00:00-00:00": {time.Wednesday, 0, 24 * time.Hour},
	} {
		if got, err := ParseWindow(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"sunday 03:00-05:00", "Sunday", "Sunday 3-5", "Sunday 24:00-01:00", "Someday 03:00-05:00", "Sunday 03:00-03:10", " ", "Sunday 03:00-05:00 CET"} {
		if got, err := ParseWindow(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestWindowIsOpenOnceAWeek(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04 -0700", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct {
		window, now string
		open        bool
		next        string
	}{ // 29 November 2026 is a Sunday
		{"Sunday 03:00-05:00", "2026-11-29 02:59 +0000", false, "2026-11-29 03:00 +0000"},
		{"Sunday 03:00-05:00", "2026-11-29 03:00 +0000", true, "2026-12-06 03:00 +0000"},
		{"Sunday 03:00-05:00", "2026-11-29 04:59 +0000", true, "2026-12-06 03:00 +0000"},
		{"Sunday 03:00-05:00", "2026-11-29 05:00 +0000", false, "2026-12-06 03:00 +0000"},
		{"Sunday 03:00-05:00", "2026-11-29 05:30 +0100", true, "2026-12-06 03:00 +0000"},
		{"Sunday 03:00-05:00", "2026-12-02 03:30 +0000", false, "2026-12-06 03:00 +0000"},
		{"Saturday 23:30-01:00", "2026-11-29 00:30 +0000", true, "2026-12-05 23:30 +0000"},
		{"Saturday 23:30-01:00", "2026-11-29 01:00 +0000", false, "2026-12-05 23:30 +0000"},
		{"", "2026-11-29 00:00 +0000", false, "2026-12-06 00:00 +0000"},
	} {
		w, err := ParseWindow(test.window)
		if err != nil || w.Open(at(test.now)) != test.open || !w.Next(at(test.now)).Equal(at(test.next)) {
			t.Errorf("%q at %s: open %v, next %s (%v)", test.window, test.now, w.Open(at(test.now)), w.Next(at(test.now)), err)
		}
	}
}
