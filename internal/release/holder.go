package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Holder says who changes a stack at the moment.
type Holder struct {
	Stack string    `json:"stack"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.Stack == aloneStack {
		return fmt.Sprintf("`stackctl alone` has been running on %s since %s", h.Host, h.Since.UTC().Format("15:04:05"))
	}
	return fmt.Sprintf("%s is being deployed on %s since %s", h.Stack, h.Host, h.Since.UTC().Format("15:04:05"))
}

// busyError says that somebody else holds the stack.
type busyError struct{ Holder }

func (b busyError) Error() string { return b.String() }

func holderOf(stack string, labels map[string]string) Holder {
	since, _ := time.Parse(time.RFC3339, labels[labelSince])
	return Holder{Stack: stack, Host: labels[labelHost], Since: since}
}

// Holders are all deployments under way in the Swarm.
func (d *Reader) Holders(ctx context.Context) ([]Holder, error) {
	if err := d.know(ctx); err != nil {
		return nil, err
	}
	configs, err := d.labelled(ctx, labelHolder)
	var holders []Holder
	for _, found := range configs {
		stack, isClaim := strings.CutSuffix(found.Spec.Name, claimName(""))
		if dead, deadErr := d.isDead(ctx, found); isClaim && (deadErr != nil || !dead) {
			holders = append(holders, holderOf(stack, found.Spec.Labels))
			err = errors.Join(err, deadErr)
		}
	}
	return holders, err
}
