package azure

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// addressKinds is the public address. It is real: an address on the sandbox's internet.
var addressKinds = []*kind{{
	tokens:   []string{"azure-native:network/v20190601:PublicIPAddress"},
	azure:    "Microsoft.Network/publicIPAddresses",
	path:     networkPath + "publicIPAddresses/{publicIpAddressName}",
	auto:     autoRandom,
	rule:     networkName,
	located:  true,
	replaces: []string{"location", "publicIPAddressVersion", "publicIPPrefix", "sku"}, // azure-native's replacement.go
	computed: []string{"etag", "provisioningState", "resourceGuid", "ipAddress", "ipConfiguration", "idleTimeoutInMinutes", "dnsSettings.fqdn"},
	judge:    judgeAddress,
	complete: func(op *operation) {
		op.completeNetworking()
		fallback(op.state, "idleTimeoutInMinutes", 4.0)
		fallback(op.state, "publicIPAddressVersion", "IPv4")
		fallback(op.state, "ipTags", []any{})
		fallback(op.state, "sku.tier", "Regional")
		if label := text(op.inputs, "dnsSettings.domainNameLabel"); label != "" {
			put(op.state, "dnsSettings.fqdn", labelName(label, text(op.inputs, "location")))
		}
		op.keep("ipAddress", always(""))
	},
	create: func(ctx context.Context, op *operation) error {
		address, err := op.hosts.AllocatePublicIP(ctx, op.id)
		op.state["ipAddress"] = address
		return err
	},
	remove: func(ctx context.Context, c *Cloud, e *entry) error { return c.hosts.ReleasePublicIP(ctx, e.ID) },
	keep: func(op *operation) error {
		if user := op.addressUser(op.id, ""); user != "" {
			return op.refuse("PublicIPAddressCannotBeDeleted",
				"public IP address %s cannot be deleted since it is still allocated to resource %s; dissociate it first", op.id, user)
		}
		return nil
	},
}}

// dnsLabel is quoted from the service's error. The reserved words:
// https://learn.microsoft.com/azure/azure-resource-manager/templates/error-reserved-resource-name
// Azure/terraform-azurerm-compute #4 quotes their code.
var (
	dnsLabel      = regexp.MustCompile(`^[a-z][a-z0-9-]{1,61}[a-z0-9]$`)
	reservedLabel = regexp.MustCompile(`^(azure|office|xbox|login.*)$|microsoft|windows`)
)

func judgeAddress(op *operation) error {
	// Basic, the default without a SKU, was retired on 2025-09-30:
	// https://azure.microsoft.com/updates?id=upgrade-to-standard-sku-public-ip-addresses-in-azure-by-30-september-2025-basic-sku-will-be-retired
	if !strings.EqualFold(text(op.inputs, "sku.name"), "Standard") {
		return op.refuse("IPv4BasicSkuPublicIpCountLimitReached", "cannot create more than 0 IPv4 Basic SKU public IP addresses: Basic is retired, use sku Standard")
	}
	// pulumi-azure-native #1597 quotes the service.
	if !strings.EqualFold(text(op.inputs, "publicIPAllocationMethod"), "Static") {
		return op.refuse("StandardSkuPublicIPAddressesMustBeStatic", "a Standard public IP address must have publicIPAllocationMethod set to Static; a Dynamic one has no address when it is created")
	}
	if strings.EqualFold(text(op.inputs, "publicIPAddressVersion"), "IPv6") {
		return op.refuse(notPlayed, "the sandbox supports IPv4 only")
	}
	return op.judgeLabel(text(op.inputs, "dnsSettings.domainNameLabel"))
}

// judgeLabel refuses an invalid label, and one that any other address in the region has.
func (op *operation) judgeLabel(label string) error {
	if label == "" {
		return nil
	}
	if !dnsLabel.MatchString(label) {
		return op.refuse("InvalidDomainNameLabel", "the domain name label %s is invalid: it must conform to %s", label, dnsLabel)
	}
	if reservedLabel.MatchString(label) {
		return op.refuse("DomainNameLabelReserved", "the domain name label %s is invalid: it, or a part of it, is a reserved word such as a trademark", label)
	}
	name := labelName(label, text(op.inputs, "location"))
	taken := slices.Contains(worldsLabels, label)
	for _, other := range op.record.of("PublicIPAddress") {
		taken = taken || text(other.State, "dnsSettings.fqdn") == name && !strings.EqualFold(other.ID, op.id)
	}
	if taken {
		return op.refuse("DnsRecordInUse", "DNS record %s is already used by another public IP", name)
	}
	return nil
}

// labelName is the full DNS name for a label.
func labelName(label, location string) string {
	return label + "." + normalLocation(location) + "." + labelZone
}

// addressUser finds the IP configuration of an interface or balancer that uses a public
// address. It ignores the resource whose id is but.
func (op *operation) addressUser(id, but string) string {
	for list, users := range map[string][]*entry{
		"ipConfigurations": op.record.of("NetworkInterface"), frontends: op.record.of("LoadBalancer"),
	} {
		for _, user := range users {
			for _, config := range items(user.State, list) {
				if strings.EqualFold(text(config, "publicIPAddress.id"), id) && !strings.EqualFold(user.ID, but) {
					return user.ID + "/" + list + "/" + text(config, "name")
				}
			}
		}
	}
	return ""
}

// interfaceUser finds the VM that uses an interface. It ignores the VM whose id is but.
func (op *operation) interfaceUser(id, but string) string {
	for _, vm := range op.record.of("VirtualMachine") {
		for _, nic := range items(vm.State, "networkProfile.networkInterfaces") {
			if strings.EqualFold(text(nic, "id"), id) && !strings.EqualFold(vm.ID, but) {
				return vm.ID
			}
		}
	}
	return ""
}

// holdInterface records on an interface which VM uses it. Azure then gives the interface a
// hardware address, makes it primary, and changes its etags.
func holdInterface(r *record, vm *entry) {
	nic := r.get(text(vm.State, "networkProfile.networkInterfaces.0.id"))
	if nic == nil {
		return
	}
	holder := ""
	if r.get(vm.ID) != nil {
		holder = vm.ID
	}
	if text(nic.State, "virtualMachine.id") == holder {
		return
	}
	drop(nic.State, "virtualMachine")
	if holder != "" {
		nic.State["virtualMachine"] = object{"id": holder}
		mac := strings.ToUpper(randomHex(3))
		fallback(nic.State, "macAddress", "00-0D-3A-"+mac[:2]+"-"+mac[2:4]+"-"+mac[4:])
		nic.State["primary"] = true
	}
	nic.State["etag"] = newEtag()
	items(nic.State, "ipConfigurations")[0]["etag"] = nic.State["etag"]
}
