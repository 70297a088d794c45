package azure

import (
	"context"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// read answers a refresh: the resource is gone, or it has the recorded state. Secrets are
// not in the record, so they stay as the engine has them.
func (c *Cloud) read(ctx context.Context, k *kind, id string, inputs, state resource.PropertyMap) (string, resource.PropertyMap, resource.PropertyMap, error) {
	if err := c.ready(); err != nil {
		return "", nil, nil, err
	}
	e := c.record.get(id)
	if e == nil {
		c.mu.Unlock()
		return "", nil, nil, nil
	}
	err := c.meet(resource.URN(e.URN), true)
	before, recorded := state.Copy(), toEngine(clone(e.State))
	c.mu.Unlock()
	if err != nil {
		return "", nil, nil, err
	}
	if k.gone != nil {
		if gone, err := k.gone(ctx, c, e); gone || err != nil {
			return "", nil, nil, err
		}
	}
	for key, v := range recorded {
		if !slicesHas(k.secrets, string(key)) {
			state[key] = v
		}
	}
	if len(inputs) == 0 {
		inputs = toEngine(e.Inputs) // an import
	} else {
		inputs = k.adopt(inputs, before, state)
	}
	return e.ID, inputs, state, nil
}

// adopt copies outputs that the service has changed since to the inputs of the same name.
// azure-native does so too: it cannot tell the service's changes from manual ones (Read
// in its provider.go).
func (k *kind) adopt(inputs, before, after resource.PropertyMap) resource.PropertyMap {
	inputs = inputs.Copy()
	for _, adopted := range everyItem(k.adopts, after) {
		path, err := resource.ParsePropertyPath(adopted)
		if err != nil {
			continue
		}
		old, had := path.Get(resource.NewProperty(before))
		now, has := path.Get(resource.NewProperty(after))
		switch {
		case has && !(had && old.DeepEquals(now)):
			path.Set(resource.NewProperty(inputs), now)
		case had && !has:
			path.Delete(resource.NewProperty(inputs))
		}
	}
	return inputs
}

func slicesHas(paths []string, key string) bool {
	for _, p := range paths {
		if p == key || strings.HasPrefix(p, key+".") {
			return true
		}
	}
	return false
}

// everyItem replaces [*] by the indexes of the list.
func everyItem(paths []string, state resource.PropertyMap) []string {
	var out []string
	for _, path := range paths {
		list, rest, has := strings.Cut(path, "[*]")
		if !has {
			out = append(out, path)
			continue
		}
		for i := range len(items(fromEngine(state.Copy()), list)) {
			out = append(out, list+"["+strconv.Itoa(i)+"]"+rest)
		}
	}
	return out
}
