package azure

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// remove deletes a resource and everything in it. Deleting a missing resource succeeds in
// azure-native; the bridged providers return the service's 404
// (resourceGithubActionsSecretDelete and others in
// integrations/terraform-provider-github, applicationResourceDelete and others in
// hashicorp/terraform-provider-azuread).
func (c *Cloud) remove(ctx context.Context, k *kind, urn resource.URN, id string) error {
	if err := c.ready(); err != nil {
		return err
	}
	e := c.record.get(id)
	if e == nil {
		c.mu.Unlock()
		if k.echo {
			return fmt.Errorf("delete %s %s: 404 Not Found", k.azure, id)
		}
		return nil
	}
	op := &operation{Cloud: c, kind: k, urn: urn, id: e.ID, name: e.name(), inputs: e.Inputs, state: e.State, old: e}
	if k.keep != nil {
		if err := k.keep(op); err != nil {
			c.mu.Unlock()
			return err
		}
	}
	doomed := append(c.record.below(id), e)
	c.mu.Unlock()
	if err := c.erase(ctx, doomed); err != nil {
		return err
	}
	if k.filters {
		return c.followUp(ctx)
	}
	return nil
}

// erase deletes the resources in an order in which no resource loses what it depends on,
// and removes each from the record when it is done.
func (c *Cloud) erase(ctx context.Context, doomed []*entry) error {
	for _, e := range byRank(doomed) {
		k := kindOf(e.Token)
		if k != nil && k.remove != nil {
			if err := k.remove(ctx, c, e); err != nil {
				return fmt.Errorf("delete %s: %w", e.ID, err)
			}
		}
		c.mu.Lock()
		c.record.drop(e.ID)
		if k != nil && k.touches != nil {
			k.touches(c.record, e)
		}
		err := c.record.save()
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// ranks is the order of deletion in a resource group: VMs first, then what they use.
var ranks = []string{"RoleAssignment", "RecordSet", "Zone", "VirtualMachine", "NetworkInterface", "LoadBalancer", "PublicIPAddress", "Subnet", "SecurityRule",
	"NetworkSecurityGroup", "VirtualNetwork", "WebApp", "AppServicePlan"}

func byRank(entries []*entry) []*entry {
	rank := func(e *entry) int {
		if i := slices.Index(ranks, typeName(e.Token)); i >= 0 {
			return i
		}
		return len(ranks)
	}
	out := slices.Clone(entries)
	slices.SortStableFunc(out, func(a, b *entry) int { return rank(a) - rank(b) })
	return out
}

// kindOf finds the row of a token. It is nil for a resource that the cloud itself created.
func kindOf(token string) *kind {
	for _, kinds := range [][]*kind{nativeKinds(), directoryKinds(), githubKinds()} {
		for _, k := range kinds {
			if slices.Contains(k.tokens, token) {
				return k
			}
		}
	}
	return nil
}
