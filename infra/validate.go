package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"averazure/internal/names"
	"averazure/internal/networks"
	"averazure/internal/settings"
)

// problems collects what is wrong, each with its key and the value.
type problems []error

// add notes a problem: the key, the value as it was given, and what to do.
func (p *problems) add(key string, value any, format string, args ...any) {
	*p = append(*p, settings.Problemf(key, "%v: %s", quoted(value), fmt.Sprintf(format, args...)))
}

func quoted(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}

// Validate reports everything that is wrong with the configuration, each problem
// with its key, its value and what to do. Nil if the configuration is valid.
func (c Config) Validate() []error {
	var p problems
	c.validateNames(&p)
	c.validateNodes(&p)
	c.validateDisks(&p)
	c.validateZones(&p)
	c.validateNetwork(&p)
	c.validateAccess(&p)
	c.validatePorts(&p)
	c.validateEntry(&p)
	c.validateServices(&p)
	c.validateBackups(&p)
	return p
}

var (
	locationPattern = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	saltPattern     = regexp.MustCompile(`^[A-Za-z0-9._-]{0,32}$`)
	sizePattern     = regexp.MustCompile(`^Standard_[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$`)
	imagePattern    = regexp.MustCompile(`^[^:\s]+:[^:\s]+:[^:\s]+:[^:\s]+$`)
	userPattern     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	// As `az functionapp list-flexconsumption-runtimes` writes them: Azure takes
	// node 22 and not 22.1, .NET 8.0 and not 8.
	runtimePattern = regexp.MustCompile(`^(node:[0-9]+|java:[0-9]+|python:3\.[0-9]+|powershell:7\.[0-9]+|dotnet-isolated:[0-9]+\.0|custom:1\.0)$`)
)

func (c Config) validateNames(p *problems) {
	switch {
	case c.Location == "":
		p.add("location", c.Location, "an Azure region is required; `az account list-locations -o table` lists them")
	case !locationPattern.MatchString(c.Location):
		p.add("location", c.Location, "not a region's short name; write it like westeurope")
	default:
		if _, err := checkRegion(c.Location); err != nil {
			p.add("location", c.Location, "%v", err)
		}
	}
	if err := names.CheckPrefix(c.Prefix); err != nil {
		p.add("prefix", c.Prefix, "%v", err)
	}
	if !saltPattern.MatchString(c.NameSalt) {
		p.add("nameSalt", c.NameSalt, "at most 32 letters, digits, periods, underscores and hyphens")
	}
}

func (c Config) validateNodes(p *problems) {
	if !slices.Contains([]int{1, 3, 5, 7}, c.Managers) {
		p.add("managers", c.Managers, "must be 1, 3, 5 or 7: an even number survives as few failures as the odd one below it")
	}
	if managers := c.managerNames(); c.Door != "" && !slices.Contains(managers, c.Door) {
		p.add("door", c.Door, "must be one of the managers: %s", strings.Join(managers, ", "))
	}
	if c.Workers < 0 || c.Workers > maxWorkers {
		p.add("workers", c.Workers, "must be between 0 and %d", maxWorkers)
	}
	c.validateSizes(p)
	c.validateImage(p)
	if c.DiskGB < minDiskGB || c.DiskGB > maxDiskGB {
		p.add("diskGB", c.DiskGB, "must be between %d and %d GiB; Debian's image alone has %d", minDiskGB, maxDiskGB, minDiskGB)
	}
	if !userPattern.MatchString(c.AdminUser) {
		p.add("adminUser", c.AdminUser, "must be lower-case letters, digits, underscores and hyphens, at most 32, a letter first")
	} else if names.ReservedUser(c.AdminUser) {
		p.add("adminUser", c.AdminUser, "Azure or Debian reserves that name; take another, such as aver")
	}
}

func (c Config) validateSizes(p *problems) {
	for _, size := range []struct{ key, value string }{{"managerSize", c.ManagerSize}, {"workerSize", c.WorkerSize}} {
		if !sizePattern.MatchString(size.value) {
			p.add(size.key, size.value, "not a VM size; write it like %s (docs/operations.md says how to find one that you may have)", defaultSize)
		} else if isARM(size.value) {
			p.add(size.key, size.value, "has ARM processors, but stackctl and the image are built for amd64; take a size without the p, such as %s", defaultSize)
		}
	}
}

func (c Config) validateImage(p *problems) {
	if !imagePattern.MatchString(c.VMImage) {
		p.add("vmImage", c.VMImage, "must be publisher:offer:sku:version, like Debian:debian-13:13-gen2:latest")
	} else if strings.Contains(c.VMImage, "arm64") {
		p.add("vmImage", c.VMImage, "is for ARM processors, but stackctl and the image are built for amd64; use Debian:debian-13:13-gen2:latest")
	}
}

func (c Config) validateNetwork(p *problems) {
	vnet, err := networks.Parse(c.VnetCidr)
	if err != nil {
		p.add("vnetCidr", c.VnetCidr, "%v", err)
		return
	}
	if !networks.Private(vnet) {
		p.add("vnetCidr", c.VnetCidr, "must be a private network (%s) or a part of one", networks.PrivateNames)
	}
	subnet, err := networks.Parse(c.SubnetCidr)
	if err != nil {
		p.add("subnetCidr", c.SubnetCidr, "%v", err)
		return
	}
	if !networks.Within(subnet, vnet) {
		p.add("subnetCidr", c.SubnetCidr, "must be a part of averazure:vnetCidr (%s)", vnet)
	}
	if subnet.Bits() > subnetBits {
		p.add("subnetCidr", c.SubnetCidr, "must be a /%d or larger: managers and workers each get a block of it", subnetBits)
	}
	if networks.OnBridge(vnet) {
		p.add("vnetCidr", c.VnetCidr, "overlaps %s, Docker's bridges on every node; 10.20.0.0/16 is free", networks.BridgeNames)
	}
}
