package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// traces is what an engine changes on the machine at its start and does not restore at
// its end.
type traces struct {
	Forward  string            // whether the machine forwards packets
	Policies map[string]string // of the chain FORWARD, by iptables program
	Files    []string          // existing ones of engineFiles
}

var forwardFile = "/proc/sys/net/ipv4/ip_forward"

// engineFiles are files that an engine creates for itself, inner ones first.
var engineFiles = []string{"/etc/docker/key.json", "/etc/docker"}

// noteTraces records the machine's state before the engine starts. It keeps an existing
// record, because a killed engine may have changed the machine since.
func noteTraces(ctx context.Context, file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := traces{Policies: map[string]string{}}
	forward, _ := os.ReadFile(forwardFile)
	before.Forward = strings.TrimSpace(string(forward))
	for _, iptables := range []string{"iptables", "ip6tables"} {
		before.Policies[iptables] = policy(tool(ctx, iptables, "-w", "5", "-S", "FORWARD"))
	}
	for _, path := range engineFiles {
		if _, err := os.Stat(path); err == nil {
			before.Files = append(before.Files, path)
		}
	}
	text, err := json.Marshal(before)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// restoreTraces restores the recorded state. Without a record it does nothing.
func restoreTraces(ctx context.Context, file string) {
	var before traces
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &before) != nil {
		return
	}
	for iptables, target := range before.Policies {
		if target != "" && target != policy(tool(ctx, iptables, "-w", "5", "-S", "FORWARD")) {
			tool(ctx, iptables, "-w", "5", "-P", "FORWARD", target)
		}
	}
	if before.Forward == "0" {
		os.WriteFile(forwardFile, []byte("0"), 0o644)
	}
	for _, path := range engineFiles {
		if !slices.Contains(before.Files, path) {
			os.Remove(path) // fails if somebody has put something into the directory
		}
	}
	os.Remove(file)
}

// policy reads a chain's policy from the listing of its rules.
func policy(listing string) string {
	for line := range strings.Lines(listing) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "-P" {
			return fields[2]
		}
	}
	return ""
}
