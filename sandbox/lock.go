package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"averazure/sandbox/engine"
)

// takeLock keeps two commands from working on one sandbox at a time, and writes
// into the lock who has it.
func takeLock(d dirs, verb string) (*os.File, error) {
	file := filepath.Join(d.state, "lock")
	lock, err := engine.TryLock(file)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, fmt.Errorf("another command is at work on this sandbox: %s", holder(file))
	}
	holds := fmt.Sprintf("%s %d\n", verb, os.Getpid())
	if err := errors.Join(lock.Truncate(0), writeAll(lock, holds)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func writeAll(file *os.File, text string) error {
	_, err := file.WriteString(text)
	return err
}

// holder says who has the lock, and what to do about that.
func holder(file string) string {
	text, _ := os.ReadFile(file)
	var verb string
	var pid int
	if n, _ := fmt.Sscanf(string(text), "%s %d", &verb, &pid); n < 2 {
		return fmt.Sprintf("%s is locked; wait for it or end it", file)
	}
	if verb == "serve" {
		return fmt.Sprintf("`serve`, pid %d: end it with Ctrl-C there", pid)
	}
	return fmt.Sprintf("`%s`, pid %d: wait for it, or end it with Ctrl-C there", verb, pid)
}
