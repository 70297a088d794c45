package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/term"
)

// shell runs the command-line tools: az, gh, git, pulumi. A dry one asks
// questions and only says what it would change.
type shell struct {
	ctx   context.Context
	out   io.Writer
	in    *lines
	dry   bool
	steps int // what was changed, or would be
	run   runner
	pause time.Duration // between two tries
}

// runner runs one command and returns what it prints.
type runner func(ctx context.Context, input io.Reader, name string, args ...string) (string, error)

func (s *shell) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// ask runs a command that changes nothing, and returns what it prints.
func (s *shell) ask(name string, args ...string) (string, error) {
	return s.call(nil, name, args...)
}

// askJSON reads the answer of a command into a value.
func (s *shell) askJSON(into any, name string, args ...string) error {
	answer, err := s.ask(name, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// change says what is missing and, unless the run is dry, makes it.
func (s *shell) change(what string, make func() error) error {
	s.steps++
	if s.dry {
		s.say("would  %s", what)
		return nil
	}
	s.say("doing  %s", what)
	if err := make(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// do is a change by one command. Nothing secret may be among its arguments.
func (s *shell) do(what, name string, args ...string) error {
	return s.change(what, func() error {
		_, err := s.call(nil, name, args...)
		return err
	})
}

// doWith gives the command something on its standard input, where secrets go.
func (s *shell) doWith(what, input, name string, args ...string) error {
	return s.change(what, func() error {
		_, err := s.call(strings.NewReader(input), name, args...)
		return err
	})
}

// call runs a command, with an input that may be nil.
func (s *shell) call(input io.Reader, name string, args ...string) (string, error) {
	return s.run(s.ctx, input, name, args...)
}

// execute is the runner outside the tests. Its error contains what the command printed.
func execute(ctx context.Context, input io.Reader, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = input, &said
	answer, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("`%s %s`: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSpace(string(answer)), nil
}

// Azure's new roles take effect minutes later, so a command that needs one is tried again.
const patience, pause = 6 * time.Minute, 10 * time.Second

// inTime tries again until it succeeds or its time is over.
func (s *shell) inTime(what string, try func() error) error {
	for end := time.Now().Add(patience); ; {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		s.say("       waiting until %s", what)
		select {
		case <-s.ctx.Done():
			return errors.Join(err, s.ctx.Err())
		case <-time.After(s.pause):
		}
	}
}

// lines is the standard input: of a terminal, or of a script that gives one line for each
// question.
type lines struct {
	file   *os.File // the terminal, or nil
	reader *bufio.Reader
}

func newLines(in io.Reader) *lines {
	l := &lines{reader: bufio.NewReader(in)}
	if file, ok := in.(*os.File); ok && onTerminal(file) {
		l.file = file
	}
	return l
}

func (l *lines) next() string {
	line, _ := l.reader.ReadString('\n') // at the end of the input this is the rest, or nothing
	return strings.TrimSpace(line)
}

func (l *lines) agrees(question string) bool {
	fmt.Fprint(os.Stderr, question)
	return l.next() == "yes"
}

// secret reads a value that a terminal does not show.
func (l *lines) secret(name string) (string, error) {
	fmt.Fprintf(os.Stderr, "       %s (not shown): ", name)
	value := ""
	if l.file == nil {
		value = l.next()
	} else {
		text, err := term.ReadPassword(int(l.file.Fd()))
		if err != nil {
			return "", err
		}
		value = strings.TrimSpace(string(text))
	}
	fmt.Fprintln(os.Stderr)
	if value == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return value, nil
}
