package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"averazure/internal/names"
)

var (
	// advised is a command of Pulumi's as messages write it. One that is cut off stays.
	advised    = regexp.MustCompile("`pulumi ([^`\n]+)`")
	setsSecret = regexp.MustCompile(`^config set --secret --path '([^']+)'$`)
	trialName  = regexp.MustCompile(`^averazure:secrets(?:\.|\[")([^"\]]+)(?:"\])?$`)
)

// advice is a message of the program's or of stackctl's, which know no sandbox, with the
// commands that do here what it advises. Nobody answers them, so up is told to go on.
func advice(text, self string) string {
	return advised.ReplaceAllStringFunc(text, func(command string) string {
		args := advised.FindStringSubmatch(command)[1]
		verb, flags, _ := strings.Cut(args, " ")
		switch {
		case args == "up" || args == "preview":
			return fmt.Sprintf("`%s %s`", self, args)
		case verb == "up":
			return fmt.Sprintf("`%s pulumi -- up --yes %s`", self, flags)
		}
		if set := setsSecret.FindStringSubmatch(args); set != nil {
			if found := trialName.FindStringSubmatch(set[1]); found != nil && names.DockerSecret(found[1]) == nil {
				return fmt.Sprintf("`%s secret set %s`", self, found[1])
			}
		}
		return fmt.Sprintf("`%s pulumi -- %s`", self, args)
	})
}

// advising passes whole lines on, each as advice. Close passes on the rest.
type advising struct {
	out  io.Writer
	self string
	rest []byte
}

func (a *advising) Write(text []byte) (int, error) {
	a.rest = append(a.rest, text...)
	end := bytes.LastIndexByte(a.rest, '\n') + 1
	whole := string(a.rest[:end])
	a.rest = a.rest[end:]
	if _, err := io.WriteString(a.out, advice(whole, a.self)); err != nil {
		return 0, err
	}
	return len(text), nil
}

func (a *advising) Close() error {
	_, err := io.WriteString(a.out, advice(string(a.rest), a.self))
	a.rest = nil
	return err
}
