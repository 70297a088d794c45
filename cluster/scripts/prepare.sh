#!/usr/bin/env bash
# Makes a host ready for Docker. Arguments: the node's name, and whether there is a
# maintenance window (yes or no). Input: the contents of /etc/docker/daemon.json, laid out
# as `jq -S` does, and the programs that watch the disk and reboot (disk.sh, reboot.sh),
# separated by lines `---`, since jq is not installed yet. Running it again changes
# nothing, and it runs on all nodes at once: it does not touch a running Docker, to which
# settings.sh gives new settings, one node after the other.

node=${1:?the name of the node}
window=${2:?yes or no}
packages=(ca-certificates curl docker-cli docker.io jq nftables)
apt_log=/var/log/averazure-apt.log
daemon_json=/etc/docker/daemon.json
metadata_rules=/etc/averazure/metadata.nft
metadata_unit=/etc/systemd/system/averazure-metadata.service
programs=/usr/local/sbin
units=/etc/systemd/system
timers=(averazure-disk.timer averazure-reboot.timer)
state_dir=/var/lib/averazure
applied=$state_dir/daemon.json

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    # shellcheck disable=SC2016 # dpkg-query expands it
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

wait_for_cloud_init() {
  command -v cloud-init >/dev/null || return 0
  local status=0
  bounded 600 cloud-init status --wait >/dev/null 2>&1 || status=$?
  case $status in
    # 2 means done, with errors from which cloud-init recovered.
    0 | 2) ;;
    124) die "cloud-init has not finished after 10 minutes; /var/log/cloud-init.log says where it is" ;;
    *)
      say "cloud-init failed; what it says:"
      bounded 20 cloud-init status --long 2>&1 | excerpt
      exit 1
      ;;
  esac
}

# finish_interrupted completes what a killed dpkg left half done. It fails while
# somebody else (unattended-upgrades) holds the lock.
finish_interrupted() {
  [[ -z $(dpkg --audit 2>/dev/null) && -z $(find /var/lib/dpkg/updates -type f 2>/dev/null) ]] ||
    bounded 300 dpkg --configure -a </dev/null >>"$apt_log" 2>&1
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive bounded 600 apt-get -qy \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 \
    -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@" </dev/null >>"$apt_log" 2>&1
}

# install_packages tries several times: mirrors fail and other apt runs end.
install_packages() {
  local attempt
  say "installing $*"
  for attempt in 1 2 3 4; do
    if within 120 finish_interrupted && apt_get update && apt_get install --no-install-recommends "$@"; then
      return
    fi
    if ((attempt == 4)) || ! in_time; then break; fi
    sleep $((attempt * 3))
  done
  say "apt could not install $*; its last lines ($apt_log):"
  excerpt 20 <"$apt_log"
  exit 1
}

# is_stopped: Docker is not installed, or does not run and is not about to.
is_stopped() { [[ $(bounded 20 systemctl show --property ActiveState --value docker.service 2>/dev/null) =~ ^(inactive|failed)?$ ]]; }

# configure writes the settings that Docker is about to start with, and the copy that
# settings.sh compares with them.
configure() {
  place 0644 "$daemon_json" <<<"$1"
  place 0600 "$applied" <<<"$1"
}

# write_rules writes the rules that keep containers from the two addresses at which Azure
# answers every VM: the metadata service, which would hand out the VM's identity, and the
# host's services, which hand out the settings of its extensions. Only the name server
# stays open. Our own table sees every packet that a host forwards, from whichever bridge,
# and neither Docker nor its restart touches it. The rules do not apply to the host's own
# programs, to containers on the host's network, or to answers: a load balancer's probes
# come from the second address, to the ports that containers publish.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
write_rules() {
  place 0644 "$metadata_rules" <<'EOF'
table inet averazure_metadata
delete table inet averazure_metadata
table inet averazure_metadata {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established accept
		ip daddr 168.63.129.16 meta l4proto { tcp, udp } th dport 53 accept
		ip daddr { 169.254.169.254, 168.63.129.16 } reject with icmpx admin-prohibited
	}
}
EOF
  place 0644 "$metadata_unit" <<EOF
[Unit]
Description=Keep containers from Azure's metadata and host services
After=nftables.service
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f $metadata_rules

[Install]
WantedBy=multi-user.target
EOF
}

# watch makes the node run a program of ours every minute, which tells the Swarm something
# by a label. The journal gets what the program prints, but no line for each run.
# Arguments: its name, its description, the program, and its arguments after the node's
# name.
watch() {
  local name=averazure-$1 what=$2 program=$3
  shift 3
  place 0755 "$programs/$name" <<<"$program"
  place 0644 "$units/$name.service" <<EOF
[Unit]
Description=$what

[Service]
Type=oneshot
Environment=limit=600
TimeoutStartSec=600
ExecStart=$programs/$name $node${*:+ $*}
SyslogLevel=notice
LogLevelMax=notice
EOF
  place 0644 "$units/$name.timer" <<EOF
[Unit]
Description=$what, every minute

[Timer]
OnActiveSec=1min
OnUnitInactiveSec=1min
AccuracySec=10s

[Install]
WantedBy=timers.target
EOF
}

docker_answers() { dk version >/dev/null 2>&1; }

main() {
  local missing input wanted
  input=$(cat)
  local settings=${input%%$'\n---\n'*} watches=${input#*$'\n---\n'}
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} > 0)); then
    wait_for_cloud_init
    install -d -m 0755 "$state_dir"
    # Before the daemon starts for the first time, so that no restart is needed.
    if [[ ! -e $daemon_json ]] && is_stopped; then
      configure "$settings"
    fi
    install_packages "${missing[@]}"
  fi
  write_rules
  watch disk "Tell the Swarm when the disk is nearly full" "${watches%%$'\n---\n'*}"
  watch reboot "Tell the Swarm when the node has to reboot, and reboot in its turn" "${watches#*$'\n---\n'}" "$window"
  # One reload for all three units: each reload reads every unit of the node.
  bounded 60 systemctl enable --quiet --no-reload "${metadata_unit##*/}" "${timers[@]}"
  bounded 60 systemctl daemon-reload
  bounded 60 systemctl restart "${metadata_unit##*/}" ||
    die "the rules that keep containers from Azure's metadata are not in force; 'journalctl -u ${metadata_unit##*/}' says why"
  if is_stopped; then
    wanted=$(merged <<<"$settings") || die "$daemon_json is not JSON; correct or remove it"
    configure "$wanted"
  fi
  bounded 180 systemctl enable --now docker >/dev/null 2>&1 || report_daemon
  within 60 docker_answers || report_daemon
  bounded 60 systemctl start "${timers[@]}" || die "${timers[*]}: not started; 'systemctl status' says why"
  dk version --format '{{.Server.Version}}'
}

alone
