package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// changedStatus is the status with which tar ends when files changed while it read them.
const changedStatus = 1

// Archive writes all of a directory as a tar archive: owners by number, holes, links,
// extended attributes and access lists included. Live says that files may change meanwhile.
// It runs GNU tar, which every Debian has.
func Archive(ctx context.Context, dir string, live bool, out io.Writer) error {
	err := tar(ctx, nil, out, "--create", "--file=-", "--directory="+dir, "--numeric-owner", "--sparse", "--one-file-system",
		"--xattrs", "--xattrs-include=*", "--acls", ".")
	var exit *exec.ExitError
	if live && errors.As(err, &exit) && exit.ExitCode() == changedStatus {
		return nil
	}
	return err
}

// Replace replaces the content of a directory with the content of an archive. It changes
// nothing until all of the archive has been read and is genuine, so it needs room for both.
// Read passes the archive to its argument. Nothing may use the directory meanwhile.
func Replace(ctx context.Context, dir string, read func(use func(io.Reader) error) error) error {
	aside := dir + ".restoring"
	if err := os.RemoveAll(aside); err != nil { // left by a run that died
		return err
	}
	if err := os.Mkdir(aside, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	err := read(func(archive io.Reader) error {
		return tar(ctx, archive, nil, "--extract", "--file=-", "--directory="+aside, "--numeric-owner", "--same-owner", "--preserve-permissions",
			"--xattrs", "--xattrs-include=*", "--acls", "--delay-directory-restore")
	})
	if err != nil {
		return err
	}
	if err := settle(aside); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("put %s in the place of %s: %w", aside, dir, err)
	}
	return nil
}

// settle flushes the new content to the disk before it replaces the old one, so that a VM
// that dies does not lose it.
func settle(dir string) error {
	opened, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer opened.Close()
	return unix.Syncfs(int(opened.Fd()))
}

func tar(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "tar", args...)
	var said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = in, out, &said
	command.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if err := command.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		const last = 3
		return errors.Join(fmt.Errorf("tar: %w: %s", err, strings.Join(lines[max(0, len(lines)-last):], "; ")), context.Cause(ctx))
	}
	return nil
}
