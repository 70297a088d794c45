package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"averazure/sandbox/engine"
)

// takeLock makes sure that one command at a time works on a sandbox, and writes into the
// lock file which one it is.
func takeLock(d dirs, verb string) (*os.File, error) {
	file := filepath.Join(d.state, "lock")
	lock, err := engine.TryLock(file)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, holder(file)
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

// busy is the error of a command while another one works on the sandbox.
type busy struct {
	file string
	verb string // empty if the lock file does not name it
	pid  int
}

func (b busy) Error() string {
	const what = "another command is working on this sandbox"
	switch b.verb {
	case "":
		return fmt.Sprintf("%s and holds %s; wait for it or end it", what, b.file)
	case "serve":
		return fmt.Sprintf("%s: `serve`, pid %d; end it with Ctrl-C there", what, b.pid)
	}
	return fmt.Sprintf("%s: `%s`, pid %d; wait for it, or end it with Ctrl-C there", what, b.verb, b.pid)
}

// holder reads from the lock file which command holds it.
func holder(file string) busy {
	text, _ := os.ReadFile(file)
	b := busy{file: file}
	if n, _ := fmt.Sscanf(string(text), "%s %d", &b.verb, &b.pid); n < 2 {
		return busy{file: file}
	}
	return b
}
