//go:build tools

// Package tools pins the Pulumi CLI that the sandbox and the tests run, the
// authority of the sandbox's certificates (acme), and the linter of the workflows.
//
// It is a module of its own: the CLI's dependency tree is an order of
// magnitude larger than the program's and must not decide its versions.
package tools

import (
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/rhysd/actionlint/cmd/actionlint"
)
