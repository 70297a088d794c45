package infra

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// outward are the rules that open ports to somebody outside.
var outward = []string{"ssh", "public", "admin"}

// ruleToken is the type of a rule, as the state has it.
const ruleToken = "azure-native:network/v20190601:SecurityRule"

// opening says in words which ports the update opens and closes, and to whom.
func (b *builder) opening() []string {
	before, after := sources{}, sources{}
	for _, name := range outward {
		left := b.args.Drift.Left(ruleToken, b.child(name))
		before.open(listed(left, "destinationPortRange", "destinationPortRanges"), listed(left, "sourceAddressPrefix", "sourceAddressPrefixes"))
	}
	for _, r := range securityRules(b.args.Config) {
		if slices.Contains(outward, r.Name) {
			after.open(r.Ports, r.Sources)
		}
	}
	return before.to(after)
}

// listed are the values that a rule has: a single one is in the singular property, several
// are in the plural one; see oneOrMany.
func listed(left map[string]any, singular, plural string) []string {
	var values []string
	if one, ok := left[singular].(string); ok && one != "" {
		values = append(values, one)
	}
	several, _ := left[plural].([]any)
	for _, value := range several {
		values = append(values, fmt.Sprint(value))
	}
	return values
}

// sources say who can reach each port.
type sources map[string][]string

func (d sources) open(ports, sources []string) {
	for _, port := range ports {
		for _, source := range sources {
			if source == anything {
				source = "everybody"
			}
			d[port] = append(d[port], source)
		}
	}
}

// to lists the changes from these sources to other ones.
func (d sources) to(after sources) []string {
	all := maps.Clone(d)
	maps.Copy(all, after)
	var lines []string
	for _, port := range slices.SortedFunc(maps.Keys(all), inNumbers) {
		if opens := without(after[port], d[port]); len(opens) > 0 {
			lines = append(lines, fmt.Sprintf("port %s: opens to %s", port, strings.Join(opens, ", ")))
		}
		if closes := without(d[port], after[port]); len(closes) > 0 {
			lines = append(lines, fmt.Sprintf("port %s: closes to %s", port, strings.Join(closes, ", ")))
		}
	}
	return lines
}

// without are the texts of a list that are not among others.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return slices.Contains(others, one) })
}

func inNumbers(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
}
