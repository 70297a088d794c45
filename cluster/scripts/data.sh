#!/usr/bin/env bash
# Puts Docker's directory on the data disk, which outlives the VM. Arguments: the node's
# name, `mount` or `move`, the disk's LUN, its size in GiB. `mount` runs on all nodes at
# once, before Docker is installed: it formats a blank disk, mounts it, and grows the file
# system of one that became bigger. `move` runs on one node after the other: if Docker has
# run without the disk, it stops Docker and copies Docker's directory to the disk.

verb=${2:?mount or move}
lun=${3:?the LUN of the data disk}
gb=${4:?the size of the data disk in GiB}
directory=/var/lib/docker
member_of=/var/lib/averazure/swarm.id
copy=/var/lib/averazure/data
unfinished=.averazure-unfinished
unit=/etc/systemd/system/averazure-data.service
needs_it=/etc/systemd/system/docker.service.d/averazure-data.conf

# find_disk finds the disk by its LUN: by the names that Azure's rules for udev give it
# (from azure-vm-utils, formerly from waagent), or by its number among NVMe disks, where
# the system disk is number 1.
# https://learn.microsoft.com/azure/virtual-machines/enable-nvme-remote-faqs
find_disk() {
  local path
  for path in "/dev/disk/azure/data/by-lun/$lun" "/dev/disk/azure/scsi1/lun$lun" "/dev/nvme0n$((lun + 2))"; do
    if [[ -e $path ]]; then
      disk=$(readlink -f "$path")
      return
    fi
  done
  return 1
}

probe() { bounded 60 blkid -p -o value -s "$1" "$disk" 2>/dev/null; }

# is_blank: there is no file system, no partition, and nothing else in the first MiB.
is_blank() {
  local status=0
  bounded 60 blkid -p "$disk" >/dev/null 2>&1 || status=$?
  ((status == 2)) && bounded 60 cmp -s -n 1048576 "$disk" /dev/zero
}

format() {
  if is_blank; then
    say "formatting its blank data disk"
    bounded 300 mkfs.ext4 -q -m 1 -L averazure-data "$disk" >/dev/null 2>&1 || die "mkfs.ext4 $disk failed"
  fi
  uuid=$(probe UUID) || uuid=
  [[ $(probe LABEL) == averazure-data && -n $uuid ]] ||
    die "the disk at LUN $lun ($disk) is neither blank nor a data disk of this program; look at it with 'blkid -p $disk', and run 'wipefs --all $disk' if nothing on it is needed"
}

is_mounted() { [[ $(findmnt -n -o SOURCE --mountpoint "$directory" 2>/dev/null | tail -n 1) == "$disk" ]]; }
is_occupied() { [[ -n $(find "$directory" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit 2>/dev/null) ]]; }

