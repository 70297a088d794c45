package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOneAtATimeHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(short, dir); err == nil {
		t.Error("two hold the lock")
	}
	unlock()
	again, err := lock(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestALockThatWasRemovedIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(file)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	defer first.Close()
	late, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if !current(late, file) {
		t.Error("the file is not taken for itself")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	next, err := TryLock(file)
	if err != nil || next == nil {
		t.Fatal(next, err)
	}
	defer next.Close()
	if current(late, file) {
		t.Error("a lock on a file that is gone counts beside the next one's")
	}
}
