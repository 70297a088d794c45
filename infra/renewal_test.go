package infra

import (
	"slices"
	"strings"
	"testing"
)

// TestAPreviewNamesTheVMsThatRestartOrAreBuiltAgain, with the setting before and after.
func TestAPreviewNamesTheVMsThatRestartOrAreBuiltAgain(t *testing.T) {
	before := full()
	r, _ := mustRecord(t, before)
	left := map[string]map[string]any{}
	for _, kind := range []string{vmType, ruleType} {
		for _, made := range r.OfType(kind) {
			left[kind+"::"+made.Name] = made.Inputs.Mappable()
		}
	}
	const image = "Debian:debian-13:13-gen2:0.20251006.2257"
	for name, test := range map[string]struct {
		change func(*Config)
		names  []string // what each line has
	}{
		"nothing": {func(*Config) {}, nil},
		"size":    {func(c *Config) { c.ManagerSize = "Standard_D2as_v5" }, []string{before.ManagerSize, "Standard_D2as_v5"}},
		"image":   {func(c *Config) { c.VMImage = image }, []string{before.VMImage, image}},
		"disk":    {func(c *Config) { c.DiskGB = before.DiskGB + 1 }, []string{"GiB"}},
	} {
		c := before
		test.change(&c)
		var nodes []string
		for _, line := range previewed(t, c, left) {
			node, what, isNode := strings.Cut(strings.TrimPrefix(line, "VM "), ": ")
			if !isNode || slices.ContainsFunc(test.names, func(word string) bool { return !strings.Contains(what, word) }) {
				t.Errorf("%s: %q does not have %q", name, line, test.names)
			}
			nodes = append(nodes, node)
		}
		want := c.NodeNames()
		if name == "nothing" {
			want = nil
		} else if name == "size" {
			want = want[:c.Managers]
		}
		if !slices.Equal(nodes, want) {
			t.Errorf("%s: lines of %v, want %v", name, nodes, want)
		}
	}
}
