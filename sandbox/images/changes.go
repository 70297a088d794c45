package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// changesFile, beside a program's main package, lists what the program needs otherwise
// in the modules that it is built of.
const changesFile = "changes.json"

// change is one text of a module's file.
type change struct{ Why, Module, File, From, To string }

// changeModules puts copies of the modules that have to be changed into the build's
// directory, in their place. The compiler takes no other files for a module's own.
func (p Program) changeModules(ctx context.Context, dir string, files map[string][]byte) error {
	text, ok := files[path.Join(p.Command, changesFile)]
	if !ok {
		return nil
	}
	var changes []change
	if err := json.Unmarshal(text, &changes); err != nil {
		return fmt.Errorf("%s: %w", changesFile, err)
	}
	for i, c := range changes {
		if err := c.apply(ctx, dir, filepath.Join(dir, fmt.Sprintf("changed-%d", i))); err != nil {
			return err
		}
	}
	return nil
}

// apply copies the module and changes the copy. A version in which the text does not
// stand exactly once is refused.
func (c change) apply(ctx context.Context, dir, copied string) error {
	from, err := c.download(ctx, dir)
	if err != nil {
		return fmt.Errorf("download %s: %w", c.Module, err)
	}
	if err := os.CopyFS(copied, os.DirFS(from)); err != nil {
		return err
	}
	file := filepath.Join(copied, filepath.FromSlash(c.File))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), c.From); n != 1 {
		return fmt.Errorf("%s of %s has %d times, and not once, what %s changes", c.File, c.Module, n, changesFile)
	}
	// The module cache's files are not to be written to, and so are their copies.
	if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte(strings.Replace(string(text), c.From, c.To, 1)), 0o644)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-replace="+c.Module+"=./"+filepath.Base(copied))
	cmd.Dir, cmd.Env = dir, buildEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("put %s in the place of %s: %w: %s", copied, c.Module, err, out)
	}
	return nil
}

// download returns where the module lies, of the version that go.mod has.
func (c change) download(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", c.Module)
	cmd.Dir, cmd.Env = dir, buildEnv()
	out, err := cmd.Output()
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &found); err == nil {
		err = jsonErr
	}
	if found.Error != "" {
		err = errors.New(found.Error)
	}
	return found.Dir, err
}
