package cluster

import (
	"strings"
	"testing"
)

// dataMachine is a node at whose LUN 0 there is a disk: `kind` says what is on it, `size`
// how many GiB it has, and `mounted` that it is mounted.
func dataMachine(t *testing.T, kind string) *machine {
	m := newMachine(t, settingsDocker+`
case "$*" in "info "*"{{.Swarm.LocalNodeState}}"*) ;; esac`)
	m.write("state", "active")
	m.write("dev/disk/azure/scsi1/lun0", "")
	m.write("docker-root/lost+found/keep", "")
	m.write("kind", kind)
	m.write("size", "32")
	m.program("blkid", `kind=$(cat $D/kind)
case "$*" in
  *LABEL*) [ "$kind" = ours ] && echo averazure-data ;;
  *UUID*) [ "$kind" = blank ] || echo 1234-abcd ;;
  *) [ "$kind" != blank ] || exit 2 ;;
esac`)
	m.program("cmp", "[ ! -e $D/dirty ]")
	m.program("mkfs.ext4", "echo ours >$D/kind")
	m.program("findmnt", `[ ! -e $D/mounted ] || readlink -f $D/dev/disk/azure/scsi1/lun0`)
	m.program("systemctl", `case "$*" in
  "restart averazure-data.service") [ ! -e $D/broken ] || exit 1; touch $D/mounted ;;
esac`)
	m.program("journalctl", "true")
	m.program("blockdev", `echo $(($(cat $D/size) * 1024 * 1024 * 1024))`)
	m.program("resize2fs", "true")
	m.program("openssl", `echo "    organizationName          = swarm-1"`)
	m.program("mount", "true")
	m.program("umount", "true")
	m.program("sync", "true")
	return m
}

func TestABlankDiskIsFormattedAndNoOther(t *testing.T) {
	t.Parallel()
	m := dataMachine(t, "blank")
	m.want(true, "", "mkfs.ext4", "data", "", "mount", "0", "32")
	m.want(true, "", "not mkfs.ext4", "data", "", "mount", "0", "32")
	m.want(true, "", "not systemctl restart", "data", "", "mount", "0", "32")
	if unit := m.read("etc/averazure-data.service"); !strings.Contains(unit, "mount UUID=1234-abcd ") {
		t.Errorf("the disk is mounted so:\n%s", unit)
	}
	if needs := m.read("etc/docker.service.d/averazure-data.conf"); !strings.Contains(needs, "Requires=averazure-data.service") {
		t.Errorf("Docker starts without its disk:\n%s", needs)
	}

	m = dataMachine(t, "ours")
	m.want(true, "", "not mkfs.ext4", "data", "", "mount", "0", "32")
	for _, kind := range []string{"somebody's", "partitioned"} {
		m = dataMachine(t, kind)
		m.want(false, "LUN 0 ... 'blkid -p ... 'wipefs --all", "not mkfs.ext4", "data", "", "mount", "0", "32")
	}
	m = dataMachine(t, "blank")
	m.write("dirty", "")
	m.want(false, "LUN 0 ... 'blkid -p ... 'wipefs --all", "not mkfs.ext4", "data", "", "mount", "0", "32")
}

func TestADiskGrows(t *testing.T) {
	t.Parallel()
	m := dataMachine(t, "ours")
	m.write("size", "64")
	m.want(true, "", "resize2fs", "data", "", "mount", "0", "64")
	m.want(false, "68719476736 bytes ... 128 GiB", "not resize2fs", "data", "", "mount", "0", "128")
}

func TestADiskThatIsMissingOrDoesNotMountIsNamed(t *testing.T) {
	t.Parallel()
	m := dataMachine(t, "ours")
	m.write("broken", "")
	m.want(false, "'journalctl -u averazure-data.service'", "", "data", "", "mount", "0", "32")
	m.remove("dev/disk/azure/scsi1/lun0")
	m.want(false, "LUN 0 ... /dev/disk/azure'", "not mkfs.ext4", "data", "", "mount", "0", "32")
	m.write("dev/disk/azure/data/by-lun/0", "")
	m.remove("broken")
	m.program("findmnt", `[ ! -e $D/mounted ] || readlink -f $D/dev/disk/azure/data/by-lun/0`)
	m.want(true, "", "resize2fs", "data", "", "mount", "0", "32")
}

// The file with the Swarm's id is lost with the VM, but the node's certificate stays, and
// the file is written again. Without it, a manager that cannot reach the others yet would
// be taken for one that joined only half-way.
func TestTheSwarmIsRemembered(t *testing.T) {
	t.Parallel()
	m := dataMachine(t, "ours")
	m.write("mounted", "")
	m.want(true, "", "not openssl", "data", "", "mount", "0", "32")
	m.write("docker-root/swarm/certificates/swarm-node.crt", "certificate")
	m.want(true, "", "openssl", "data", "", "mount", "0", "32")
	if got := m.read("swarm.id"); got != "swarm-1\n" {
		t.Errorf("it is a member of %q", got)
	}
	m.want(true, "", "not openssl", "data", "", "mount", "0", "32")
}

// A Docker that has run without the data disk is left alone until its turn.
func TestDockerMovesToItsDisk(t *testing.T) {
	t.Parallel()
	m := dataMachine(t, "blank")
	m.write("docker-root/volumes/data/file", "precious")
	m.write("managers", "Leader\nReachable\nReachable\n")
	m.want(true, "", "not mkfs.ext4", "data", "", "mount", "0", "32")
	m.want(true, "", "systemctl stop docker.socket docker.service", "data", "", "move", "0", "32")
	if m.read("data/volumes/data/file") != "precious" || m.read("docker-root/volumes/data/file") != "precious" {
		t.Error("the file was not copied, or was taken away")
	}
	m.want(true, "", "not systemctl stop", "data", "", "move", "0", "32")

	m = dataMachine(t, "blank")
	m.write("docker-root/volumes/data/file", "precious")
	m.write("managers", "Leader\nReachable\nUnreachable\n")
	m.want(false, " 1 of 3 managers", "not systemctl stop", "data", "", "move", "0", "32")
	m.write("managers", "Leader\n")
	m.program("cp", "echo No space left on device >&2; exit 1")
	m.want(false, "No space left", "systemctl start docker", "data", "", "move", "0", "32")
	if m.read("data/"+".averazure-unfinished") != "" {
		t.Error("unexpected content")
	}
	m.write("docker-root/.averazure-unfinished", "")
	m.write("mounted", "")
	m.want(false, "docker-root/.averazure-unfinished", "", "data", "", "mount", "0", "32")
}
