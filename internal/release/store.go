package release

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
)

// The labels by which this package knows its Docker configs.
const (
	labelStack     = "averazure.stack"     // of a release: its stack
	labelRelease   = "averazure.release"   // its number
	labelWithdraws = "averazure.withdraws" // the first release that it withdraws
	labelTrusted   = "averazure.trusted"   // of the trusted specs: their stack
	labelVariables = "averazure.variables" // of the values of variables: their stack
)

// configLimit is the size at which swarmkit refuses a config, in bytes.
// https://github.com/moby/swarmkit/blob/master/api/validation/secrets.go
const configLimit = 500 * 1024

// releaseLimit is the largest size to which a release may unpack. The store is trusted, but
// a broken entry must not use up the memory.
const releaseLimit = 32 << 20

// labelled lists the Docker configs with a label; all of them for "".
func (d *Reader) labelled(ctx context.Context, label string) ([]swarm.Config, error) {
	var options swarm.ConfigListOptions
	if label != "" {
		options.Filters = filters.NewArgs(filters.Arg("label", label))
	}
	return ask(ctx, d, "list Docker's configs", func(ctx context.Context) ([]swarm.Config, error) { return d.Swarm.ConfigList(ctx, options) })
}

// load reads the releases of a stack. A release that a rollback left behind is withdrawn as
// soon as the rollback is recorded, even if nobody could remove it yet.
func (d *Reader) load(ctx context.Context, stack string) (history, error) {
	configs, err := d.labelled(ctx, labelStack+"="+stack)
	if err != nil {
		return history{}, err
	}
	var h history
	kept, withdrawn := standing(configs)
	if h.releases, err = readAll(kept); err == nil {
		h.withdrawn, err = readAll(withdrawn)
	}
	return h, err
}

// standing sorts the configs of a stack's releases, oldest first, into those that count and
// those that a later rollback withdrew. It needs only their labels.
func standing(configs []swarm.Config) (kept, withdrawn []swarm.Config) {
	number := func(c swarm.Config, label string) int {
		n, _ := strconv.Atoi(c.Spec.Labels[label])
		return n
	}
	slices.SortFunc(configs, func(a, b swarm.Config) int { return cmp.Compare(number(a, labelRelease), number(b, labelRelease)) })
	for _, one := range configs {
		n := number(one, labelRelease)
		gone := slices.ContainsFunc(configs, func(by swarm.Config) bool {
			from := number(by, labelWithdraws)
			return from > 0 && n >= from && n < number(by, labelRelease)
		})
		if gone {
			withdrawn = append(withdrawn, one)
		} else {
			kept = append(kept, one)
		}
	}
	return kept, withdrawn
}

func readAll(configs []swarm.Config) ([]stored, error) {
	var all []stored
	for _, config := range configs {
		r, err := readRelease(config)
		if err != nil {
			return nil, err
		}
		all = append(all, stored{r, config.ID, config.Spec.Name})
	}
	return all, nil
}

func readRelease(config swarm.Config) (Release, error) {
	r, err := unpack[Release](config.Spec.Data)
	if err != nil {
		err = fmt.Errorf("release %s cannot be read: %w; `docker config rm %s` removes it", config.Spec.Name, err, config.Spec.Name)
	}
	return r, err
}

// recordLive records a release with the specs from which it was made and what Docker made
// of them. It leaves out what somebody changed by hand while the release came up: that is a
// difference from the release. A run that lost its claim has seen another run's services,
// so it records nothing.
func (w *work) recordLive(ctx context.Context, p plan, r Release) (int, error) {
	if kept, err := w.held.keep(ctx, w.lease()); err == nil && !kept {
		return 0, errLostClaim
	}
	networks, err := w.networks(ctx, "")
	if err != nil {
		return 0, err
	}
	r.Specs, r.Secrets, r.Logins, r.Live = p.specs, p.secrets, p.logins, map[string]swarm.ServiceSpec{}
	for name := range p.specs.Services {
		r.Live[name] = named(w.told[name].Spec, networks)
	}
	return w.record(ctx, w.stack, r)
}

