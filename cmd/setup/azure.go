package main

import (
	"fmt"
	"slices"
	"strings"
)

// namespaces are the parts of Azure that the program uses. An empty subscription has none
// of them switched on.
var namespaces = []string{"Microsoft.Compute", "Microsoft.KeyVault", "Microsoft.Network", "Microsoft.Storage", "Microsoft.Web"}

func (s *setup) providers() error {
	answer, err := s.ask("az", "provider", "list", "--query", "[?registrationState=='Registered'].namespace", "--output", "tsv")
	if err != nil {
		return err
	}
	registered := strings.Fields(answer)
	for _, name := range namespaces {
		if slices.Contains(registered, name) {
			continue
		}
		if err := s.do("switch on "+name+" in the subscription", "az", "provider", "register", "--namespace", name, "--wait"); err != nil {
			return err
		}
	}
	return nil
}

// The state has a resource group of its own: `pulumi destroy` must not delete it.
const (
	stateGroup     = "averazure-state"
	stateContainer = "state"
	stateKey       = "pulumi"
)

func (s *setup) account() string { return s.unique("averst") }
func (s *setup) vault() string   { return s.unique("averst-") }

// backend is where Pulumi keeps the state.
func (s *setup) backend() string {
	return fmt.Sprintf("azblob://%s?storage_account=%s", stateContainer, s.account())
}

// secretsProvider is the key that encrypts the secrets in the state. An Azure account with
// a role on it needs no passphrase.
func (s *setup) secretsProvider() string {
	return fmt.Sprintf("azurekeyvault://%s.vault.azure.net/keys/%s", s.vault(), stateKey)
}

func (s *setup) groupScope() string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", s.subscription, stateGroup)
}
func (s *setup) accountScope() string {
	return s.groupScope() + "/providers/Microsoft.Storage/storageAccounts/" + s.account()
}
func (s *setup) vaultScope() string {
	return s.groupScope() + "/providers/Microsoft.KeyVault/vaults/" + s.vault()
}

// state makes the storage account and the key. Old versions of the state are kept; deleted
// ones stay for 30 days. The vault cannot be purged, since nobody can read the state
// without its key.
func (s *setup) state() error {
	group, err := s.ask("az", "group", "exists", "--name", stateGroup)
	if err != nil {
		return err
	}
	if group != "true" {
		if err := s.do("make the resource group "+stateGroup, "az", "group", "create", "--name", stateGroup, "--location", s.location); err != nil {
			return err
		}
	}
	if err := s.storage(group == "true"); err != nil {
		return err
	}
	return s.key(group == "true")
}

// has tells whether a list of the resource group contains an entry with this name. A group
// that does not exist yet contains nothing.
func (s *setup) has(group bool, kind, name string) (bool, error) {
	if !group && s.dry {
		return false, nil
	}
	answer, err := s.ask("az", append(strings.Fields(kind), "list", "--resource-group", stateGroup, "--query", fmt.Sprintf("length([?name=='%s'])", name), "--output", "tsv")...)
	return one(answer), err
}

func (s *setup) storage(group bool) error {
	there, err := s.has(group, "storage account", s.account())
	if err != nil {
		return err
	}
	if !there {
		if err := s.do("make the storage account "+s.account()+" for the Pulumi state", "az", "storage", "account", "create",
			"--name", s.account(), "--resource-group", stateGroup, "--location", s.location, "--sku", "Standard_ZRS", "--kind", "StorageV2",
			"--min-tls-version", "TLS1_2", "--allow-blob-public-access", "false", "--allow-shared-key-access", "false"); err != nil {
			return err
		}
	}
	if err := s.keepVersions(there); err != nil {
		return err
	}
	if err := s.container(there); err != nil {
		return err
	}
	return s.role(there, s.person, s.personType, "Storage Blob Data Contributor", s.accountScope())
}

// keepVersions lets a lost or broken state be restored.
func (s *setup) keepVersions(there bool) error {
	kept, err := s.ofAccount(there, "isVersioningEnabled", "storage", "account", "blob-service-properties", "show", "--account-name", s.account())
	if err != nil || kept {
		return err
	}
	return s.do("keep former versions of the state, deleted ones for 30 days", "az", "storage", "account", "blob-service-properties", "update",
		"--account-name", s.account(), "--resource-group", stateGroup, "--enable-versioning", "true",
		"--enable-delete-retention", "true", "--delete-retention-days", "30")
}

func (s *setup) container(there bool) error {
	made, err := s.ofAccount(there, "exists", "storage", "container-rm", "exists", "--name", stateContainer, "--storage-account", s.account())
	if err != nil || made {
		return err
	}
	return s.do("make the container "+stateContainer+" in it", "az", "storage", "container-rm", "create",
		"--name", stateContainer, "--storage-account", s.account(), "--resource-group", stateGroup)
}

// ofAccount asks the storage account a question whose answer is true or false. For an
// account that does not exist yet the answer is false.
func (s *setup) ofAccount(there bool, what string, args ...string) (bool, error) {
	if !there && s.dry {
		return false, nil
	}
	answer, err := s.ask("az", append(args, "--resource-group", stateGroup, "--query", what, "--output", "tsv")...)
	return answer == "true", err
}

func (s *setup) key(group bool) error {
	there, err := s.has(group, "keyvault", s.vault())
	if err != nil {
		return err
	}
	if !there {
		if err := s.do("make the key vault "+s.vault()+", whose key encrypts the secrets in the state", "az", "keyvault", "create",
			"--name", s.vault(), "--resource-group", stateGroup, "--location", s.location,
			"--enable-rbac-authorization", "true", "--enable-purge-protection", "true"); err != nil {
			return err
		}
	}
	if err := s.role(there, s.person, s.personType, "Key Vault Crypto Officer", s.vaultScope()); err != nil {
		return err
	}
	if there || !s.dry {
		keys := 0
		err := s.inTime("Azure lets you use the vault", func() error {
			return s.askJSON(&keys, "az", "keyvault", "key", "list", "--vault-name", s.vault(), "--query", "length([?name=='"+stateKey+"'])", "--output", "json")
		})
		if err != nil || keys > 0 {
			return err
		}
	}
	return s.do("make the key "+stateKey+" in it", "az", "keyvault", "key", "create", "--vault-name", s.vault(), "--name", stateKey, "--kty", "RSA", "--size", "3072")
}

// role gives somebody a role on a resource. It first asks whether the role is there, if the
// resource already exists.
func (s *setup) role(there bool, who, kind, role, scope string) error {
	if there || !s.dry {
		answer, err := s.ask("az", "role", "assignment", "list", "--assignee", who, "--role", role, "--scope", scope, "--query", "length(@)", "--output", "tsv")
		if err != nil {
			return err
		}
		if answer != "0" {
			return nil
		}
	}
	name := scope[strings.LastIndex(scope, "/")+1:]
	return s.do(fmt.Sprintf("give %s the role %s on %s", who, role, name), "az", "role", "assignment", "create",
		"--assignee-object-id", who, "--assignee-principal-type", kind, "--role", role, "--scope", scope)
}
