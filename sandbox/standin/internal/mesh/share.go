package mesh

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// share is the directory that all nodes of a sandbox share. Each manager writes its table
// there under its id, and the other nodes read it.
type share string

// fresh is the maximal age of a running manager's table, which it rewrites or touches
// every second.
const fresh = 4 * time.Second

func (s share) file(id string) string { return filepath.Join(string(s), id+".json") }

// publish writes the table, or touches the file if the table is unchanged.
func (s share) publish(id string, table Table) error {
	text, err := json.Marshal(table)
	if err != nil {
		return err
	}
	file := s.file(id)
	if old, err := os.ReadFile(file); err == nil && string(old) == string(text) {
		now := time.Now()
		return os.Chtimes(file, now, now)
	}
	// Readers must never see half a table.
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// read returns a manager's table. It chooses the first running manager, so all nodes use
// the same table. If no manager runs, it returns the latest table. Without a leader the
// tables do not change, and the nodes keep their rules.
func (s share) read(managers []string, now time.Time) (Table, bool) {
	ids := slices.Sorted(slices.Values(managers))
	var latest string
	var latestTime time.Time
	for _, id := range ids {
		info, err := os.Stat(s.file(id))
		if err != nil {
			continue
		}
		if now.Sub(info.ModTime()) < fresh {
			latest = id
			break
		}
		if info.ModTime().After(latestTime) {
			latest, latestTime = id, info.ModTime()
		}
	}
	var table Table
	text, err := os.ReadFile(s.file(latest))
	if err != nil || json.Unmarshal(text, &table) != nil {
		return Table{}, false
	}
	return table, true
}
