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

// target is one machine's port that is probed.
type target struct {
	Probe
	Member
}

// health is what is known of a target. It begins as down.
type health struct {
	Up     bool
	Failed int // probes in a row
	Why    string
	stop   context.CancelFunc
}

// seen notes the result of a probe, and says whether the target went up or down.
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

// stillness is how long a machine may say nothing before it counts as frozen.
const stillness = 3 * time.Second

// once probes the target. A machine that is frozen does not answer; here it is a
// container whose processes stand still while the kernel goes on, so it is known
// by the file that it touches every second. One that never did is not judged.
func (t target) once(ctx context.Context, alive string) error {
	if info, err := os.Stat(filepath.Join(alive, t.ID)); err == nil && time.Since(info.ModTime()) > stillness {
		return fmt.Errorf("the machine is frozen")
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

// prober asks as the original does: each time anew, without following a redirect
// and without looking at certificates.
var prober = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
