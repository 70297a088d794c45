package azure

import "regexp"

// acceleratedSizes support accelerated networking: Bsv2 and its variants, D and E since
// version 4, and in version 3 and Fsv2 the sizes with four vCPUs or more. The pages of
// the series say so, and the service lists them when it refuses another size
// (kubernetes-sigs/cluster-api #1201, azure-docs #29620).
var acceleratedSizes = regexp.MustCompile(`^Standard_(B\d+[a-z]*_v2|B(12|16|20)ms|[DE]\d+(-\d+)?[a-z]*_v([4-9]|\d\d)|[DE]([4-9]|\d\d+)(-\d+)?s?_v3|F([4-9]|\d\d+)s_v2)$`)

// judgeAcceleration refuses accelerated networking if the VM's size does not support it,
// both when the interface changes and when the VM changes. Accelerated networking may be
// switched on or off while the VM runs (azure-docs #26251, #83673).
func (op *operation) judgeAcceleration(on bool, vm, size string) error {
	if !on || acceleratedSizes.MatchString(size) {
		return nil
	}
	return op.refuse("VMSizeIsNotPermittedToEnableAcceleratedNetworking",
		"virtual machine %s has size %s, which is not compatible with enabling accelerated networking on network interface(s) on the VM", vm, size)
}
