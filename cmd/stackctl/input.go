package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"averazure/internal/stackfile"
)

// inputTime is how long a stack file may take to arrive.
const inputTime = time.Minute

// receive reads all of standard input, limited in size and in time. What names the expected
// content, for messages.
func (a *app) receive(what string, limit int, within time.Duration) ([]byte, error) {
	if file, ok := a.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return nil, mistakef("file", "the %s is missing: name it, or send it on standard input", what)
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
			return nil, mistakef("file", "the %s could not be read: %v", what, got.err)
		case len(got.data) == 0:
			return nil, mistakef("file", "the %s on standard input is empty", what)
		case len(got.data) > limit:
			return nil, mistakef("file", "standard input is larger than %d bytes", limit)
		}
		return got.data, nil
	case <-time.After(within):
		return nil, mistakef("file", "the %s did not arrive within %s", what, within)
	}
}

// variables are the values that `pulumi up` gave a stack's variables.
type variables interface {
	Variables(ctx context.Context, stack string) (map[string]string, error)
}

// request reads the stack file from the named files or the folder, or from standard input.
// Standard input may also hold a request of `pulumi up`, which brings the values of its
// variables. Otherwise the variables have the values that `pulumi up` left here.
func (a *app) request(ctx context.Context, known variables, stack string, paths []string) (stackfile.Request, *stackfile.File, error) {
	var request stackfile.Request
	if len(paths) == 0 {
		data, err := a.receive("stack file", stackfile.MaxInput, inputTime)
		if err != nil {
			return request, nil, err
		}
		// This is the first line of a deployment's output. From here on, a connection that
		// breaks can be told from one that was never made.
		a.say("%s: received %d bytes", stack, len(data))
		if stackfile.IsArchive(data) {
			return request, nil, mistakef("file", "standard input is a tar archive, which only the deploy key may send; unpack it on this manager and name the folder: tar -xf ARCHIVE -C FOLDER, and then FOLDER in place of standard input")
		}
		if request, err = stackfile.ReadRequest(stackFile, data); err != nil {
			return request, nil, invalid(err)
		}
		if request.Complete {
			file, err := request.File()
			return request, file, invalid(err)
		}
	}
	values, err := known.Variables(ctx, stack)
	if err != nil {
		return request, nil, err
	}
	if len(paths) > 0 {
		file, err := stackfile.Load(inFolder(paths), values)
		return request, file, invalid(err)
	}
	request.Variables = values
	file, err := request.File()
	return request, file, invalid(err)
}

// stackFile is the name of a stack file if no other name is given.
const stackFile = "stack.yml"

// inFolder names the stack file of a folder.
func inFolder(paths []string) []string {
	if info, err := os.Stat(paths[0]); len(paths) == 1 && err == nil && info.IsDir() {
		return []string{filepath.Join(paths[0], stackFile)}
	}
	return paths
}

// stranger reads the stack files that come with the deploy key, and the files that they
// name.
func (a *app) stranger(ctx context.Context, known variables, w wish) (stackfile.Input, error) {
	data, err := a.receive("stack file", stackfile.MaxArchive, inputTime)
	if err != nil {
		return stackfile.Input{}, err
	}
	a.say("%s: received %d bytes", w.stack, len(data))
	input, err := stackfile.ReadArchive(data, w.stackFiles())
	if err != nil {
		return input, invalid(err)
	}
	input.Variables, err = known.Variables(ctx, w.stack)
	return input, err
}

func invalid(err error) error {
	if err == nil {
		return nil
	}
	return mistake{"file", fmt.Errorf("the stack file is not valid: %w", err)}
}
