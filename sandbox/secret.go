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

// secretsFile holds the secrets of `secret set`, by name. It lies beside the state, which
// down removes, in the directory that git ignores.
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
		return nil, fmt.Errorf("read %s: %w; remove it, and set its secrets again", file, err)
	}
	return secrets, nil
}

// writeSecrets replaces the file in one step. It goes with the last secret.
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
	fresh, err := os.CreateTemp(filepath.Dir(file), ".secrets-") // of mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.Write(append(text, '\n'))
	if err := errors.Join(err, fresh.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return os.Rename(fresh.Name(), file)
}

// trial are the secrets as settings of the stack, by path.
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
		Short: "Keep secrets for trying: Docker secrets that stack files may use",
		Long: `Keep secrets for trying: Docker secrets that stack files may use.

They are kept in a file of mode 0600 in .sandbox, which git ignores, also after down.
The next up brings them to the Swarm.`,
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
	verb("set NAME", "Set a secret to what a prompt or standard input says", oneName, opts.setSecret)
	verb("list", "Name the secrets", cobra.NoArgs, func(cmd *cobra.Command, _ string, secrets map[string]string, _ []string) error {
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintln(cmd.OutOrStdout(), name)
		}
		return nil
	})
	verb("rm NAME", "Forget a secret", oneName, opts.removeSecret)
	return secret
}

// oneName wants the name of a secret, and repeats nothing that may be a value.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes the name of one secret and nothing else: %[1]s NAME", cmd.CommandPath())
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

// shortest is the length of values that other text seldom holds.
const shortest = 8

func (o *options) setSecret(cmd *cobra.Command, file string, secrets map[string]string, args []string) error {
	name, _, given := strings.Cut(args[0], "=")
	if given { // and is not repeated
		return fmt.Errorf("a value has no place in a command line, where others can read it: `%s secret set %s` asks for it", o.self(), name)
	}
	if err := names.DockerSecret(name); err != nil {
		return err
	}
	value, err := askFor(cmd.InOrStdin(), name)
	if err != nil {
		return err
	}
	if len(value) < shortest {
		progress("warning: the value of %s is short; Pulumi hides it, and the same text elsewhere in the output too", name)
	}
	secrets[name] = value
	if err := writeSecrets(file, secrets); err != nil {
		return err
	}
	progress("the secret %s is kept in %s; `%s up` brings it to the Swarm", name, file, o.self())
	return nil
}

// askFor reads a value from a terminal that does not show it, or all of standard input but
// for the end of its last line.
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
		return "", fmt.Errorf("the value of %s is empty, and Docker stores no empty secret", name)
	}
	return value, nil
}

func (o *options) removeSecret(_ *cobra.Command, file string, secrets map[string]string, args []string) error {
	if _, ok := secrets[args[0]]; !ok {
		return fmt.Errorf("there is no secret %s; `%s secret list` names those that there are", args[0], o.self())
	}
	delete(secrets, args[0])
	if err := writeSecrets(file, secrets); err != nil {
		return err
	}
	progress("the secret %s is forgotten; `%s up` takes it out of the Swarm", args[0], o.self())
	return nil
}
