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
	// advised matches a command of Pulumi or stackctl in a message. A command that is cut
	// off does not match and stays as it is.
	advised    = regexp.MustCompile("`(pulumi|(?:sudo )?stackctl) ([^`\n]+)`")
	setsSecret = regexp.MustCompile(`^config set --secret --path '?([^' ]+)'?$`)
	trialName  = regexp.MustCompile(`^averazure:secrets(?:\.|\[")([^"\]]+)(?:"\])?$`)
)

// adviser knows the commands that a user of the sandbox types.
type adviser struct {
	self    string // the command line of this sandbox
	manager string // a node that has stackctl; empty if there is none yet
}

// advice rewrites a message of the program or of stackctl, which do not know the sandbox.
// It replaces each command with the sandbox's command that does the same. Nobody can
// confirm an up here, so it runs with --yes.
func (a adviser) advice(text string) string {
	return advised.ReplaceAllStringFunc(text, func(command string) string {
		found := advised.FindStringSubmatch(command)
		switch {
		case found[1] == "pulumi":
			return "`" + a.self + " " + here(found[2]) + "`"
		case a.manager == "":
			return command
		}
		return fmt.Sprintf("`%s exec %s -- stackctl %s`", a.self, a.manager, found[2])
	})
}

// here turns arguments of Pulumi into arguments of the sandbox.
func here(args string) string {
	verb, flags, _ := strings.Cut(args, " ")
	switch {
	case args == "up" || args == "preview":
		return args
	case verb == "up":
		return "pulumi -- up --yes " + flags
	}
	if set := setsSecret.FindStringSubmatch(args); set != nil {
		if name := trialName.FindStringSubmatch(set[1]); name != nil && names.DockerSecret(name[1]) == nil {
			return "secret set " + name[1]
		}
	}
	return "pulumi -- " + args
}

var (
	// callOf matches the command line in an error of pulumi-command. It tells a person
	// nothing: the block at the end of a failed run contains what the command printed.
	callOf = regexp.MustCompile(`: running "(?:[^"\\\n]|\\.)*"`)
	// resultOf matches a line of JSON that stackctl prints for programs.
	resultOf = regexp.MustCompile(`(?m)^[ \t]*\{"stack":".*\}[ \t]*\n`)
	// fieldsOf matches the list of changed inputs in the line of a step that has begun.
	fieldsOf = regexp.MustCompile(`(?m)^( .*(?:ing|ed)(?: original| replacement)? \([0-9]+s\)) \[diff: [^\]\n]*\]`)
)

// plain removes from the CLI's output what only programs read.
func plain(text string) string {
	text = callOf.ReplaceAllString(text, "")
	text = resultOf.ReplaceAllString(text, "")
	return fieldsOf.ReplaceAllString(text, "$1")
}

var (
	// building matches a line of the CLI about an image whose step is running. The line
	// ends with the plugin's last message. The official plugin passes on every line of the
	// engine and the progress of every layer.
	building = regexp.MustCompile(`^ \S{1,2} +docker:index:Image (\S+) \S+ing(?: original| replacement)? \([0-9]+s\)(?: \[diff: [^\]]*\];?|;)? (.+)`)
	// stepOf matches the plugin's messages that a person reads: the steps of a build, and
	// the plugin's own words.
	stepOf = regexp.MustCompile(`^(?:Step [0-9]+/[0-9]+ : |\[(?:\S+ )?[0-9]+/[0-9]+\] |Starting Docker build$|Building the image$|Pushing Image to the registry$|Pulling cached image |warning: |error: )`)
)

// advising passes on whole lines with their commands replaced by advice. It passes on each
// step of a build only once. Close passes on the rest.
type advising struct {
	adviser
	out   io.Writer
	rest  []byte
	steps map[string]bool // build steps already passed on, each with its image's name in front
}

// once leaves out a line about an image if it does not name a step, or if the step was
// already passed on.
func (a *advising) once(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if found := building.FindStringSubmatch(strings.TrimSuffix(line, "\n")); found != nil {
			image, said := found[1], found[2]
			if !stepOf.MatchString(said) || a.steps[image+" "+said] {
				continue
			}
			if a.steps == nil {
				a.steps = map[string]bool{}
			}
			a.steps[image+" "+said] = true
		}
		kept.WriteString(line)
	}
	return kept.String()
}

func (a *advising) Write(text []byte) (int, error) {
	a.rest = append(a.rest, text...)
	end := bytes.LastIndexByte(a.rest, '\n') + 1
	whole := string(a.rest[:end])
	a.rest = a.rest[end:]
	if _, err := io.WriteString(a.out, a.advice(a.once(plain(whole)))); err != nil {
		return 0, err
	}
	return len(text), nil
}

func (a *advising) Close() error {
	_, err := io.WriteString(a.out, a.advice(a.once(plain(string(a.rest)))))
	a.rest = nil
	return err
}
