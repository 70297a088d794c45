package cluster

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

//go:embed scripts/*.sh
var scripts embed.FS

// agentUnit is the systemd unit of stackctl's agent.
//
//go:embed scripts/stackctl-agent.service
var agentUnit string

// script returns a script as it is sent to a node: the parts of common.sh that it uses,
// then its own part, without comments. A changed input makes its command run again on every
// node, so the text may change only if a node would do something different.
func script(name string) string {
	own := uncommented(read("scripts/" + name + ".sh"))
	return used(uncommented(read("scripts/common.sh")), own) + own
}

var (
	explains = regexp.MustCompile(`^\s*(#([^!]|$)|$)`)
	heredoc  = regexp.MustCompile(`<<'?([A-Z]+)'?$`)
	function = regexp.MustCompile(`(?m)^(\w+)\(\) \{(.*\}|\n(.*\n)*?\})\n`)
	word     = regexp.MustCompile(`\w+`)
)

// uncommented is a script without its comment lines and empty lines. The text that it
// writes into files stays as it is.
func uncommented(text string) string {
	var kept strings.Builder
	end := ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		switch opened := heredoc.FindStringSubmatch(bare); {
		case end != "":
			if bare == end {
				end = ""
			}
		case opened != nil:
			end = opened[1]
		case explains.MatchString(bare):
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// used is a script without those of its functions that neither the script itself nor the
// other script names.
func used(text, by string) string {
	bodies := map[string]string{}
	for _, found := range function.FindAllStringSubmatch(text, -1) {
		bodies[found[1]] = found[0]
	}
	rest := function.ReplaceAllString(text, "")
	wanted := map[string]bool{}
	for open := []string{rest, by}; len(open) > 0; open = open[1:] {
		for _, name := range word.FindAllString(open[0], -1) {
			if body, ok := bodies[name]; ok && !wanted[name] {
				wanted[name] = true
				open = append(open, body)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		rest += bodies[name]
	}
	return rest
}

func read(name string) string {
	text, err := scripts.ReadFile(name)
	if err != nil {
		panic(err) // embedded: missing only in a broken build
	}
	return string(text)
}

// commandLine returns the command that runs a script on a node. The script and, behind it,
// its input come on standard input. That keeps values out of the process list, and keeps
// the script's text out of pulumi-command's errors, which repeat the whole command. The
// shell takes exactly the script's bytes and leaves the rest. name is what ps shows.
// Everything is bounded by limit seconds; the script knows this limit, and reports what it
// waits for before the limit ends.
func commandLine(name string, limit int, args ...string) string {
	load := fmt.Sprintf(`limit=%d; eval "$(head -c %d)"`, limit, len(script(name)))
	words := []string{"sudo", "-n", "timeout", "-k", "10", fmt.Sprint(limit), "bash", "-c", quote(load), quote("averazure-" + name)}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote makes one word of any text for a POSIX shell. It is the only place where
// the program quotes.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