// record keeps a release under the next number. A release that only repeats the last one
// replaces it, so that the number of different releases for a rollback does not shrink. It
// returns the number.
func (d *Deployer) record(ctx context.Context, stack string, r Release) (int, error) {
	h, err := d.load(ctx, stack)
	if err != nil {
		return 0, err
	}
	repeats := false
	if last := h.last(); last != nil {
		repeats = sameSpecs(last.Specs, r.Specs) && maps.Equal(last.Secrets, r.Secrets) && maps.Equal(last.Logins, r.Logins)
		if repeats && last.From == r.From && last.Token == r.Token && r.Withdraws == 0 && sameJSON(last.RolledBack, r.RolledBack) && sameJSON(last.Live, r.Live) {
			return last.Number, nil
		}
		r.Number = last.Number
	}
	for _, gone := range h.withdrawn {
		r.Number = max(r.Number, gone.Number)
	}
	r.Time = d.now().UTC()
	// The name may be taken by a config that is not a release.
	for end := r.Number + 10; ; {
		r.Number++
		if err = d.storeRelease(ctx, stack, r); err == nil {
			break
		}
		if !conflict(err) || r.Number == end {
			return 0, err
		}
	}
	d.forget(ctx, h, repeats, r)
	return r.Number, nil
}

func (d *Deployer) storeRelease(ctx context.Context, stack string, r Release) error {
	data, err := pack(r)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-release-%d", stack, r.Number)
	labels := map[string]string{labelStack: stack, labelRelease: strconv.Itoa(r.Number)}
	if r.Withdraws > 0 {
		labels[labelWithdraws] = strconv.Itoa(r.Withdraws)
	}
	return d.createConfig(ctx, configOf(name, labels, data))
}

// forget removes what a new release makes superfluous: the release that it repeats, the
// withdrawn ones, and those that are too old. What cannot be removed now is removed next
// time.
func (d *Deployer) forget(ctx context.Context, h history, repeats bool, r Release) {
	gone := slices.Clone(h.withdrawn)
	kept := h.releases
	if r.Withdraws > 0 {
		kept = slices.DeleteFunc(slices.Clone(kept), func(s stored) bool {
			if s.Number >= r.Withdraws {
				gone = append(gone, s)
			}
			return s.Number >= r.Withdraws
		})
	} else if repeats {
		gone, kept = append(gone, kept[len(kept)-1]), kept[:len(kept)-1]
	}
	if more := len(kept) - (d.Settings.Keep - 1); more > 0 {
		gone = append(gone, kept[:more]...)
	}
	for _, old := range gone {
		if err := d.removeConfig(ctx, old.name, old.id); err != nil {
			d.say("%v", err)
			return // a withdrawn release must not outlive the one that withdraws it
		}
	}
}

func configOf(name string, labels map[string]string, data []byte) swarm.ConfigSpec {
	return swarm.ConfigSpec{Annotations: swarm.Annotations{Name: name, Labels: labels}, Data: data}
}

// createConfig makes a Docker config. If the answer gets lost, it still succeeds if a
// config with that name and content exists.
func (d *Deployer) createConfig(ctx context.Context, spec swarm.ConfigSpec) error {
	if len(spec.Data) >= configLimit {
		return fmt.Errorf("%s has %d bytes, and Docker keeps at most %d", spec.Name, len(spec.Data), configLimit-1)
	}
	tries := 0
	_, err := ask(ctx, &d.Reader, "store "+spec.Name, func(ctx context.Context) (swarm.ConfigCreateResponse, error) {
		tries++
		return d.Swarm.ConfigCreate(ctx, spec)
	})
	if tries < 2 || !conflict(err) {
		return err
	}
	found, looked := d.configNamed(ctx, spec.Name)
	if looked == nil && found != nil && sameJSON(found.Spec, spec) {
		return nil
	}
	return errors.Join(err, looked)
}

// pack writes a value as gzipped JSON; the same value gives the same bytes.
func pack(value any) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if err := json.NewEncoder(zip).Encode(value); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unpack[T any](data []byte) (T, error) {
	var value T
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return value, err
	}
	err = json.NewDecoder(io.LimitReader(zip, releaseLimit)).Decode(&value)
	return value, err
}
