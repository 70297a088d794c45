// Setimage sets the image of services in a stack file and leaves every other byte
// as it is: comments, order, quoting, line ends. It finds the places with a YAML
// parser, and reads its own result again before it writes it: exactly these images
// differ, or the file stays as it was.
package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// maxBytes bounds a stack file.
const maxBytes = 4 << 20

const usage = "usage: set-image.sh STACK_FILE SERVICE[,SERVICE...] [IMAGE:TAG]"

// reference is an image as Docker knows one: a host may have capitals, a path not.
var reference = regexp.MustCompile(`^(?:(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|localhost)/)?` +
	`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*` +
	`(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs a command line and returns the exit status: 0, or 1 if it failed and the file is
// unchanged. Without an image it prints the current images, one on each line.
func run(args []string, out, problems io.Writer) int {
	if err := command(args, out, problems); err != nil {
		fmt.Fprintln(problems, "set image:", err)
		return 1
	}
	return 0
}

func command(args []string, out, notes io.Writer) error {
	if len(args) != 2 && len(args) != 3 {
		return fmt.Errorf("%s", usage)
	}
	path, services := args[0], names(args[1])
	if len(services) == 0 {
		return fmt.Errorf("no service is named; %s", usage)
	}
	text, err := read(path)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		images, err := images(text, services)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintln(out, strings.Join(images, "\n"))
		return nil
	}
	image := args[2]
	if !reference.MatchString(image) {
		return fmt.Errorf("%q is not an image reference; such a one is ghcr.io/your-org/aver-api:1a2b3c4, in small letters", image)
	}
	changed, others, err := set(text, services, image)
	if err != nil {
		return fmt.Errorf("%s: %w; the file is as it was", path, err)
	}
	if len(others) > 0 {
		fmt.Fprintf(notes, "set image: %s shares this image in the file and moves along\n", strings.Join(others, ", "))
	}
	if changed == text {
		return nil
	}
	return write(path, text, changed)
}

// names splits a list of services: "api,worker", with spaces or without.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func read(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxBytes)
	}
	return string(text), err
}

// write writes into the existing file, so that mode and owner stay the same. It writes the
// old text back if the new one does not fit on the disk.
func write(path, old, text string) error {
	err := os.WriteFile(path, []byte(text), 0o644)
	if err != nil {
		if back := os.WriteFile(path, []byte(old), 0o644); back != nil {
			return fmt.Errorf("%w; and the file could not be put back: %v", err, back)
		}
	}
	return err
}
