package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"averazure/internal/stackfile"
)

// inputTime is how long a stack file may take to arrive.
const inputTime = time.Minute

// receive reads all of standard input, which is bounded in size and in time.
func (a *app) receive(limit int, within time.Duration) ([]byte, error) {
	if file, ok := a.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return nil, mistakef("file", "there is no stack file: name it, or send it on standard input")
	}
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(a.in, int64(limit)+1))
		done <- answer{data, err}
	}()
	select {
	case got := <-done:
		switch {
		case got.err != nil:
			return nil, mistakef("file", "the stack file could not be read: %v", got.err)
		case len(got.data) == 0:
			return nil, mistakef("file", "there is no stack file on standard input")
		case len(got.data) > limit:
			return nil, mistakef("file", "what came on standard input is larger than %d bytes", limit)
		}
		return got.data, nil
	case <-time.After(within):
		return nil, mistakef("file", "the stack file did not arrive within %s", within)
	}
}

// request takes the stack file from the named files, or from standard input, where
// it may also be what `pulumi up` sends.
func (a *app) request(stack string, paths []string) (stackfile.Request, *stackfile.File, error) {
	if len(paths) > 0 {
		file, err := stackfile.Load(paths)
		return stackfile.Request{}, file, invalid(err)
	}
	data, err := a.receive(stackfile.MaxInput, inputTime)
	if err != nil {
		return stackfile.Request{}, nil, err
	}
	// The first word of a deployment: from here on a connection that breaks is told
	// from one that never was.
	a.say("%s: received %d bytes", stack, len(data))
	request, err := stackfile.ReadRequest("stack.yml", data)
	if err != nil {
		return request, nil, invalid(err)
	}
	file, err := request.File()
	return request, file, invalid(err)
}

// stranger takes a stack file, and nothing else, from the deploy key.
func (a *app) stranger(stack string) (*stackfile.File, error) {
	data, err := a.receive(stackfile.MaxBytes, inputTime)
	if err != nil {
		return nil, err
	}
	a.say("%s: received %d bytes", stack, len(data))
	file, err := stackfile.Parse([]stackfile.Source{{Name: "stack.yml", Text: string(data)}})
	return file, invalid(err)
}

func invalid(err error) error {
	if err == nil {
		return nil
	}
	return mistake{"file", fmt.Errorf("the stack file is not valid: %w", err)}
}
