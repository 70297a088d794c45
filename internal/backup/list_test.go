package backup

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestExpired(t *testing.T) {
	var backups []Backup
	for day := range 40 {
		backups = append(backups, Backup{named("often", night.AddDate(0, 0, -day)), 1})
	}
	backups = append(backups, Backup{named("gone", night.AddDate(0, 0, -300)), 1}, Backup{named("gone", night.AddDate(0, 0, -301)), 1},
		Backup{Name{Swarm, "often", "aver-manager", night.AddDate(-1, 0, 0)}, 1},
		Backup{Name{Volume, "often", "aver-manager-2", night.AddDate(-1, 0, 0)}, 1})
	var got []string
	for _, one := range Expired(backups, night, 37) {
		got = append(got, one.String())
	}
	want := []string{
		named("often", night.AddDate(0, 0, -38)).String(), named("often", night.AddDate(0, 0, -39)).String(),
		named("gone", night.AddDate(0, 0, -301)).String(), Name{Volume, "often", "aver-manager-2", night.AddDate(-1, 0, 0)}.String(),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if gone := Expired(backups[:1], night.AddDate(1, 0, 0), 1); len(gone) != 0 {
		t.Errorf("the last backup goes: %v", gone)
	}
}

func TestListAndNewest(t *testing.T) {
	store := &Memory{Objects: map[string][]byte{"volume/x/y/readme.txt": nil}}
	for day, of := range []string{"a", "b", "a", "c"} {
		store.Objects[named(of, night.AddDate(0, 0, day)).String()] = []byte("12345")
	}
	store.Objects[Name{Swarm, "swarm", "aver-manager", night}.String()] = nil
	volumes, err := List(t.Context(), store, Volume)
	if err != nil || len(volumes) != 4 || volumes[0].Of != "c" || volumes[3].Time != night || volumes[0].Size != 5 {
		t.Fatalf("%v, %v", volumes, err)
	}
	if everything, err := List(t.Context(), store, ""); err != nil || len(everything) != 5 {
		t.Errorf("%v, %v", everything, err)
	}
	for _, test := range []struct {
		of, host string
		until    time.Time
		want     time.Time
	}{
		{"a", "", time.Time{}, night.AddDate(0, 0, 2)},
		{"a", "aver-manager", night.AddDate(0, 0, 1), night},
		{"a", "aver-manager-2", time.Time{}, time.Time{}},
		{"b", "", night, time.Time{}},
	} {
		if got, found := Newest(volumes, Volume, test.of, test.host, test.until); found == test.want.IsZero() || !got.Time.Equal(test.want) {
			t.Errorf("%+v: %v, %t", test, got, found)
		}
	}
	store.Fail = func(string, string) error { return errors.New("away") }
	if _, err := List(t.Context(), store, ""); err == nil {
		t.Error("a store that is away has no backups")
	}
}
