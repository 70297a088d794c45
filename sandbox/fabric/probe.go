package fabric

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// target is a probed port of one VM.
type target struct {
	Probe
	Member
}

// health is the health of a target. It starts as down.
type health struct {
	Up     bool
	Failed int // consecutive failed probes
	Why    string
	stop   context.CancelFunc
}

// seen records the result of a probe and tells whether the target went up or down.
func (h *health) seen(err error, count int) (changed bool) {
	was := h.Up
	if err == nil {
		h.Up, h.Failed, h.Why = true, 0, ""
		return !was
	}
	h.Failed, h.Why = h.Failed+1, err.Error()
	h.Up = h.Up && h.Failed < count
	return was != h.Up
}

// stillness is how old a VM's file may be before the VM counts as frozen.
const stillness = 4 * time.Second

// once probes the target. A frozen VM does not answer. Here a frozen VM is a paused
// container, whose kernel still answers, so the probe looks at the file that the VM
// touches every second. A VM without a file is not checked.
func (t target) once(ctx context.Context, alive string) error {
	if info, err := os.Stat(filepath.Join(alive, t.ID)); err == nil && time.Since(info.ModTime()) > stillness {
		return fmt.Errorf("the VM is frozen")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.Interval)*time.Second)
	defer cancel()
	at := net.JoinHostPort(t.Address, fmt.Sprint(t.Port))
	if t.Protocol == "tcp" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Protocol+"://"+at+t.Path, nil)
	if err != nil {
		return err
	}
	response, err := prober.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// prober sends requests as Azure does: a new connection each time, no redirects, no check
// of certificates.
var prober = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
