package main

import (
	"errors"
	"fmt"
	"strings"
)

// push writes the image into the stack file, commits the file and the settings, and pushes
// to each repository whose branch main does not have them.
func (s *setup) push() error {
	const setImage = "repos/code-repo/scripts/set-image.sh"
	image := "ghcr.io/" + s.image()
	now, err := s.ask(setImage, stackFile, "api")
	if err != nil {
		return err
	}
	if name, _, _ := strings.Cut(now, ":"); name != image {
		if err := s.do("name "+image+" in "+stackFile, setImage, stackFile, "api", image+":latest"); err != nil {
			return err
		}
	}
	if err := s.commit(stackFile, "Pulumi."+s.stack+".yaml"); err != nil {
		return err
	}
	if branch, err := s.ask("git", "branch", "--show-current"); err != nil || branch != "main" {
		return errors.Join(err, fmt.Errorf("the branch here is %q, and it becomes main on GitHub: run `git checkout -B main` first", branch))
	}
	head, err := s.ask("git", "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if err := s.pushTo(s.infraRepo, head, true); err != nil {
		return err
	}
	if err := s.pushFolder("repos/code-repo", s.codeRepo); err != nil {
		return err
	}
	return s.pushFolder("repos/stack-repo", s.stackRepo)
}

func (s *setup) commit(files ...string) error {
	changed, err := s.ask("git", append([]string{"status", "--porcelain", "--"}, files...)...)
	if err != nil || changed == "" {
		return err
	}
	return s.change("commit "+strings.Join(files, " and "), func() error {
		if _, err := s.call(nil, "git", append([]string{"add", "--"}, files...)...); err != nil {
			return err
		}
		_, err := s.call(nil, "git", append([]string{"commit", "--message", "Name our image, repositories and settings", "--"}, files...)...)
		return err
	})
}

// main is the commit of a repository's branch main; empty where there is none.
func (s *setup) main(name string) (string, error) {
	if s.remotes[name] == "" {
		return "", nil
	}
	answer, err := s.git("ls-remote", s.remotes[name], "refs/heads/main")
	commit, _, _ := strings.Cut(answer, "\t")
	return commit, err
}

// git runs git with gh's login to GitHub. The token is never on a command line.
func (s *setup) git(args ...string) (string, error) {
	return s.call(nil, "git", append([]string{"-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential"}, args...)...)
}

// pushTo pushes a commit to a repository's main. With always (this repository) it pushes
// whenever main is behind. Another repository is pushed to once; from then on it has its
// own history.
func (s *setup) pushTo(name, commit string, always bool) error {
	there, err := s.main(name)
	if err != nil || there == commit || there != "" && !always {
		return err
	}
	return s.change("push to "+s.owner+"/"+name, func() error {
		_, err := s.git("push", s.remotes[name], commit+":refs/heads/main")
		return err
	})
}

// pushFolder makes one commit of a folder and pushes it as the first commit of another
// repository.
func (s *setup) pushFolder(folder, name string) error {
	there, err := s.main(name)
	if err != nil || there != "" {
		return err
	}
	commit := ""
	if !s.dry { // commit-tree writes a commit into .git, which a dry run must not do
		commit, err = s.ask("git", "commit-tree", "HEAD:"+folder, "-m", "Begin "+name)
		if err != nil {
			return err
		}
	}
	return s.pushTo(name, commit, false)
}