# install_unit mounts the disk by its UUID at every boot, and keeps Docker from starting
# without it: Docker would begin with an empty directory, outside the Swarm.
install_unit() {
  place 0644 "$unit" <<EOF
[Unit]
Description=Mount the data disk of Docker
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=120
ExecStartPre=/bin/sh -c 'until blkid -U $uuid >/dev/null; do sleep 1; done'
ExecStart=/bin/mount UUID=$uuid $directory

[Install]
WantedBy=multi-user.target
EOF
  place 0644 "$needs_it" <<EOF
[Unit]
Requires=${unit##*/}
After=${unit##*/}
EOF
  bounded 60 systemctl daemon-reload
  bounded 60 systemctl enable --quiet "${unit##*/}"
}

attach() {
  install -d -m 0710 "$directory"
  install_unit
  if ! bounded 150 systemctl restart "${unit##*/}" || ! is_mounted; then
    die "its data disk $disk cannot be mounted; 'journalctl -u ${unit##*/}' says why"
  fi
}

# is_big_enough makes the kernel read the disk's size again, and compares it.
is_big_enough() {
  local rescan=/sys/class/block/${disk##*/}/device/rescan
  [[ ! -w $rescan ]] || echo 1 >"$rescan"
  (($(bounded 20 blockdev --getsize64 "$disk") >= gb * 1024 ** 3))
}

grow() {
  within 60 is_big_enough || die "its data disk $disk has $(bounded 20 blockdev --getsize64 "$disk") bytes and should have $gb GiB"
  local said
  said=$(bounded 280 resize2fs "$disk" 2>&1) || die "resize2fs $disk failed: $(grep '^resize2fs: ' <<<"$said" | tail -n 1 | cut -c 1-300)"
}

# recall notes again which Swarm the node belongs to: the first note was on the disk that
# was removed with the VM, but the node's certificate names the Swarm too.
recall() {
  local certificate=$directory/swarm/certificates/swarm-node.crt swarm
  [[ ! -s $member_of && -s $certificate ]] || return 0
  swarm=$(bounded 20 openssl x509 -noout -subject -nameopt multiline -in "$certificate" | sed -n 's/^ *organizationName *= //p')
  [[ -z $swarm ]] || place 0600 "$member_of" <<<"$swarm"
}

# mount_it does not touch a Docker that has run without the disk.
mount_it() {
  if ! is_mounted; then
    ! is_occupied || return 0
    format
    attach
  fi
  [[ ! -e $directory/$unfinished ]] ||
    die "its data disk has an unfinished copy of the Docker directory of a VM that is gone: remove $directory/$unfinished to go on with what is there, or wipe $disk"
  grow
  recall
}

# need_quorum refuses to stop a manager without which the others would have no quorum.
need_quorum() {
  local control statuses total reachable
  control=$(dk info --format '{{.Swarm.ControlAvailable}}') || die "docker info failed"
  manager=
  [[ $control == true ]] || return 0
  manager=yes
  statuses=$(dk node ls --filter role=manager --format '{{.ManagerStatus}}') || die "docker node ls failed; is the quorum there?"
  total=$(grep -c . <<<"$statuses" || true)
  reachable=$(grep -Ec '^(Leader|Reachable)$' <<<"$statuses" || true)
  ((total == 1 || 2 * (reachable - 1) > total)) ||
    die "Docker cannot stop: only $((reachable - 1)) of $total managers would be left, not a majority; bring them back first"
}

is_back() {
  [[ $(swarm_state) =~ ^(active|inactive)$ ]] || return 1
  [[ -z $manager ]] || [[ $(dk node inspect --format '{{.ManagerStatus.Reachability}}' self 2>/dev/null) == reachable ]]
}

# copy_all runs while Docker is stopped. It first removes what an earlier run copied.
copy_all() {
  install -d -m 0700 "$copy"
  bounded 60 mount "UUID=$uuid" "$copy" || return 1
  local status=0
  touch "$copy/$unfinished" &&
    find "$copy" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name "$unfinished" -exec rm -rf {} + &&
    bounded 1800 cp -a "$directory/." "$copy/" && sync -f "$copy" && rm -f "$copy/$unfinished" || status=1
  bounded 120 umount "$copy" || status=1
  return "$status"
}

stop_docker() { bounded 150 systemctl stop docker.socket docker.service >/dev/null 2>&1; }
start_docker() { bounded 180 systemctl start docker >/dev/null 2>&1; }

# move_it copies the directory and mounts the disk over it. The old directory stays below
# the mount until the VM is rebuilt, so nothing is lost if a step fails.
move_it() {
  local manager said
  ! is_mounted || return 0
  start_docker || report_daemon
  within 90 is_settled || die "the Swarm on it has not settled in 90 s: $(swarm_problem)"
  need_quorum
  format
  say "moving Docker's directory to its data disk; Docker is stopped meanwhile"
  stop_docker || die "Docker does not stop"
  if ! said=$(copy_all 2>&1); then
    start_docker || report_daemon
    die "Docker's directory was not copied, and Docker runs where it did: $(tail -n 1 <<<"$said" | cut -c 1-300)"
  fi
  attach
  grow
  start_docker || report_daemon
  within 120 is_back || die "did not rejoin the Swarm 120 s after its Docker moved: $(swarm_problem)"
}

main() {
  local disk='' uuid=''
  within 120 find_disk || die "no disk at LUN $lun; 'ls -l /dev/disk/azure' shows those that Azure attached"
  case $verb in
    mount) mount_it ;;
    move) move_it ;;
    *) die "$verb is neither mount nor move" ;;
  esac
}

alone
