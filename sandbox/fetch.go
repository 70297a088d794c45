package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// answerLimit is how long the service may take to answer after an up that
// restarted Docker on its nodes: Swarm then starts the tasks anew.
const answerLimit = time.Minute

// fetch reads a page as a user's browser would, and asks again until it
// answers or the limit is over.
func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		page, err := fetchOnce(ctx, url)
		if err == nil {
			return page, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("not within %s: %w", answerLimit, err)
		case <-tick.C:
		}
	}
}

func fetchOnce(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
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
