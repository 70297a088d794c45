package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// output is what a CLI command prints, for the sandbox's own use.
func (s *session) output(args ...string) ([]byte, error) {
	cmd := s.work.Pulumi(context.Background(), s.env, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pulumi %s: %w", args[0], err)
	}
	return stdout.Bytes(), nil
}

// fetch reads a page as a user's browser would, in at most ten seconds.
func fetch(url string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", url, response.Status)
	}
	return string(body), nil
}
