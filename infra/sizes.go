package infra

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"averazure/internal/settings"
)

// defaultSize has 2 vCPUs, 4 GiB and a baseline of 30 % of the vCPUs. Standard_B2ls_v2 is
// the same with Intel's processors. Azure refused that one to new subscriptions more often,
// for lack of capacity (azuresandbox #468, #492).
const defaultSize = "Standard_B2als_v2"

// sizeParts takes a size's name apart: family, vCPUs, how many of them a constrained
// size has, features, version.
// https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
var sizeParts = regexp.MustCompile(`^Standard_([A-Z]+)(\d+)(?:-(\d+))?([a-z]*)(?:_[A-Z]+\d+[A-Za-z0-9]*)?(?:_v(\d+))?(?:_Promo)?$`)

// accelerated says whether a size has accelerated networking, according to Microsoft's page
// of its series. Azure refuses it to a size without, so every other size counts as one
// without until somebody has read its page. Sizes with it are all of Bsv2, Basv2 and Bpsv2,
// and the D and E families from version 4 on, but not the confidential DC and EC.
// https://learn.microsoft.com/azure/virtual-machines/sizes/overview
func accelerated(size string) bool {
	parts := sizeParts.FindStringSubmatch(size)
	if parts == nil {
		return false
	}
	version, _ := strconv.Atoi(parts[5])
	switch parts[1] {
	case "B":
		return version == 2
	case "D", "E":
		return version >= 4
	}
	return false
}

// vCPUs is the number of vCPUs in a size's name, 0 where the name does not have it: before
// version 3, the D and G families numbered their sizes, not the processors in them.
func vCPUs(size string) int {
	parts := sizeParts.FindStringSubmatch(size)
	if parts == nil {
		return 0
	}
	switch version, _ := strconv.Atoi(parts[5]); parts[1] {
	case "D", "DS", "G", "GS":
		if version < 3 {
			return 0
		}
	}
	count, _ := strconv.Atoi(parts[2])
	return count
}

// premium says whether a size takes premium disks, which is the letter s in its name.
func premium(size string) bool {
	parts := sizeParts.FindStringSubmatch(size)
	return parts != nil && (strings.Contains(parts[4], "s") || strings.HasSuffix(parts[1], "S"))
}

// isARM says whether a size's name has the letter of ARM's processors.
func isARM(size string) bool {
	parts := sizeParts.FindStringSubmatch(size)
	return parts != nil && strings.Contains(parts[4], "p")
}

// retirements are the sizes that Azure retires, as of April 2026, and when. Azure may
// refuse them to new subscriptions long before.
// https://learn.microsoft.com/azure/virtual-machines/sizes/retirement/retired-sizes-list
var retirements = []struct {
	sizes *regexp.Regexp
	on    string
}{
	{regexp.MustCompile(`^Standard_DS?\d+(-\d+)?(_v2)?(_Promo)?$`), "2028-05-01"}, // D, Ds, Dv2, Dsv2
	{regexp.MustCompile(`^Standard_L\d+s$`), "2028-05-01"},                        // Ls
	{regexp.MustCompile(`^Standard_L\d+s_v2$`), "2028-11-15"},                     // Lsv2
	{regexp.MustCompile(`^Standard_A\d+m?_v2$`), "2028-11-15"},                    // Av2, Amv2
	{regexp.MustCompile(`^Standard_B\d+[a-z]+$`), "2028-11-15"},                   // B, version 1
	{regexp.MustCompile(`^Standard_(F\d+s?|F\d+s_v2)(_Promo)?$`), "2028-11-15"},   // F, Fs, Fsv2
	{regexp.MustCompile(`^Standard_GS?\d+(-\d+)?$`), "2028-11-15"},                // G, Gs
	{regexp.MustCompile(`^Standard_M192id?m?s_v2$`), "2027-03-31"},                // four of Msv2 and Mdsv2
	{regexp.MustCompile(`^Standard_NV\d+(-\d+)?(s_v3|as_v4)$`), "2026-09-30"},     // NVv3, NVv4
	{regexp.MustCompile(`^Standard_NC(6|12|24)r?s_v3$`), "2025-09-30"},            // NCv3
}

// retirement is the day on which Azure retires a size; most sizes have none.
func retirement(size string) (time.Time, bool) {
	for _, r := range retirements {
		if r.sizes.MatchString(size) {
			return mustDay(r.on), true
		}
	}
	return time.Time{}, false
}

// mustDay reads a day that is written in this program.
func mustDay(text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return day
}

// day is how warnings write a date.
const day = "2 January 2006"

func (c Config) sizeWarnings(now time.Time) []string {
	var warnings []string
	sizes := []struct{ key, value string }{{"managerSize", c.ManagerSize}}
	if c.Workers > 0 {
		sizes = append(sizes, struct{ key, value string }{"workerSize", c.WorkerSize})
	}
	for _, size := range sizes {
		ends, known := retirement(size.value)
		switch {
		case !known:
		case now.After(ends):
			warnings = append(warnings, settings.Warningf(size.key, "Azure retired %s on %s; docs/operations.md says how to find a size that you may have", size.value, ends.Format(day)))
		default:
			warnings = append(warnings, settings.Warningf(size.key, "Azure retires %s on %s, and may already refuse it to new subscriptions; "+
				"docs/operations.md says how to find a size that you may have", size.value, ends.Format(day)))
		}
	}
	return warnings
}

// The most that a new subscription may have in a region: Standard public addresses, and
// vCPUs in all (a family has a limit of its own).
// https://learn.microsoft.com/azure/networking/azure-virtual-network-limits
// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-resource-quota
const (
	newAddresses = 10
	newVCPUs     = 20
)

// publicAddresses is how many public addresses there are, and who has them: each node or,
// with a balancer, each manager and the balancer.
func (c Config) publicAddresses() (count int, whose string) {
	if c.LoadBalancer {
		return c.Managers + 1, "the managers and the load balancer"
	}
	return c.Managers + c.Workers, "the nodes"
}

// limitWarnings are about limits at which Azure refuses a new subscription in the middle of
// an update.
func (c Config) limitWarnings() []string {
	var warnings []string
	if count, whose := c.publicAddresses(); count > newAddresses {
		warnings = append(warnings, settings.Warningf("workers", "%s need %d public addresses, and a new subscription gets %d in a region; "+
			"`az network list-usages --location %s --output table` shows yours", whose, count, newAddresses, c.Location))
	}
	if count := c.Managers*vCPUs(c.ManagerSize) + c.Workers*vCPUs(c.WorkerSize); count > newVCPUs {
		warnings = append(warnings, settings.Warningf("workers", "the nodes need %d vCPUs, and a new subscription gets at most %d in a region; "+
			"`az vm list-usage --location %s --output table` shows yours", count, newVCPUs, c.Location))
	}
	return warnings
}
