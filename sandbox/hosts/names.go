package hosts

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"averazure/sandbox/images"
	"averazure/sandbox/nameserver"
)

// ServiceZone is the zone of the sandbox's own services.
const ServiceZone = "sandbox.internal"

// services are the sandbox's services: name in ServiceZone, and last octet of the address
// on its internet.
var services = map[string]byte{"registry": 2, "names": 3}

// serviceName is the full name of one of the services.
func serviceName(service string) string { return service + "." + ServiceZone }

// NameServer is the name server's address on the sandbox's internet. Nodes ask at
// cloudResolver, as on Azure, and the fabric passes their questions on.
func (r *Room) NameServer() string { return r.address(services["names"]) }

// cloudResolver is the name server of every VM in Azure.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
const cloudResolver = "168.63.129.16"

// namesDir is a volume with the name server's sockets. Through them, a node reaches the
// name server without an internet connection, and its packet filter does not apply.
const namesDir = "/var/lib/averazure-names"

func (r *Room) namesVolume() string { return r.Name + "-names" }

// tableDir holds the name server's tables.
func (r *Room) tableDir() string { return filepath.Join(r.StateDir, "names") }

// SetNames replaces the zones and records of the cloud. The name server does not have to be
// running.
func (r *Room) SetNames(zones []string, records []nameserver.Record) error {
	return r.writeNames("cloud", nameserver.Table{Zones: zones, Records: records})
}

// serviceTable has the sandbox's services, and the resolvers for all other names.
func (r *Room) serviceTable() nameserver.Table {
	table := nameserver.Table{Zones: []string{ServiceZone}, Resolvers: resolvers(os.ReadFile)}
	for _, service := range sortedKeys(services) {
		address := netip.MustParseAddr(r.address(services[service]))
		table.Records = append(table.Records, nameserver.Record{Name: serviceName(service), Addresses: []netip.Addr{address}})
	}
	return table
}

func (r *Room) writeNames(writer string, table nameserver.Table) error {
	if err := os.MkdirAll(r.tableDir(), 0o755); err != nil {
		return err
	}
	return writeJSON(filepath.Join(r.tableDir(), writer+".json"), table)
}

// resolvers are this machine's name servers. The sandbox's name server cannot reach a
// loopback or IPv6 address. If this machine has only such addresses, Docker's name server
// takes their place.
func resolvers(read func(string) ([]byte, error)) []string {
	through := []string(nil)
	for _, file := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		text, err := read(file)
		if err != nil {
			continue
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			address, err := netip.ParseAddr(fields[1])
			if err == nil && address.Is4() && !address.IsLoopback() {
				found = append(found, net.JoinHostPort(fields[1], "53"))
			} else {
				through = []string{engineResolver}
			}
		}
		if found != nil {
			return found
		}
	}
	return through
}

// engineResolver is Docker's name server in a container.
const engineResolver = "127.0.0.11:53"

// ensureNames makes sure that this version of the name server runs and answers.
func (r *Room) ensureNames(ctx context.Context, base images.Base) error {
	if err := r.writeNames("services", r.serviceTable()); err != nil {
		return err
	}
	ref, err := r.builder().Ensure(ctx, namesRecipe(), base)
	if err != nil {
		return err
	}
	found, err := r.find(ctx, labelRole, "names")
	if err != nil {
		return err
	}
	if found != nil && found.State == container.StateRunning && found.Image == ref {
		return nil
	}
	if found != nil {
		if err := r.removeContainer(ctx, found.ID); err != nil {
			return err
		}
	}
	if err := r.runNames(ctx, ref); err != nil {
		return fmt.Errorf("start the name server: %w", err)
	}
	return r.awaitNames(ctx)
}

func namesRecipe() images.Recipe {
	return images.Recipe{
		Kind: "names", Files: imageFiles("names"), Mode: map[string]int64{"server": 0o755},
		Programs: map[string]images.Program{"server": {Path: "averazure/sandbox/nameserver", Sources: nameserver.Sources, Command: "server"}},
	}
}

func (r *Room) runNames(ctx context.Context, ref string) error {
	id, err := r.createService(ctx, "names", r.NameServer(),
		&container.Config{Image: ref, Labels: r.labels("names")},
		&container.HostConfig{Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: r.tableDir(), Target: "/var/lib/names", ReadOnly: true},
			{Type: mount.TypeVolume, Source: r.namesVolume(), Target: "/run/names"},
		}})
	if err != nil {
		return err
	}
	return r.docker.ContainerStart(ctx, id, container.StartOptions{})
}

// tellOfOldNodes names the nodes of an older version, which use this machine's name
// servers and cannot resolve the sandbox's names.
func (r *Room) tellOfOldNodes(ctx context.Context) error {
	found, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine(labelRole, "node")})
	var old []string
	for _, node := range found {
		if !slices.ContainsFunc(node.Mounts, func(m container.MountPoint) bool { return m.Destination == namesDir }) {
			old = append(old, node.Labels[labelNode])
		}
	}
	if len(old) > 0 {
		slices.Sort(old)
		r.log("these nodes are of an older version and cannot resolve the sandbox's names; run `down` and `up`: %s", strings.Join(old, ", "))
	}
	return err
}

// namesTime is how long the name server may take to answer after its start.
var namesTime = 20 * time.Second

// awaitNames waits until the name server resolves its own name.
func (r *Room) awaitNames(ctx context.Context) error {
	asked := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, protocol, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, protocol, net.JoinHostPort(r.NameServer(), "53"))
	}}
	return await(ctx, namesTime, 100*time.Millisecond, "the name server", func(ctx context.Context) error {
		_, err := asked.LookupNetIP(ctx, "ip4", serviceName("names")+".")
		return err
	})
}
