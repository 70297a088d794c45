package release

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Window is the time of the week in which nodes may reboot, in UTC; the zero value is none.
type Window struct {
	Day    time.Weekday
	Begin  time.Duration // since midnight
	Length time.Duration // 0: no window
}

var windows = regexp.MustCompile(`^([A-Z][a-z]+) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)

// shortest is a window in which at least one node can reboot.
const shortest = 30 * time.Minute

// ParseWindow reads a window such as "Sunday 03:00-05:00"; empty is none. One that ends
// before it begins ends on the next day.
func ParseWindow(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	parts := windows.FindStringSubmatch(text)
	if parts == nil {
		return Window{}, fmt.Errorf("%q: a day and two times, in UTC, such as Sunday 03:00-05:00, or empty for none", text)
	}
	w := Window{Day: -1}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String() == parts[1] {
			w.Day = day
		}
	}
	if w.Day < 0 {
		return Window{}, fmt.Errorf("%q: %s is not a day; write Monday to Sunday", text, parts[1])
	}
	var hours, minutes [2]int
	for i := range 2 {
		fmt.Sscanf(strings.Join(parts[2+2*i:4+2*i], " "), "%d %d", &hours[i], &minutes[i])
	}
	at := func(i int) time.Duration {
		return time.Duration(hours[i])*time.Hour + time.Duration(minutes[i])*time.Minute
	}
	w.Begin, w.Length = at(0), at(1)-at(0)
	if w.Length <= 0 {
		w.Length += 24 * time.Hour
	}
	if w.Length < shortest {
		return Window{}, fmt.Errorf("%q: is too short for a node to reboot; %s or longer", text, shortest)
	}
	return w, nil
}

// Latest is when the window opened last, at a time or before it.
func (w Window) Latest(now time.Time) time.Time {
	now = now.UTC()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	opened := midnight.AddDate(0, 0, -int((now.Weekday()-w.Day+7)%7)).Add(w.Begin)
	if opened.After(now) {
		opened = opened.AddDate(0, 0, -7)
	}
	return opened
}

// Open tells whether nodes may reboot at a time.
func (w Window) Open(now time.Time) bool {
	return w.Length > 0 && now.Before(w.Latest(now).Add(w.Length))
}

// Next is when the window opens next, after a time.
func (w Window) Next(now time.Time) time.Time { return w.Latest(now).AddDate(0, 0, 7) }
