package infra

import (
	"regexp"
	"slices"
	"strings"

	"averazure/internal/names"
)

// Names of hosts as RFC 1123 defines them, in lower case. No other name gets a certificate,
// and a zone that contains such a name is written the same way.
var (
	domainPart = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	topDomain  = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	// What Azure accepts as a resource group's name: letters of every alphabet.
	groupPattern = regexp.MustCompile(`^[\p{L}\p{N}_.()-]{0,89}[\p{L}\p{N}_()-]$`)
)

// maxForwarded is the last port that a load balancer's frontend may have.
// https://learn.microsoft.com/rest/api/load-balancer/load-balancers/create-or-update
const maxForwarded = 65534

// longestName is DNS's limit for a name as text.
const longestName = 253

// isDomain tells whether a text is a name with a dot in it, in lower case.
func isDomain(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if !domainPart.MatchString(part) {
			return false
		}
	}
	return len(parts) > 1 && len(name) <= longestName && topDomain.MatchString(parts[len(parts)-1])
}

func (c Config) validateEntry(p *problems) {
	if c.LoadBalancer && len(c.PublicPorts) == 0 {
		p.add("loadBalancer", c.LoadBalancer, "forwards averazure:publicPorts, which is empty; list some ports, or set it to false")
	}
	if c.LoadBalancer && slices.Contains(c.PublicPorts, maxForwarded+1) {
		p.add("publicPorts", maxForwarded+1, "a load balancer forwards ports up to %d; publish the service on another port", maxForwarded)
	}
	if c.DNSLabel != "" {
		// The balancer's is the longer one of the two.
		for _, label := range []string{c.DNSLabel, names.Names{}.BalancerLabel(c.DNSLabel)} {
			if names.CheckLabel(label) != nil {
				p.add("dnsLabel", c.DNSLabel, "must be 3 to 60 lower-case letters, digits and hyphens, a letter first and no hyphen last, without the words that Azure reserves "+
					"(microsoft, windows, xbox, login first, and alone those of its products, such as azure)")
				break
			}
		}
	}
	c.validateDomain(p)
}

// azuresOwn tells whether only Azure gives out names in that domain, even if in another
// region.
func azuresOwn(domain string) bool {
	return slices.ContainsFunc(cloudSuffixes, func(suffix string) bool { return strings.HasSuffix("."+domain, suffix) })
}

func (c Config) validateDomain(p *problems) {
	switch {
	case c.Domain == "":
	case !isDomain(c.Domain):
		p.add("domain", c.Domain, "not a name that can have a record and a certificate; write it like app.example.com, in lower case, without https:// and without a dot at its end, other letters than a to z as xn--...")
	case azuresOwn(c.Domain):
		p.add("domain", c.Domain, "belongs to Azure, whose names for this Pulumi stack end in %s; set averazure:dnsLabel to the part before that", labelSuffix(c.Location))
	}
	c.validateDNSZone(p)
}

func (c Config) validateDNSZone(p *problems) {
	switch {
	case c.DNSZone == "" && c.DNSZoneResourceGroup != "":
		p.add("dnsZoneResourceGroup", c.DNSZoneResourceGroup, "set, but averazure:dnsZone is empty; set both or neither")
	case c.DNSZone == "":
		return
	case !isDomain(c.DNSZone):
		p.add("dnsZone", c.DNSZone, "not a zone's name; write it like example.com, as `az network dns zone list -o table` does")
	case c.Domain == "":
		p.add("dnsZone", c.DNSZone, "set, but averazure:domain is empty; set both or neither")
	case isDomain(c.Domain) && c.Domain != c.DNSZone && !strings.HasSuffix(c.Domain, "."+c.DNSZone):
		p.add("domain", c.Domain, "is not in averazure:dnsZone (%s); use a name in that zone, or make the record yourself and leave averazure:dnsZone empty", c.DNSZone)
	}
	switch {
	case c.DNSZone != "" && c.DNSZoneResourceGroup == "":
		p.add("dnsZoneResourceGroup", c.DNSZoneResourceGroup, "missing; averazure:dnsZone needs it, and `az network dns zone list -o table` shows it")
	case c.DNSZone != "" && !groupPattern.MatchString(c.DNSZoneResourceGroup):
		p.add("dnsZoneResourceGroup", c.DNSZoneResourceGroup, "not the name of a resource group")
	}
}
