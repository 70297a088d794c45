package infra

import "time"

// The client secret has slots of fixed dates, so that the first update in a new slot renews
// it and nothing changes within a slot. The secret of the slot before stays, so both work
// while everything switches over. It is removed when a second slot has passed.
// docs/decisions/0003 has the arithmetic.
const (
	slotLength = 90 * 24 * time.Hour
	// slotValidity is counted from the slot's beginning: a secret made on a slot's
	// last day is still valid for 180 days.
	slotValidity = 3 * slotLength
)

// slot is one period of the client secret.
type slot struct{ start time.Time }

// slots are the current one and the one before it.
func slots(now time.Time) (current, previous slot) {
	seconds := int64(slotLength / time.Second)
	start := now.UTC().Unix() / seconds * seconds
	return slot{time.Unix(start, 0).UTC()}, slot{time.Unix(start-seconds, 0).UTC()}
}

// name is the slot's first day.
func (s slot) name() string { return s.start.Format("2006-01-02") }

// end is when the slot's secret expires.
func (s slot) end() time.Time { return s.start.Add(slotValidity) }
