package hosts

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"averazure/sandbox/fabric"
	"averazure/sandbox/images"
)

// VM describes a VM to boot.
type VM struct {
	ID           string // a rebuilt VM has a new one
	Name         string // unique in the sandbox
	ComputerName string // host name
	AdminUser    string // has sudo without a password
	// AuthorizedKeys are the admin user's, in authorized_keys form.
	AuthorizedKeys []string
	CustomData     []byte // cloud-init user data
	NetworkID      string // as in CreateNetwork
	PrivateIP      string
	PublicIP       string // as in AllocatePublicIP; empty: not reachable from the internet
	NetworkCIDR    string // the network's range
	// Forwards are what load balancers forward to the VM. Outbound is the balancer that
	// connects it to the internet without a public address. With neither it has no
	// internet.
	Forwards []fabric.Forward
	Outbound *fabric.Outbound
	// Disks are its data disks.
	Disks []Disk
}

// foreignContainer is the error for a container that does not belong to the sandbox. Its
// value is the container's name.
type foreignContainer string

func (f foreignContainer) Error() string {
	return fmt.Sprintf("the container %s exists and does not belong to the sandbox; rename it", string(f))
}

// Boot starts a VM and returns when its sshd listens; cloud-init may still be running. It
// replaces a VM of the same name from an interrupted run, and starts a stopped VM of the
// same id.
func (r *Room) Boot(ctx context.Context, vm VM) error {
	if err := r.boot(ctx, vm); err != nil {
		return fmt.Errorf("boot %s: %w", vm.Name, err)
	}
	return nil
}

func (r *Room) boot(ctx context.Context, vm VM) error {
	if len(vm.Disks) > 0 {
		if err := checkLoops(); err != nil {
			return err
		}
	}
	if err := r.Attach(ctx, vm.ID, vm.Disks); err != nil {
		return err
	}
	name := r.containerName(vm.Name)
	if old, err := r.docker.ContainerInspect(ctx, name); err == nil {
		if old.Config.Labels[labelSandbox] != r.Name {
			return foreignContainer(name)
		}
		// A VM that never started may lack some of its files.
		if old.Config.Labels[labelVM] == vm.ID && old.State.Status != container.StateCreated {
			return r.startNode(ctx, old.ID)
		}
		if err := r.removeContainer(ctx, old.ID); err != nil {
			return err
		}
	}
	ref, err := r.nodeImage(ctx)
	if err != nil {
		return err
	}
	id, err := r.createNode(ctx, vm, ref, name)
	if err != nil {
		return err
	}
	if err := r.startNode(ctx, id); err != nil {
		// An incomplete VM is removed, so the next run starts from scratch.
		return errors.Join(err, r.removeContainer(context.WithoutCancel(ctx), id))
	}
	return nil
}

func (r *Room) containerName(node string) string { return r.Name + "-" + node }

// createNode creates the VM's container, with its networks and files.
func (r *Room) createNode(ctx context.Context, vm VM, ref, name string) (string, error) {
	vnet, err := r.networkID(ctx, vm.NetworkID)
	if err != nil {
		return "", err
	}
	link, err := r.uplink(ctx, vm)
	if err != nil {
		return "", err
	}
	first, endpoint := vnet, endpointAt(vm.PrivateIP)
	if link.Address != "" {
		first, endpoint = r.internetName(), endpointAt(link.Address)
	}
	config, host := r.nodeConfig(vm, ref, hostCgroups())
	host.NetworkMode = container.NetworkMode(first)
	created, err := r.docker.ContainerCreate(ctx, config, host,
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{first: endpoint}}, nil, name)
	if err != nil {
		return "", err
	}
	if link.Address != "" {
		err = r.docker.NetworkConnect(ctx, vnet, created.ID, endpointAt(vm.PrivateIP))
	}
	if err == nil {
		err = r.giveFiles(ctx, created.ID, vm, link)
	}
	if err != nil {
		return "", errors.Join(err, r.removeContainer(context.WithoutCancel(ctx), created.ID))
	}
	return created.ID, nil
}

func endpointAt(address string) *network.EndpointSettings {
	return &network.EndpointSettings{IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address}}
}

// identityFile holds the VM's id. The VM touches a file of that name to show that it is
// alive.
const identityFile = "/etc/averazure/vm"

// giveFiles copies the files for the first boot into the VM.
func (r *Room) giveFiles(ctx context.Context, id string, vm VM, link fabric.Uplink) error {
	files, err := seedFiles(vm)
	if err != nil {
		return err
	}
	rules, err := r.storedFilter(vm.ID)
	if err != nil {
		return err
	}
	if rules != nil {
		files[filterFile] = rules
	}
	if identity, err := r.storedIdentity(vm.ID); err != nil {
		return err
	} else if identity != nil {
		files[tokensFile] = identity
	}
	files[uplinkFile], files[identityFile] = []byte(link.Script()), []byte(vm.ID)
	files[acmeRouteFile] = r.acmeRoute()
	content, err := images.Tar(files, map[string]int64{seedDir + "/user-data": 0o600})
	if err != nil {
		return err
	}
	return r.docker.CopyToContainer(ctx, id, "/", content, container.CopyToContainerOptions{})
}

// Running tells whether the VM runs. A paused VM counts as running.
func (r *Room) Running(ctx context.Context, vmID string) (bool, error) {
	found, err := r.find(ctx, labelVM, vmID)
	if err != nil || found == nil {
		return false, err
	}
	return found.State == container.StateRunning || found.State == container.StatePaused, nil
}

// Restart shuts the VM down and boots it again, and returns once its sshd listens.
func (r *Room) Restart(ctx context.Context, vmID string) error {
	found, err := r.find(ctx, labelVM, vmID)
	if err == nil && found == nil {
		err = errors.New("it is gone")
	}
	if err == nil {
		patience := int(bootTime.Seconds()) // gives the VM's own programs time to end
		err = r.docker.ContainerStop(ctx, found.ID, container.StopOptions{Timeout: &patience})
	}
	if err == nil {
		err = r.startNode(ctx, found.ID)
	}
	if err != nil {
		return fmt.Errorf("restart the VM %s: %w", vmID, err)
	}
	return nil
}

// Remove removes the VM and detaches its data disks. A missing VM is not an error.
func (r *Room) Remove(ctx context.Context, vmID string) error {
	if err := errors.Join(r.dropFilter(vmID), r.dropIdentity(vmID), r.forget(ctx, vmID)); err != nil {
		return err
	}
	found, err := r.find(ctx, labelVM, vmID)
	if err == nil && found != nil {
		err = r.removeContainer(ctx, found.ID)
	}
	if err != nil {
		return err
	}
	return r.detachAll(vmID)
}

// find returns this sandbox's container with the label, or nil.
func (r *Room) find(ctx context.Context, label, value string) (*container.Summary, error) {
	found, err := r.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: r.mine(label, value)})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *Room) removeContainer(ctx context.Context, id string) error {
	err := r.docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
