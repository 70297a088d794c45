package release

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// labelAttempt marks the record of a failed deployment; its value is the stack. The record
// exists from the failure until a deployment comes up.
const labelAttempt = "averazure.attempt"

// Attempt is a deployment or a rollback that did not come up. Its record is kept until
// another deployment comes up, even if the previous release runs again.
type Attempt struct {
	// Time is when it began.
	Time time.Time `json:"time"`
	// Host is the manager that it ran on.
	Host string `json:"host"`
	// By, Revision and Actor are as in Release. By is empty after an interrupted run.
	By       string `json:"by,omitempty"`
	Revision string `json:"revision,omitempty"`
	Actor    string `json:"actor,omitempty"`
	// Outcome is put-back or failed.
	Outcome Outcome `json:"outcome"`
	// Codes are the codes of its problems.
	Codes []string `json:"codes,omitempty"`
	// Verdict is the outcome in one sentence.
	Verdict string `json:"verdict"`
}

// attempting is a change that leaves a record if it does not come up.
func (w *work) attempting(by, revision, actor string) {
	w.attempt = &Attempt{Time: w.began.UTC(), Host: w.Host, By: by, Revision: revision, Actor: actor}
}

// trace records a deployment that did not come up, and removes such records after a
// deployment that did. A change that was refused touched nothing and leaves no record.
func (w *work) trace(ctx context.Context, result Result) {
	if w.attempt == nil || result.Outcome == Refused || result.Outcome == Busy {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Settings.Call)
	defer cancel()
	if err := w.keepTrace(ctx, result); err != nil {
		w.say("status will not show this deployment: %v", err)
	}
}

func (w *work) keepTrace(ctx context.Context, result Result) error {
	one := w.attempt
	if result.Outcome == Runs && one.Outcome == "" {
		configs, err := w.labelled(ctx, labelAttempt+"="+w.stack)
		for _, config := range configs {
			if err == nil {
				err = w.removeConfig(ctx, config.Spec.Name, config.ID)
			}
		}
		return err
	}
	if one.Outcome == "" {
		one.Outcome, one.Verdict = result.Outcome, excerpt(result.Verdict, 1000)
		for _, problem := range result.Problems {
			one.Codes = append(one.Codes, problem.Code)
		}
	}
	data, err := json.Marshal(one)
	if err != nil {
		return err
	}
	return w.noteAs(ctx, labelAttempt, w.stack, "attempt", data)
}

// died prepares the record of an interrupted run, which is kept once its change is put
// back.
func (w *work) died(number int) {
	if run := w.held.died(w.stack); run != nil {
		w.attempt = &Attempt{Time: run.Since.UTC(), Host: run.Host, Outcome: PutBack,
			Verdict: fmt.Sprintf("%s: a deployment was interrupted: stackctl or its node died; release %d runs again", w.stack, number)}
	}
}

// lastAttempt is the record of the last deployment, if it failed; else nil.
func (d *Reader) lastAttempt(ctx context.Context, stack string) (*Attempt, error) {
	data, err := d.noted(ctx, labelAttempt, stack)
	if err != nil || data == nil {
		return nil, err
	}
	var one Attempt
	if err := json.Unmarshal(data, &one); err != nil {
		return nil, fmt.Errorf("read the last attempt of %s: %w", stack, err)
	}
	return &one, nil
}
