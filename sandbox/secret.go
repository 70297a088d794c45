package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"averazure/internal/names"
)

// secretsFile holds the secrets of `secret set` by name. It is beside the state
// directory, so down keeps it, and git ignores it.
func (d dirs) secretsFile() string { return d.state + ".secrets.json" }

func readSecrets(file string) (map[string]string, error) {
	secrets := map[string]string{}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return secrets, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &secrets); err != nil {
		return nil, fmt.Errorf("read %s: %w; remove the file and set its secrets again", file, err)
	}
	return secrets, nil
}

// writeSecrets replaces the file in one step. If there are no secrets, it removes the file.
func writeSecrets(file string, secrets map[string]string) error {
	if len(secrets) == 0 {
		return os.Remove(file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), ".secrets-") // mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.Write(append(text, '\n'))
	if err := errors.Join(err, fresh.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return os.Rename(fresh.Name(), file)
}

// trial turns the secrets into settings of the stack, by path.
func trial(secrets map[string]string) map[string]string {
	settings := map[string]string{}
	for name, value := range secrets {
		settings[names.SecretPath(name)] = value
	}
	return settings
}

func secretCommand(opts *options) *cobra.Command {
	secret := &cobra.Command{
		Use:   "secret",
		Short: "Manage secrets for trying: Docker secrets that stack files may use",
		Long: `Manage secrets for trying: Docker secrets that stack files may use.

They are in a file of mode 0600 in .sandbox, which git ignores, and stay after down. The
next up creates them in the Swarm.`,
	}
	verb := func(use, short string, args cobra.PositionalArgs, run func(cmd *cobra.Command, file string, secrets map[string]string, args []string) error) {
		secret.AddCommand(&cobra.Command{
			Use: use, Short: short, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				file, err := opts.secretsFile()
				if err != nil {
					return err
				}
				secrets, err := readSecrets(file)
				if err != nil {
					return err
				}
				return run(cmd, file, secrets, args)
			},
		})
	}
	verb("set NAME", "Set a secret; its value comes from a prompt or from standard input", oneName, opts.setSecret)
	verb("list", "List the secrets' names", cobra.NoArgs, func(cmd *cobra.Command, _ string, secrets map[string]string, _ []string) error {
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintln(cmd.OutOrStdout(), name)
		}
		return nil
	})
	verb("rm NAME", "Remove a secret", oneName, opts.removeSecret)
	return secret
}

// oneName accepts one argument. Its error does not repeat the arguments, since they may
// hold a secret's value.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes the name of one secret: %[1]s NAME", cmd.CommandPath())
	}
	return nil
}

func (o *options) secretsFile() (string, error) {
	project, err := projectDir()
	if err != nil {
		return "", err
	}
	d, err := sandboxDirs(project, o.name)
	return d.secretsFile(), err
}

// shortest is the minimal length of a value that is unlikely to appear in other text by
// chance.
const shortest = 8

func (o *options) setSecret(cmd *cobra.Command, file string, secrets map[string]string, args []string) error {
	name, _, given := strings.Cut(args[0], "=")
	if given { // the error does not repeat the value
		return fmt.Errorf("secret %[2]s: do not pass the value on the command line, where others can read it; `%[1]s secret set %[2]s` asks for it", o.self(), name)
	}
	if err := names.DockerSecret(name); err != nil {
		return err
	}
	value, err := askFor(cmd.InOrStdin(), name)
	if err != nil {
		return err
	}
	if len(value) < shortest {
		progress("warning: the value of %s is short; Pulumi also hides the same text elsewhere in its output", name)
	}
	secrets[name] = value
	if err := writeSecrets(file, secrets); err != nil {
		return err
	}
	progress("stored the secret %s in %s; `%s up` creates it in the Swarm", name, file, o.self())
	return nil
}

// askFor reads a value from the terminal without echo, or all of standard input without
// its last line break.
func askFor(in io.Reader, name string) (string, error) {
	var text []byte
	var err error
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(os.Stderr, "value of the secret %s (not shown): ", name)
		text, err = term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(os.Stderr)
	} else {
		text, err = io.ReadAll(in)
	}
	if err != nil {
		return "", fmt.Errorf("read the value of %s: %w", name, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("the value of %s is empty; Docker does not accept empty secrets", name)
	}
	return value, nil
}

func (o *options) removeSecret(_ *cobra.Command, file string, secrets map[string]string, args []string) error {
	if _, ok := secrets[args[0]]; !ok {
		return fmt.Errorf("unknown secret %s; `%s secret list` names the secrets", args[0], o.self())
	}
	delete(secrets, args[0])
	if err := writeSecrets(file, secrets); err != nil {
		return err
	}
	progress("removed the secret %s; `%s up` removes it from the Swarm", args[0], o.self())
	return nil
}
