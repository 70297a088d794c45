package main

import (
	"context"
	"strings"
	"time"

	"averazure/internal/backup"
	"averazure/internal/release"
)

// fake is a Deployer that notes what it was asked for.
type fake struct {
	did     []string
	order   release.Order
	number  int
	result  release.Result
	err     error
	status  release.Status
	list    release.ReleaseList
	refused []release.Problem
	changes []release.Change
	holders []release.Holder
	bounds  release.Settings

	variables map[string]string
	stacks    []string

	backup  backupSettings
	backups []backup.Backup
	wish    release.Wish
}

func (f *fake) note(verb, stack string) { f.did = append(f.did, strings.TrimSpace(verb+" "+stack)) }

func (f *fake) Deploy(_ context.Context, stack string, order release.Order) release.Result {
	f.note("deploy", stack)
	f.order = order
	return f.result
}

func (f *fake) Trust(_ context.Context, stack string, order release.Order) release.Result {
	f.note("trust", stack)
	f.order = order
	return f.result
}

func (f *fake) Diff(_ context.Context, stack string, order release.Order) (release.Diff, error) {
	f.note("diff", stack)
	f.order = order
	return release.Diff{Stack: stack, Changes: f.changes, Refused: f.refused}, f.err
}

func (f *fake) Rollback(_ context.Context, stack string, number int) release.Result {
	f.note("rollback", stack)
	f.number = number
	return f.result
}

func (f *fake) Reconcile(_ context.Context, stack string) release.Result {
	f.note("reconcile", stack)
	return f.result
}

func (f *fake) Remove(_ context.Context, stack string) release.Result {
	f.note("remove", stack)
	return f.result
}

func (f *fake) Recover(context.Context) release.Result {
	f.note("recover", "")
	return f.result
}

func (f *fake) Rebalance(context.Context) release.Result {
	f.note("rebalance", "")
	return f.result
}

func (f *fake) Vacate(_ context.Context, node string) release.Result {
	f.note("vacate", node)
	return f.result
}

func (f *fake) Variables(context.Context, string) (map[string]string, error) {
	return f.variables, nil
}

func (f *fake) Status(_ context.Context, stack string) (release.Status, error) {
	f.note("status", stack)
	return f.status, f.err
}

func (f *fake) Releases(_ context.Context, stack string) (release.ReleaseList, error) {
	f.note("releases", stack)
	return f.list, f.err
}

func (f *fake) Stacks(context.Context) ([]string, error) { return f.stacks, f.err }

func (f *fake) Pause(_ context.Context, stack string, length time.Duration, why string) error {
	f.note("pause", stack+" "+length.String()+" "+why)
	return f.err
}

func (f *fake) Resume(_ context.Context, stack string) error {
	f.note("resume", stack)
	return f.err
}

func (f *fake) Holders(context.Context) ([]release.Holder, error) {
	f.note("holders", "")
	return f.holders, f.err
}

func (f *fake) Alone(ctx context.Context, wait time.Duration, action func(context.Context) error) error {
	f.note("alone", wait.String())
	if f.err != nil {
		return f.err
	}
	return action(ctx)
}

func (f *fake) Agent(ctx context.Context, alive func()) error {
	f.note("agent", "")
	alive()
	alive()
	return f.err
}
