package fabric

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"
)

// becomeRouter lets the kernel send packets out through the interface on which they came
// in. It also lets the kernel answer without delay for addresses that are not its own.
func (b *Balancer) becomeRouter() error {
	settings := map[string]string{"ip_forward": "1", "neigh/" + b.Link + "/proxy_delay": "0"}
	for _, link := range []string{"all", "default", b.Link} {
		settings["conf/"+link+"/send_redirects"], settings["conf/"+link+"/rp_filter"] = "0", "0"
	}
	for name, value := range settings {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lead sets the routes to the VMs and takes over the frontends' addresses.
func (b *Balancer) lead(ctx context.Context, config Config) error {
	if err := b.route(ctx, config); err != nil {
		return err
	}
	return b.own(ctx, config)
}

func (b *Balancer) route(ctx context.Context, config Config) error {
	for _, address := range config.addresses() {
		if b.routed[address] {
			continue
		}
		m := mark(address) // adding the rule twice would fail, so it comes last
		batch := fmt.Sprintf("route replace default via %s dev %s table %d\nrule add fwmark %d lookup %d\n", address, b.Link, route(m), m, route(m))
		if err := b.run(ctx, batch, "ip", "-batch", "-"); err != nil {
			return err
		}
		b.routed[address] = true
	}
	return nil
}

// own takes over the addresses of the frontends, and gives up those of former frontends.
// The container answers for these addresses although they are not assigned to it.
func (b *Balancer) own(ctx context.Context, config Config) error {
	var batch strings.Builder
	owned := map[string]bool{}
	for _, frontend := range config.frontends() {
		owned[frontend] = true
		if !b.owned[frontend] {
			fmt.Fprintf(&batch, "route replace %s dev lo\nneigh replace proxy %s dev %s\n", frontend, frontend, b.Link)
		}
	}
	for frontend := range b.owned {
		if !owned[frontend] {
			fmt.Fprintf(&batch, "neigh del proxy %s dev %s\nroute del %s dev lo\n", frontend, b.Link, frontend)
		}
	}
	if batch.Len() > 0 {
		if err := b.run(ctx, batch.String(), "ip", "-batch", "-"); err != nil {
			return err
		}
	}
	b.announceNew(owned)
	b.owned = owned
	return nil
}

func (b *Balancer) announceNew(owned map[string]bool) {
	for frontend := range owned {
		if b.owned[frontend] {
			continue
		}
		if err := announce(b.Link, frontend); err != nil {
			log.Printf("announce %s: %v", frontend, err) // neighbours notice later by themselves
		}
	}
}

// commandTime limits each command; all of them are quick.
const commandTime = 10 * time.Second

func command(ctx context.Context, input string, argv ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
