package azure

import "regexp"

// acceleratedSizes have accelerated networking, as the pages of their series say and
// as the service lists them when it refuses another (kubernetes-sigs/cluster-api
// #1201, azure-docs #29620): Bsv2 and its kin, D and E from version 4 on, and of
// version 3 and Fsv2 those of four vCPUs and more.
var acceleratedSizes = regexp.MustCompile(`^Standard_(B\d+[a-z]*_v2|B(12|16|20)ms|[DE]\d+(-\d+)?[a-z]*_v([4-9]|\d\d)|[DE]([4-9]|\d\d+)(-\d+)?s?_v3|F([4-9]|\d\d+)s_v2)$`)

// judgeAcceleration refuses accelerated networking to an interface whose machine has
// a size without, and such a size to a machine whose interface has it. On a machine
// that runs it may be switched (azure-docs #26251, #83673).
func (op *operation) judgeAcceleration(on bool, machine, size string) error {
	if !on || acceleratedSizes.MatchString(size) {
		return nil
	}
	return op.refuse("VMSizeIsNotPermittedToEnableAcceleratedNetworking",
		"virtual machine %s has size %s, which is not compatible with enabling accelerated networking on network interface(s) on the VM", machine, size)
}
