package dockerimage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// contextDigest identifies everything a build depends on: path, mode and content of every
// file that .dockerignore lets through (for a symlink, its target's path), and the
// Dockerfile's content (provider.go, hashContext). The digest equals the original's. As in
// the original, a dangling symlink ends the walk of its directory, because fsutil treats
// the error as a vanished file.
func contextDigest(contextDir, dockerfile string) (string, error) {
	patterns, err := ignored(contextDir, dockerfile)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err := addFile(sum, dockerfile, "Dockerfile", 0); err != nil {
		return "", fmt.Errorf("error hashing dockerfile %q: %w", dockerfile, err)
	}
	err = walk(contextDir, patterns, func(path, name string, info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		err := addFile(sum, path, name, info.Mode())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("unable to hash build context: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func addFile(sum io.Writer, path, name string, mode fs.FileMode) error {
	content := sha256.New()
	switch {
	case mode.Type() == fs.ModeSymlink:
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return fmt.Errorf("could not evaluate symlink at %s: %w", path, err)
		}
		io.WriteString(content, filepath.ToSlash(filepath.Clean(target)))
	case mode.IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(content, f); err != nil {
			return err
		}
	}
	fmt.Fprintf(sum, "%s%s%s\x00", filepath.ToSlash(name), mode, content.Sum(nil))
	return nil
}

// walk visits the files of the context that are not ignored, in a fixed order.
func walk(dir string, patterns []string, visit func(path, name string, info fs.FileInfo) error) error {
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return fmt.Errorf(".dockerignore: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		skip, err := matcher.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skip && !matcher.Exclusions():
			return filepath.SkipDir
		case skip:
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return visit(path, name, info)
	})
}

// ignored reads the patterns beside the Dockerfile, or else those of the context.
func ignored(contextDir, dockerfile string) ([]string, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(contextDir, ".dockerignore")} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("unable to read %s: %w", path, err)
		}
		defer f.Close()
		patterns, err := ignorefile.ReadAll(f)
		if err != nil {
			return nil, fmt.Errorf("unable to parse %s: %w", path, err)
		}
		return patterns, nil
	}
	return nil, nil
}

// hostname is a registry's host without scheme and path.
func hostname(server string) string {
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	host, _, _ := strings.Cut(server, "/")
	return host
}
