package infra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/host"
	"averazure/internal/settings"
)

// Lookup returns the addresses that a name, with a dot at its end, leads to.
type Lookup func(ctx context.Context, name string) ([]string, error)

// lookupLimit bounds each question to the name servers.
const lookupLimit = 3 * time.Second

// leadsTo are the addresses of a name; none where nobody answers. The dot at its end keeps
// this machine's search list from being tried: with a company's domain in that list, often
// every name leads somewhere.
func (b *builder) leadsTo(name string) []string {
	if b.args.Lookup == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.ctx.Context(), lookupLimit)
	defer cancel()
	addresses, err := b.args.Lookup(ctx, name+".")
	if err != nil {
		return nil
	}
	return addresses
}

// warnOfNames warns of names that lead elsewhere, without delaying the run: labels that
// somebody else has, and Domain if this program does not make its record.
func (b *builder) warnOfNames(entry host.Entry) {
	if b.ctx.DryRun() {
		b.beside(pulumi.String("").ToStringOutput(), func(string) string { return b.takenLabels() })
	}
	if b.args.Domain != "" && b.args.DNSZone == "" {
		b.beside(entry.Address, b.wrongRecord)
	}
}

// beside logs a warning as soon as a value is known. The run does not end before that.
func (b *builder) beside(value pulumi.StringOutput, say func(string) string) {
	value.ApplyT(func(known string) error {
		if text := say(known); text != "" {
			return b.ctx.Log.Warn(text, &pulumi.LogArgs{Resource: b.infra})
		}
		return nil
	})
}

// takenLabels is the warning about labels whose names lead to addresses that this
// stack's state does not have.
func (b *builder) takenLabels() string {
	var taken []string
	ours := b.args.Drift.Addresses()
	for _, label := range b.labels() {
		name := label + labelSuffix(b.args.Location)
		for _, address := range b.leadsTo(name) {
			if !slices.Contains(ours, address) {
				taken = append(taken, fmt.Sprintf("%s leads to %s", name, address))
			}
		}
	}
	if len(taken) == 0 {
		return ""
	}
	return settings.Warningf("dnsLabel", "%s, which is not an address of this Pulumi stack. If somebody else has the label, Azure refuses it: "+
		"set averazure:dnsLabel to another one, or averazure:nameSalt where it is derived", strings.Join(taken, " and "))
}

// nat64 is the prefix of the address that a resolver in a network without IPv4 makes of an
// IPv4 address.
// https://www.rfc-editor.org/rfc/rfc6052#section-2.1
const nat64 = "64:ff9b::"

// wrongRecord is the warning that Domain does not lead to the entry, or not only there. A
// certificate authority that checks the name asks any of its addresses, IPv6 first.
func (b *builder) wrongRecord(address string) string {
	leads := b.leadsTo(b.args.Domain)
	if slices.Contains(leads, address) {
		others := slices.DeleteFunc(leads, func(one string) bool {
			return one == address || slices.Contains(b.args.Drift.Addresses(), one) || strings.HasPrefix(one, nat64)
		})
		if len(others) == 0 {
			return ""
		}
		return settings.Warningf("domain", "%s leads to %s, and also to %s, which this Pulumi stack does not have: some people do not reach the application, and certificates may be refused; remove those records",
			b.args.Domain, address, strings.Join(others, ", "))
	}
	return settings.Warningf("domain", "create this record at the domain's DNS provider, or the name does not lead to the application: %s. %d IN A %s",
		b.args.Domain, recordSeconds, address)
}
