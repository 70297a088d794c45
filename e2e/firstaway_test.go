package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// saidWithin is how soon a run has to report that a node does not answer: the nodes have 15
// s (internal/survey), and the engine has to start the program first.
const saidWithin = 20 * time.Second

// drifted runs a verb and fails unless the run soon reports that a node does not answer.
func (s *sandbox) drifted(ctx context.Context, limit time.Duration, node string, args ...string) (string, error) {
	began := time.Now()
	said, err := s.transcribed(ctx, limit, args...)
	if err != nil {
		return said.String(), err
	}
	at := said.when("warning: drift: " + node + " ")
	if at.IsZero() {
		return said.String(), fmt.Errorf("the run does not say that %s does not answer", node)
	}
	took := at.Sub(began).Round(time.Second / 10)
	fmt.Printf("%s was named after %s\n", node, took)
	if took > saidWithin {
		err = fmt.Errorf("the run says after %s that %s does not answer, at most %s", took, node, saidWithin)
	}
	return said.String(), err
}

// previewOf checks what a preview reports, and how soon.
func (f *field) previewOf(ctx context.Context, a away) error {
	said, err := f.drifted(ctx, 5*time.Minute, first, "preview")
	if err == nil && !strings.Contains(said, "averazure:door") {
		err = errors.New("the preview does not name the setting for another door")
	}
	if err == nil && strings.Contains(said, "warning: node "+first+": ") == a.heard {
		err = fmt.Errorf("the other managers hear the first one: %t, and the preview says otherwise", a.heard)
	}
	for _, living := range []string{second, third} {
		if err == nil && strings.Contains(said, "warning: drift: "+living) {
			err = fmt.Errorf("%s could not be asked", living)
		}
	}
	return err
}

// settingsFile is stackctl's settings file on a manager.
const settingsFile = "/etc/averazure/stackctl.json"

// upThrough changes something on every manager while the first one is away: up changes the
// other managers, succeeds, and reports what has to wait. A VM that is gone is rebuilt.
func (f *field) upThrough(ctx context.Context, a away, door, patience string) error {
	began := time.Now()
	said, err := f.drifted(ctx, 10*time.Minute, first, upWith(door, patience)...)
	if err != nil {
		return err
	}
	fmt.Printf("%s: up through %s took %s\n", a.name, door, time.Since(began).Round(time.Second))
	if !strings.Contains(said, "warning: averazure:door: "+first+" ") {
		return errors.New("up does not say that the first one is left as it is")
	}
	for _, name := range []string{second, third} {
		if out, err := f.tryExec(ctx, name, "cat", settingsFile); err != nil || !strings.Contains(out, patience) {
			return fmt.Errorf("%s has not got the new setting: %s (%v)", name, out, err)
		}
	}
	if !a.gone {
		return nil
	}
	return f.haveManagers(ctx, 3)
}

// answersAt fails unless the API answers through a node, whatever address usually leads to
// the API. An edge that was on the first manager starts on another one, with the
// certificate that it got there before.
func (f *field) answersAt(ctx context.Context, name string) error {
	n, err := f.node(name)
	if err != nil {
		return err
	}
	client := f.visitor()
	leadTo(client, n.PublicAddress)
	defer client.CloseIdleConnections()
	began := time.Now()
	err = within(ctx, 2*time.Minute, "the API answers through "+name, func() error {
		response, err := client.Get(f.outputs.APIURL)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err == nil && !strings.Contains(string(body), greeting) {
			err = fmt.Errorf("%s: %s", response.Status, body)
		}
		return err
	})
	fmt.Printf("the API answers through %s after %s\n", name, time.Since(began).Round(time.Second/10))
	return err
}
