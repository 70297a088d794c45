package hosts

import (
	"bytes"
	"os"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// cgroups describes this machine's control groups and capabilities, on which systemd in a
// container depends.
type cgroups struct {
	legacy     bool // version 1, or both side by side
	noResource bool // this machine cannot grant CAP_SYS_RESOURCE
}

func hostCgroups() cgroups {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	status, _ := os.ReadFile("/proc/self/status")
	return cgroups{legacy: err != nil, noResource: !hasCapability(status, 24)}
}

// hasCapability reads from a process's status whether the process may pass on a capability.
// A status without the field counts as having all.
func hasCapability(status []byte, capability uint) bool {
	for line := range bytes.Lines(status) {
		if hex, ok := bytes.CutPrefix(line, []byte("CapBnd:")); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
			return err != nil || set&(1<<capability) != 0
		}
	}
	return true
}

// legacySystemd makes a node's systemd accept control groups of version 1.
const legacySystemd = "SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"

// nodeConfig makes the container as similar to a VM as possible. It is not "privileged",
// which would expose this machine's devices and fails if a capability is missing.
func (r *Room) nodeConfig(vm VM, ref string, host cgroups) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:    ref,
		Hostname: vm.ComputerName,
		Labels:   r.labels("node", labelVM, vm.ID, labelNode, vm.Name),
		// A node's Docker cannot keep its data on the container's layered file system.
		// Docker removes anonymous volumes with the container.
		Volumes:    map[string]struct{}{"/var/lib/docker": {}, "/var/lib/containerd": {}},
		StopSignal: "SIGRTMIN+3",
	}
	hostConfig := &container.HostConfig{
		CapAdd:        []string{"ALL"},
		CgroupnsMode:  container.CgroupnsModePrivate,
		SecurityOpt:   []string{"seccomp=unconfined", "apparmor=unconfined"},
		MaskedPaths:   []string{},
		ReadonlyPaths: []string{},
		Tmpfs:         map[string]string{"/run": "exec", "/run/lock": "", "/tmp": "exec"},
		Mounts: []mount.Mount{
			{Type: mount.TypeVolume, Source: r.meshVolume(), Target: meshDir},
			{Type: mount.TypeVolume, Source: r.namesVolume(), Target: namesDir, ReadOnly: true},
			r.diskMount(vm.ID),
		},
		// A node starts again after this machine reboots.
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		Resources:     container.Resources{DeviceCgroupRules: []string{"a *:* rwm"}},
	}
	if host.legacy {
		config.Env = append(config.Env, legacySystemd)
	}
	if host.noResource {
		hostConfig.CapDrop = []string{"SYS_RESOURCE"}
	}
	return config, hostConfig
}

// meshDir is a volume that all nodes share. The routing mesh's agents exchange the
// Swarm's table there, and every node touches its own file in it (fabric.py). A network
// port would need an exception in the security rules.
const meshDir = "/var/lib/averazure-mesh"

func (r *Room) meshVolume() string { return r.Name + "-mesh" }
