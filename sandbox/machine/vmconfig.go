package machine

import (
	"bytes"
	"os"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// cgroups is what this machine allows and how it accounts for processes, on
// which a nested systemd depends.
type cgroups struct {
	legacy     bool // version 1, or both side by side
	noResource bool // CAP_SYS_RESOURCE is not ours to give
}

func hostCgroups() cgroups {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	status, _ := os.ReadFile("/proc/self/status")
	return cgroups{legacy: err != nil, noResource: !hasCapability(status, 24)}
}

// hasCapability looks in a process's status for a capability that it may pass
// on. A status that does not say is taken for one with all.
func hasCapability(status []byte, capability uint) bool {
	for line := range bytes.Lines(status) {
		if hex, ok := bytes.CutPrefix(line, []byte("CapBnd:")); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
			return err != nil || set&(1<<capability) != 0
		}
	}
	return true
}

// legacySystemd tells the systemd of a node to use version 1 control groups,
// which it otherwise refuses.
const legacySystemd = "SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"

// nodeConfig makes a container as like a machine as may be. It is not
// "privileged": that would give it this machine's devices, and does not work
// where a capability is missing.
func (r *Room) nodeConfig(vm VM, ref string, host cgroups) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:    ref,
		Hostname: vm.ComputerName,
		Labels:   r.labels("node", labelVM, vm.ID, labelNode, vm.Name),
		// What a node's own Docker keeps cannot lie on the container's layered
		// file system. Anonymous volumes go with the container.
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
		// A machine that reboots comes back.
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

// meshDir is a volume that all machines share: the routing mesh's agents exchange the
// Swarm's table there, and every machine touches a file of its own in it (fabric.py). A
// network port would need an exception in the machines' security rules.
const meshDir = "/var/lib/averazure-mesh"

func (r *Room) meshVolume() string { return r.Name + "-mesh" }
