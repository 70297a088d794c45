package azure

import (
	"encoding/base64"
	"testing"
)

// with returns a copy of o with changes by path. A nil value removes the property at its
// path.
func with(o, changes object) object {
	out := clone(o)
	for path, v := range changes {
		if v == nil {
			drop(out, path)
			continue
		}
		put(out, path, v)
	}
	return out
}

// scene is a small set of resources that most tests start from.
type scene struct {
	*world
	group, net, nsg, subnet *res
}

func newScene(t *testing.T) *scene {
	w := newWorld(t)
	s := &scene{world: w, group: w.create("azure-native:resources:ResourceGroup", "rg", object{"resourceGroupName": "aver-rg", "location": "westeurope"})}
	s.net = w.create("VirtualNetwork", "net", object{"resourceGroupName": "aver-rg", "virtualNetworkName": "aver-net", "addressSpace": object{"addressPrefixes": list("10.0.0.0/16")}})
	s.nsg = w.create("NetworkSecurityGroup", "nsg", object{"resourceGroupName": "aver-rg", "networkSecurityGroupName": "aver-nsg"})
	s.subnet = w.create("Subnet", "nodes", s.subnetArgs("10.0.0.0/24"))
	return s
}

func (s *scene) subnetArgs(prefix string) object {
	return object{"resourceGroupName": "aver-rg", "virtualNetworkName": "aver-net", "addressPrefix": prefix, "networkSecurityGroup": object{"id": s.nsg.id}}
}

func addressArgs(name string) object {
	return object{"resourceGroupName": "aver-rg", "publicIpAddressName": name, "sku": object{"name": "Standard"}, "publicIPAllocationMethod": "Static"}
}

func (s *scene) nicArgs(name, address string, public *res) object {
	config := object{"name": "main", "subnet": object{"id": s.subnet.id}}
	if address != "" {
		config["privateIPAddress"], config["privateIPAllocationMethod"] = address, "Static"
	}
	if public != nil {
		config["publicIPAddress"] = object{"id": public.id}
	}
	return object{"resourceGroupName": "aver-rg", "networkInterfaceName": name, "ipConfigurations": []any{config}}
}

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvb3R0ZXN0 admin"

func vmArgs(name string, nic *res) object {
	return object{
		"resourceGroupName": "aver-rg", "vmName": name, "hardwareProfile": object{"vmSize": "Standard_B2s"},
		"networkProfile": object{"networkInterfaces": []any{object{"id": nic.id}}},
		"osProfile": object{"adminUsername": "aver", "computerName": name, "customData": base64.StdEncoding.EncodeToString([]byte("#cloud-config\n")),
			"linuxConfiguration": object{"disablePasswordAuthentication": true, "ssh": object{"publicKeys": []any{object{"path": "/home/aver/.ssh/authorized_keys", "keyData": testKey}}}}},
		"storageProfile": object{"imageReference": object{"publisher": "Debian", "offer": "debian-13", "sku": "13-gen2", "version": "latest"},
			"osDisk": object{"name": name + "-os", "createOption": "FromImage", "deleteOption": "Delete"}},
	}
}

// node creates a VM with its address and interface.
func (s *scene) node(name, address string) (vm, nic, public *res) {
	public = s.create("PublicIPAddress", name+"-ip", addressArgs(name+"-ip"))
	nic = s.create("NetworkInterface", name+"-nic", s.nicArgs(name+"-nic", address, public))
	return s.create("VirtualMachine", name, vmArgs(name, nic)), nic, public
}

func ruleArgs(name string, priority int, more object) object {
	return with(object{"resourceGroupName": "aver-rg", "networkSecurityGroupName": "aver-nsg", "securityRuleName": name, "priority": float64(priority),
		"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*",
		"destinationAddressPrefix": "*", "destinationPortRange": "8080"}, more)
}
