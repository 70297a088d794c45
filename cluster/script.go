package cluster

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed scripts/*.sh
var scripts embed.FS

// agentUnit is the systemd unit of stackctl's agent.
//
//go:embed scripts/stackctl-agent.service
var agentUnit string

// script returns a script as it is sent to a node: what all have in common, then
// its own part.
func script(name string) string {
	return read("scripts/common.sh") + read("scripts/"+name+".sh")
}

func read(name string) string {
	text, err := scripts.ReadFile(name)
	if err != nil {
		panic(err) // embedded: missing only in a broken build
	}
	return string(text)
}

// commandLine returns what runs a script on a node. The script and, behind it,
// its input come on standard input: that keeps values out of the process list
// and the script's text out of pulumi-command's errors, which repeat the whole
// command. The shell takes exactly the script's bytes and leaves the rest. name
// is what ps shows. Everything is bounded by limit seconds; the script knows of
// them, and says before that what it waits for.
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
