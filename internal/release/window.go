package release

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Window is the time of the week in which nodes may reboot, in UTC; the zero value means no
// window.
type Window struct {
	Day    time.Weekday
	Begin  time.Duration // since midnight
	Length time.Duration // 0: no window
}

var windows = regexp.MustCompile(`^([A-Z][a-z]+) ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)

// shortest is a window in which at least one node can reboot.
const shortest = 30 * time.Minute

// ParseWindow reads a window such as "Sunday 03:00-05:00"; empty means no window. A window
// whose end is before its beginning ends on the next day.
func ParseWindow(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	parts := windows.FindStringSubmatch(text)
	if parts == nil {
		return Window{}, fmt.Errorf("%q: a day and two times, in UTC, such as Sunday 03:00-05:00, or empty for none", text)
	}
	w := Window{Day: weekday(parts[1])}
	if w.Day < 0 {
		return Window{}, fmt.Errorf("%q: %s is not a day; write Monday to Sunday", text, parts[1])
	}
	w.Begin = sinceMidnight(parts[2], parts[3])
	w.Length = sinceMidnight(parts[4], parts[5]) - w.Begin
	if w.Length <= 0 {
		w.Length += 24 * time.Hour
	}
	if w.Length < shortest {
		return Window{}, fmt.Errorf("%q: is too short for a node to reboot; %s or longer", text, shortest)
	}
	return w, nil
}

// weekday is a day by its English name; -1 if there is no such day.
func weekday(name string) time.Weekday {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String() == name {
			return day
		}
	}
	return -1
}

func sinceMidnight(hours, minutes string) time.Duration {
	h, _ := strconv.Atoi(hours) // both are digits
	m, _ := strconv.Atoi(minutes)
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
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
