package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// gitTime bounds each question to git.
const gitTime = 10 * time.Second

// shortSHA is the length of the tags that pipelines and people use.
const shortSHA = 7

// untagged is the tag of an image whose sources have no commit.
const untagged = "uncommitted"

// revision returns the image tag of the sources in dir: the short SHA of the
// last commit that touched them, so that a commit elsewhere in the repository
// builds nothing, and "-dirty" behind it when they differ from that commit. The
// second result is a warning for the user, empty in the usual case.
func revision(ctx context.Context, dir string) (tag, warning string) {
	sha, err := git(ctx, dir, "log", "-1", "--format=%H", "--", ".")
	if err != nil {
		return untagged, fmt.Sprintf("the image gets the tag %q: git does not show the last commit of %s: %v", untagged, dir, err)
	}
	if len(sha) < shortSHA {
		return untagged, fmt.Sprintf("the image gets the tag %q: %s is not in any commit yet", untagged, dir)
	}
	if shallow, err := git(ctx, dir, "rev-parse", "--is-shallow-repository"); err == nil && shallow == "true" {
		warning = fmt.Sprintf("%s is in a shallow clone, so every commit builds a new image; clone all of the history (fetch-depth: 0 in a workflow)", dir)
	}
	tag = sha[:shortSHA]
	if changes, err := git(ctx, dir, "status", "--porcelain", "--", "."); err != nil || changes != "" {
		tag += "-dirty"
	}
	return tag, warning
}

// git asks one question in a directory and returns the trimmed answer.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	// Reading must not lock the index, since somebody may be using git there.
	command.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var answer, complaint bytes.Buffer
	command.Stdout, command.Stderr = &answer, &complaint
	if err := command.Run(); err != nil {
		if text := strings.TrimSpace(complaint.String()); text != "" {
			first, _, _ := strings.Cut(text, "\n")
			return "", errors.New(first)
		}
		return "", err
	}
	return strings.TrimSpace(answer.String()), nil
}
