package release

import (
	"context"
	"fmt"

	"averazure/internal/stackfile"
)

// plan is what Docker is told: specs with ids and digests, and what they were made
// with.
type plan struct {
	specs   stackfile.Specs
	secrets map[string]string // versions, by logical name
	logins  map[string]string // by service, see Release.Logins
}

// prepare gives the specs their configs, their secrets and their images by digest.
func (w *work) prepare(ctx context.Context, want wanted) (plan, error) {
	p := plan{logins: map[string]string{}}
	if err := w.checkNetworks(ctx, want); err != nil {
		return p, err
	}
	versions, err := w.make(ctx, want.made)
	if err != nil {
		return p, err
	}
	if p.specs, p.secrets, err = w.withSecrets(ctx, want.specs, merged(want.secrets, versions)); err != nil {
		return p, err
	}
	if p.specs, err = w.withConfigs(ctx, p.specs); err != nil {
		return p, err
	}
	if !want.ran {
		live, err := w.byName(ctx, w.stack)
		if err != nil {
			return p, err
		}
		if p.specs, err = w.pin(ctx, p.specs, live); err != nil {
			return p, err
		}
	}
	if err := small(p); err != nil {
		return p, err
	}
	for name, image := range imagesOf(p.specs) {
		login, err := w.auth(image)
		if err != nil {
			return p, imageError{name, image, err}
		}
		if login == "" {
			continue
		}
		key, err := w.Key()
		if err != nil {
			return p, fmt.Errorf("this manager's key for secrets cannot be read: %w; run `pulumi up`", err)
		}
		p.logins[name] = digest(keyed(key, login))
	}
	return p, nil
}
