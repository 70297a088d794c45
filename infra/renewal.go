package infra

import (
	"fmt"
	"slices"
	"strings"
)

// renewals describe the changed sizes, images and system disks for which the update
// restarts or rebuilds VMs. The second layer reports what happens to the nodes, also for
// other reasons.
func (b *builder) renewals() []string {
	var lines []string
	for _, n := range b.nodes() {
		if b.args.Turns.Held(n.name) {
			continue // this run leaves it as it is (newVM)
		}
		left := b.args.Drift.Left(vmType, b.child(n.key))
		if why := rebuiltFor(left, b.args.Config); why != "" {
			lines = append(lines, fmt.Sprintf("VM %s: %s", n.name, why))
		} else if size := textAt(left, "hardwareProfile", "vmSize"); size != "" && !strings.EqualFold(size, n.size) {
			lines = append(lines, fmt.Sprintf("VM %s: size %s -> %s", n.name, size, n.size))
		}
	}
	return lines
}

// rebuiltFor describes another image or system disk, for which a VM has to be rebuilt;
// empty if neither has changed, or if the last update left no VM. Azure does not keep upper
// and lower case.
func rebuiltFor(left map[string]any, c Config) string {
	var why []string
	parts := []string{"publisher", "offer", "sku", "version"}
	for i, part := range parts {
		parts[i] = textAt(left, "storageProfile", "imageReference", part)
	}
	if image := strings.Join(parts, ":"); !slices.Contains(parts, "") && !strings.EqualFold(image, c.VMImage) {
		why = append(why, fmt.Sprintf("image %s -> %s", image, c.VMImage))
	}
	if gb := textAt(left, "storageProfile", "osDisk", "diskSizeGB"); gb != "" && gb != fmt.Sprint(c.DiskGB) {
		why = append(why, fmt.Sprintf("system disk %s -> %d GiB", gb, c.DiskGB))
	}
	return strings.Join(why, " and ")
}

// textAt is a value in outputs; empty where there is none.
func textAt(outputs map[string]any, path ...string) string {
	var at any = outputs
	for _, name := range path {
		within, _ := at.(map[string]any)
		if at = within[name]; at == nil {
			return ""
		}
	}
	return fmt.Sprint(at)
}
