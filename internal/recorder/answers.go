package recorder

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// Subscription, Tenant and Object are who the recorded program is signed in as.
const (
	Subscription = "5c000000-0000-4000-8000-000000000001"
	Tenant       = "7e000000-0000-4000-8000-000000000002"
	Object       = "0b000000-0000-4000-8000-000000000003"
)

// stateFunction is the engine's own function, which returns what the last update left.
const stateFunction = "pulumi:pulumi:readStackResourceOutputs"

// functions answer the program's calls.
var functions = map[string]resource.PropertyMap{
	"azure-native:authorization:getClientConfig": signedIn(),
	// A stack that was never up; see Recorder.State.
	stateFunction: {"outputs": resource.NewProperty(resource.PropertyMap{})},
}

func signedIn() resource.PropertyMap {
	return texts("clientId", "c1000000-0000-4000-8000-000000000004", "objectId", Object,
		"subscriptionId", Subscription, "tenantId", Tenant, "id", "client-config")
}

// texts makes a map of pairs of key and text.
func texts(pairs ...string) resource.PropertyMap {
	properties := resource.PropertyMap{}
	for i := 0; i+1 < len(pairs); i += 2 {
		properties[resource.PropertyKey(pairs[i])] = resource.NewProperty(pairs[i+1])
	}
	return properties
}

// known are the outputs that a provider would add to a resource's inputs: an id, a name,
// and for some types the values that other resources need. The same resource always gets
// the same values.
func known(res *Resource) resource.PropertyMap {
	kind := shortType(res.Type)
	outputs := resource.PropertyMap{}
	if strings.HasPrefix(res.Type, "azure-native:") || strings.HasPrefix(res.Type, "azure-native_") {
		id := azureID(res)
		outputs = texts("id", id, "name", id[strings.LastIndex(id, "/")+1:])
	}
	if answer, ok := answers[kind]; ok {
		for key, value := range answer(res) {
			outputs[key] = value
		}
	}
	return outputs
}

// shortType is the last part of a type token.
func shortType(token string) string { return token[strings.LastIndex(token, ":")+1:] }

// answers are the outputs of the types that need more than an id.
var answers = map[string]Answer{
	"PublicIPAddress": func(r *Resource) resource.PropertyMap {
		return texts("ipAddress", fmt.Sprintf("203.0.113.%d", 10+digest(r)[0]%200))
	},
	"VirtualMachine": func(r *Resource) resource.PropertyMap {
		outputs := texts("vmId", guid(r, "vm"))
		if _, has := r.Inputs["identity"]; has {
			outputs["identity"] = resource.NewProperty(texts("principalId", guid(r, "principal"), "tenantId", Tenant, "type", "SystemAssigned"))
		}
		return outputs
	},
	"WebApp": func(r *Resource) resource.PropertyMap {
		name := text(r, "name")
		outputs := texts("defaultHostName", name+".azurewebsites.net")
		outputs["identity"] = resource.NewProperty(texts("principalId", guid(r, "principal"), "tenantId", Tenant, "type", "SystemAssigned"))
		return outputs
	},
	"Vault": func(r *Resource) resource.PropertyMap {
		properties := r.Inputs["properties"].ObjectValue().Copy()
		properties["vaultUri"] = resource.NewProperty("https://" + r.Name + ".vault.azure.net/")
		return resource.PropertyMap{"properties": resource.NewProperty(properties)}
	},
	"StorageAccount": func(r *Resource) resource.PropertyMap {
		blob := "https://" + text(r, "accountName") + ".blob.core.windows.net/"
		return resource.PropertyMap{"primaryEndpoints": resource.NewProperty(texts("blob", blob))}
	},
	"Application": func(r *Resource) resource.PropertyMap {
		return texts("id", "/applications/"+guid(r, "object"), "objectId", guid(r, "object"), "clientId", guid(r, "client"), "applicationId", guid(r, "client"))
	},
	"ServicePrincipal": func(r *Resource) resource.PropertyMap {
		return texts("id", guid(r, "object"), "objectId", guid(r, "object"), "applicationTenantId", Tenant)
	},
	"ApplicationPassword": func(r *Resource) resource.PropertyMap {
		return texts("keyId", guid(r, "key"), "value", "client-secret-"+guid(r, "value"))
	},
	"PrivateKey": keyPair,
	// The engine's own type: its output is the value that it was created with.
	"Stash":   func(r *Resource) resource.PropertyMap { return resource.PropertyMap{"output": r.Inputs["input"]} },
	"Command": func(*Resource) resource.PropertyMap { return texts("stdout", "", "stderr", "") },
	"Image": func(r *Resource) resource.PropertyMap {
		name := text(r, "imageName")
		return texts("baseImageName", name, "repoDigest", strings.Split(name, ":")[0]+"@sha256:"+hex.EncodeToString(digest(r)))
	},
}

// keyPair is a real ed25519 key, so that the program can parse it.
func keyPair(r *Resource) resource.PropertyMap {
	private := ed25519.NewKeyFromSeed(digest(r))
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		panic(err) // a key from a seed of the right length can always be marshalled
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		panic(err)
	}
	return texts("privateKeyOpenssh", string(pem.EncodeToMemory(block)), "privateKeyPem", "unused", "privateKeyPemPkcs8", "unused",
		"publicKeyOpenssh", string(ssh.MarshalAuthorizedKey(public)), "publicKeyPem", "unused")
}

// azureID is an id like Azure's: it ends in the type and the name.
func azureID(res *Resource) string {
	if scope := text(res, "scope"); scope != "" {
		return scope + "/providers/Microsoft.Authorization/roleAssignments/" + text(res, "roleAssignmentName")
	}
	group := text(res, "resourceGroupName")
	kind := shortType(res.Type)
	if kind == "ResourceGroup" {
		return "/subscriptions/" + Subscription + "/resourceGroups/" + group
	}
	return "/subscriptions/" + Subscription + "/resourceGroups/" + group + "/providers/" + kind + "/" + azureName(res, kind)
}

// azureName finds the input that names the resource: it ends in Name and is
// called after the type, or after its short form.
func azureName(res *Resource, kind string) string {
	for _, key := range []string{"name", strings.ToLower(kind[:1]) + kind[1:] + "Name", "vmName", "publicIpAddressName",
		"secretName", "containerName", "subnetName", "securityRuleName", "vaultName", "accountName"} {
		if name := text(res, key); name != "" {
			return name
		}
	}
	return res.Name
}

// text is an input's text, secret or not; empty if the input is not a text.
func text(res *Resource, key string) string {
	s, _ := At(res.Inputs, key).(string)
	return s
}

// digest is 32 bytes that belong to this resource alone.
func digest(res *Resource) []byte {
	sum := sha256.Sum256([]byte(res.URN))
	return sum[:]
}

// guid is an identifier that belongs to one property of this resource.
func guid(res *Resource, property string) string {
	sum := sha256.Sum256([]byte(res.URN + "|" + property))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}
