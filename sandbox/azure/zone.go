package azure

import "slices"

// zoneless are common regions without availability zones. All other regions count as having
// three zones.
// https://learn.microsoft.com/azure/reliability/regions-list
var zoneless = []string{
	"australiacentral", "australiacentral2", "australiasoutheast", "brazilsoutheast", "canadaeast", "francesouth", "germanynorth",
	"jioindiacentral", "jioindiawest", "koreasouth", "northcentralus", "norwaywest", "southafricawest", "southindia", "swedensouth",
	"switzerlandwest", "uaecentral", "ukwest", "westcentralus", "westindia", "westus",
}

// judgeZones refuses a VM in a zone that its region lacks, and a VM whose address is in
// another zone. An address without zones counts as being in all zones: since API version
// 2020-08-01 such an address lists all zones, before it listed none.
// https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#availability-zone
func (op *operation) judgeZones() error {
	zones := texts(op.inputs, "zones")
	if len(zones) == 0 {
		return nil
	}
	if err := op.judgeZone(zones); err != nil {
		return err
	}
	nic := op.record.get(text(op.inputs, "networkProfile.networkInterfaces.0.id"))
	address := op.record.get(text(items(nic.State, "ipConfigurations")[0], "publicIPAddress.id"))
	if address == nil {
		return nil
	}
	if its := texts(address.State, "zones"); len(its) > 0 && !slices.Contains(its, zones[0]) {
		return op.refuse("PublicIPAddressAndVirtualMachineInDifferentZones", "VM %s is in zone %s and its public IP address %s in %v", op.name, zones[0], address.name(), its)
	}
	return nil
}

// judgeZone refuses zones that a VM or disk cannot be in.
func (op *operation) judgeZone(zones []string) error {
	if len(zones) == 0 {
		return nil
	}
	if len(zones) > 1 {
		return op.refuse("InvalidParameter", "a virtual machine or a disk can be in one zone only, not in %v", zones)
	}
	region := normalLocation(text(op.inputs, "location"))
	if slices.Contains(zoneless, region) {
		return op.refuse("AvailabilityZoneNotSupported", "the zones %v are not supported in location '%s', which has none", zones, region)
	}
	if !slices.Contains([]string{"1", "2", "3"}, zones[0]) {
		return op.refuse("InvalidAvailabilityZone", "the zone '%s' is not valid for resource '%s'; location '%s' has 1, 2 and 3", zones[0], op.name, region)
	}
	return nil
}
