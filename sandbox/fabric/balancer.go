package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

// Balancer is the load balancer.
type Balancer struct {
	File  string // keeps its configuration
	Alive string // directory with a file for each running VM
	Link  string // its interface on the internet

	mu     sync.Mutex
	config Config
	health map[target]*health
	routed map[string]bool // VMs that have a route
	owned  map[string]bool // frontends that it answers for
	stale  bool            // the kernel's rules are outdated
	// run executes a command with an input; tests replace it.
	run func(ctx context.Context, input string, argv ...string) error
}

// Start turns the container into a router and loads the last configuration.
func (b *Balancer) Start(ctx context.Context) error {
	b.health, b.routed, b.owned = map[target]*health{}, map[string]bool{}, map[string]bool{}
	if b.run == nil {
		b.run = command
	}
	if err := b.becomeRouter(); err != nil {
		return err
	}
	text, err := os.ReadFile(b.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var config Config
	if err := json.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("%s: %w", b.File, err)
	}
	return b.Apply(ctx, config)
}

// Apply loads a configuration and saves it.
func (b *Balancer) Apply(ctx context.Context, config Config) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.lead(ctx, config); err != nil {
		return err
	}
	b.config = config
	b.watch()
	if err := b.load(ctx); err != nil {
		return err
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.File+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(b.File+".new", b.File)
}

// load loads the rules for the VMs that are healthy now.
func (b *Balancer) load(ctx context.Context) error {
	err := b.run(ctx, rules(b.config, b.healthy), "nft", "-f", "-")
	b.stale = err != nil
	return err
}

func (b *Balancer) healthy(l Listener, m Member) bool {
	if l.Probe.Protocol == "" {
		return true
	}
	h := b.health[target{l.Probe, m}]
	return h != nil && h.Up
}

// watch starts probes for new targets and stops those of removed ones.
func (b *Balancer) watch() {
	wanted := map[target]bool{}
	for _, l := range b.config.Listeners {
		for _, m := range l.Members {
			if l.Probe.Protocol != "" {
				wanted[target{l.Probe, m}] = true
			}
		}
	}
	for t, h := range b.health {
		if !wanted[t] {
			h.stop()
			delete(b.health, t)
		}
	}
	for t := range wanted {
		if b.health[t] == nil {
			ctx, stop := context.WithCancel(context.Background())
			b.health[t] = &health{stop: stop}
			go b.probe(ctx, t)
		}
	}
}

// probe probes a target at its interval until ctx ends.
func (b *Balancer) probe(ctx context.Context, t target) {
	tick := time.NewTicker(time.Duration(t.Interval) * time.Second)
	defer tick.Stop()
	for {
		b.note(ctx, t, t.once(ctx, b.Alive))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Balancer) note(ctx context.Context, t target, result error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.health[t]
	if ctx.Err() != nil || h == nil {
		return
	}
	changed := h.seen(result, t.Count)
	if changed {
		log.Printf("%s %s:%d is up: %v %s", t.Protocol, t.Address, t.Port, h.Up, h.Why)
	}
	if changed || b.stale {
		if err := b.load(ctx); err != nil {
			log.Print(err)
		}
	}
}

// State is the health of the VMs.
type State struct {
	Frontend, Address string
	Port              uint16
	Up                bool
	Why               string `json:",omitempty"`
}

// ServeHTTP accepts a configuration and returns the VMs' state.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		json.NewEncoder(w).Encode(b.states())
		return
	}
	var config Config
	err := json.NewDecoder(r.Body).Decode(&config)
	if err == nil {
		err = b.Apply(r.Context(), config)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (b *Balancer) states() []State {
	b.mu.Lock()
	defer b.mu.Unlock()
	states := []State{}
	for _, l := range b.config.Listeners {
		for _, m := range l.Members {
			s := State{Frontend: l.Frontend, Port: l.Port, Address: m.Address, Up: b.healthy(l, m)}
			if h := b.health[target{l.Probe, m}]; h != nil {
				s.Why = h.Why
			}
			states = append(states, s)
		}
	}
	return states
}
