package infra

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"averazure/internal/drift"
	"averazure/internal/recorder"
)

// TestAPreviewNamesThePortsThatOpenAndClose: a preview names these ports, and says nothing
// where the rules stay as they are.
func TestAPreviewNamesThePortsThatOpenAndClose(t *testing.T) {
	before := full()
	before.PublicPorts, before.AdminPorts = []int{80, 443}, []int{8081}
	before.SSHCidrs, before.AdminCidrs = []string{"192.0.2.0/24"}, []string{"192.0.2.0/24", "198.51.100.7/32"}
	r, _ := mustRecord(t, before)
	left := map[string]map[string]any{}
	for _, rule := range r.OfType(ruleType) {
		left[ruleType+"::"+rule.Name] = rule.Inputs.Mappable()
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"nothing":       {func(*Config) {}, nil},
		"a public port": {func(c *Config) { c.PublicPorts = []int{80, 443, 9090} }, []string{"9090: opens everybody"}},
		"one less":      {func(c *Config) { c.PublicPorts = []int{80} }, []string{"443: closes everybody"}},
		"all admins":    {func(c *Config) { c.AdminCidrs = nil }, []string{"8081: closes 192.0.2.0/24, 198.51.100.7/32"}},
		"an admin's":    {func(c *Config) { c.AdminPorts = []int{8081, 15672} }, []string{"15672: opens 192.0.2.0/24, 198.51.100.7/32"}},
		"one admin":     {func(c *Config) { c.AdminCidrs = []string{"192.0.2.0/24"} }, []string{"8081: closes 198.51.100.7/32"}},
		"SSH":           {func(c *Config) { c.SSHCidrs = []string{"203.0.113.0/24"} }, []string{"22: opens 203.0.113.0/24", "22: closes 192.0.2.0/24"}},
	} {
		c := before
		test.change(&c)
		lines := previewed(t, c, left)
		names := func(line, words string) bool { // each of them, and no network beside them
			lacks := func(word string) bool { return !strings.Contains(line, word) }
			return !slices.ContainsFunc(strings.Fields(words), lacks) && strings.Count(line, "/") == strings.Count(words, "/")
		}
		if !slices.EqualFunc(lines, test.want, names) {
			t.Errorf("%s: %q, want %q", name, lines, test.want)
		}
	}
}

// previewed are the lines in which a preview says what would change in the resources that
// an update left.
func previewed(t *testing.T, c Config, left map[string]map[string]any) []string {
	t.Helper()
	r := &recorder.Recorder{Preview: true}
	err := r.Run(func(ctx *pulumi.Context) error {
		_, err := New(ctx, "aver", Args{Config: c, Now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Drift: drift.Known{Left: left}.Marks()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Told()
}
