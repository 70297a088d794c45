package infra

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"averazure/internal/networks"
	"averazure/internal/ports"
	"averazure/internal/settings"
)

// everywhere is the network of all addresses.
const everywhere = "0.0.0.0/0"

func (c Config) validateAccess(p *problems) {
	if len(c.SSHCidrs) == 0 {
		p.add("sshCidrs", c.SSHCidrs, "at least one network is required, the one `pulumi up` runs from; `curl -s https://api.ipify.org` prints your address")
	}
	validateCidrs(p, "sshCidrs", c.SSHCidrs)
	validateCidrs(p, "adminCidrs", c.AdminCidrs)
	for _, cidr := range c.AdminCidrs {
		if prefix, err := networks.Parse(cidr); err == nil && prefix.Bits() == 0 {
			p.add("adminCidrs", cidr, "the admin pages must not be open to the world; name the networks that may see them, or leave the list empty")
		}
	}
}

// validateCidrs checks each network of a list, and that none is named twice:
// Azure refuses overlapping prefixes in one rule.
func validateCidrs(p *problems, key string, cidrs []string) {
	var before []netip.Prefix
	for _, cidr := range cidrs {
		prefix, err := networks.Parse(cidr)
		if err != nil {
			p.add(key, cidr, "%v", err)
			continue
		}
		for _, other := range before {
			if prefix.Overlaps(other) {
				p.add(key, cidr, "overlaps %s in the same list; keep the wider one", other)
			}
		}
		before = append(before, prefix)
	}
}

func (c Config) validatePorts(p *problems) {
	validatePortList(p, "publicPorts", c.PublicPorts)
	validatePortList(p, "adminPorts", c.AdminPorts)
	for _, port := range c.AdminPorts {
		if slices.Contains(c.PublicPorts, port) {
			p.add("adminPorts", port, "is also in averazure:publicPorts, which opens it to everybody; remove it from one list")
		}
	}
}

func validatePortList(p *problems, key string, list []int) {
	for i, port := range list {
		switch use := ports.Kept(port); {
		case port < 1 || port > 65535:
			p.add(key, port, "a port is a number from 1 to 65535")
		case use != "":
			p.add(key, port, "belongs to %s; publish the service on another port", use)
		case slices.Contains(list[:i], port):
			p.add(key, port, "is listed twice; list it once")
		}
	}
}

func (c Config) validateServices(p *problems) {
	if len(c.OIDCSubjects) > maxSubjects {
		p.add("oidcSubjects", len(c.OIDCSubjects), "Entra ID accepts at most %d federated credentials for one application", maxSubjects)
	}
	for i, subject := range c.OIDCSubjects {
		switch {
		case len(subject) == 0 || len(subject) > 600:
			p.add("oidcSubjects", subject, "must have 1 to 600 characters, like repo:owner@1234/name@5678:environment:production, or without the numbers in a repository from before July 2026; docs/delivery.md says how to read yours")
		case strings.Contains(subject, "*") || subject != strings.TrimSpace(subject):
			p.add("oidcSubjects", subject, "Entra ID compares letter by letter, without wildcards; write the whole subject, without white space around it")
		case slices.Contains(c.OIDCSubjects[:i], subject):
			p.add("oidcSubjects", subject, "is listed twice; list it once")
		}
	}
	if !runtimePattern.MatchString(c.FunctionRuntime) {
		p.add("functionRuntime", c.FunctionRuntime, "must be a language and its version as Azure writes them, like node:22, python:3.13, java:21, powershell:7.4, dotnet-isolated:10.0 or custom:1.0")
	}
	if c.SoftDeleteDays < 7 || c.SoftDeleteDays > 90 {
		p.add("softDeleteDays", c.SoftDeleteDays, "Key Vault accepts 7 to 90 days")
	}
}

// forDocumentation are addresses for examples, which nobody has (RFC 5737).
var forDocumentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
}

// Warnings reports settings that are accepted but may be mistakes.
func (c Config) Warnings(now time.Time) []string {
	var warnings []string
	if doubt, _ := checkRegion(c.Location); doubt != "" {
		warnings = append(warnings, doubt)
	}
	if doubt := c.zoneWarning(); doubt != "" {
		warnings = append(warnings, doubt)
	}
	warnings = slices.Concat(warnings, c.sshWarnings(), c.sizeWarnings(now), c.limitWarnings())
	if doubt := c.runtimeWarning(now); doubt != "" {
		warnings = append(warnings, doubt)
	}
	return warnings
}

func (c Config) sshWarnings() []string {
	var warnings []string
	for _, cidr := range c.SSHCidrs {
		prefix, err := networks.Parse(cidr)
		switch {
		case err != nil: // Validate reports it
		case prefix.Bits() == 0:
			warnings = append(warnings, settings.Warningf("sshCidrs", "%s lets everybody reach the managers' SSH port; "+
				"logins are by key only, but name your own networks where you can", everywhere))
		case networks.Within(prefix, forDocumentation...):
			warnings = append(warnings, settings.Warningf("sshCidrs", "%s is an example range that nobody uses: the VMs would be made "+
				"and could not be reached; set your own address, which `curl -s https://api.ipify.org` prints", cidr))
		}
	}
	if onlyPrivate(c.SSHCidrs) {
		warnings = append(warnings, settings.Warningf("sshCidrs", "only private networks are listed, but Pulumi logs in at the managers' public addresses; "+
			"add your public address, which `curl -s https://api.ipify.org` prints"))
	}
	return warnings
}

// onlyPrivate tells whether all of these networks are private, so that nobody in them comes
// from the internet.
func onlyPrivate(cidrs []string) bool {
	return len(cidrs) > 0 && !slices.ContainsFunc(cidrs, func(cidr string) bool {
		prefix, err := networks.Parse(cidr)
		return err != nil || !networks.Private(prefix)
	})
}

// OpenPorts are the ports that the rules open, for the check against those that stack
// files publish. Without AdminCidrs no rule opens AdminPorts.
func (c Config) OpenPorts() ports.Open {
	if len(c.AdminCidrs) == 0 {
		return ports.Open{Public: c.PublicPorts, Waiting: c.AdminPorts}
	}
	return ports.Open{Public: c.PublicPorts, Admin: c.AdminPorts}
}
