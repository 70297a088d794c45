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

// changesFile is beside a program's main package and lists changes to the modules that it
// uses.
const changesFile = "changes.json"

// change replaces a text in a module's file.
type change struct{ Why, Module, File, From, To string }

// changeModules copies the modules to change into the build's directory and uses the
// copies instead: the compiler accepts changed files only there.
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

// apply copies the module and changes the copy. It fails unless the text occurs exactly
// once.
func (c change) apply(ctx context.Context, dir, copied string) error {
	from, err := c.download(ctx, dir)
	if err != nil {
		return fmt.Errorf("download %s: %w", c.Module, err)
	}
	if err := os.CopyFS(copied, os.DirFS(from)); err != nil {
		return err
	}
	if err := c.edit(copied); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-replace="+c.Module+"=./"+filepath.Base(copied))
	cmd.Dir, cmd.Env = dir, buildEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("replace the module %[2]s by %[1]s: %[3]w: %[4]s", copied, c.Module, err, out)
	}
	return nil
}

// edit replaces the text in a copy of the module.
func (c change) edit(copied string) error {
	file := filepath.Join(copied, filepath.FromSlash(c.File))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), c.From); n != 1 {
		return fmt.Errorf("%s of %s contains the text of %[4]s %[3]d times; it must contain it once", c.File, c.Module, n, changesFile)
	}
	// Files of the module cache, and their copies, are read-only.
	return errors.Join(os.Remove(file), os.WriteFile(file, []byte(strings.Replace(string(text), c.From, c.To, 1)), 0o644))
}

// download returns the directory of the module at the version in go.mod.
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
