#!/usr/bin/env bash
# Tells the Swarm that a node has to reboot for updates, and reboots it when it is told
# to. A timer on the node runs it every minute; prepare.sh installs both. Arguments: the
# node's name, and whether there is a maintenance window (yes or no). The reason is in the
# label averazure.reboot of Docker's engine, as disk.sh has a label for the disk. The
# order to reboot is a task of the service averazure-reboot, which the leader's agent
# creates: its container is the only message that a worker gets from a manager. The agent
# then drains the node, and the node reboots when its tasks are gone. Docker's own
# packages are held, and are updated after the drain and before the reboot.

node=${1:?the name of the node}
window=${2:?yes or no}
daemon_json=/etc/docker/daemon.json
applied=/var/lib/averazure/daemon.json
state_dir=/var/lib/averazure
required=${AVERAZURE_RUN:-/run}/reboot-required
# The packages that this script holds; an administrator's own holds stay.
holds=$state_dir/held.packages
order=averazure-reboot
image=localhost/averazure-reboot
label=averazure.reboot
docker_packages=(docker.io docker-cli containerd runc)

# hold_docker keeps apt from updating Docker, which ends every task of the node.
hold_docker() {
  local package held
  if [[ $window == no ]]; then
    if [[ -s $holds ]]; then
      xargs apt-mark unhold <"$holds" >/dev/null || die "apt-mark unhold failed"
      rm -f "$holds"
    fi
    return
  fi
  held=$(apt-mark showhold) || die "apt-mark showhold failed"
  for package in "${docker_packages[@]}"; do
    if installed "$package" && ! grep -qxF "$package" <<<"$held"; then
      apt-mark hold "$package" >/dev/null || die "apt-mark hold $package failed"
      grep -qxF "$package" "$holds" 2>/dev/null || echo "$package" >>"$holds"
    fi
  done
}

# shellcheck disable=SC2016 # dpkg-query expands it
installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# updates lists Docker's packages for which apt knows a newer version.
updates() {
  [[ ! -s $holds ]] || xargs apt-cache policy <"$holds" |
    awk '/^[^ ]/ { name = $1; sub(/:$/, "", name) } /Installed:/ { have = $2 } /Candidate:/ && $2 != have { print name }'
}

# reasons prints why the node has to reboot, in one short line; nothing if it need not.
reasons() {
  {
    updates
    [[ ! -e $required ]] || cat "$required.pkgs" 2>/dev/null || echo updates
  } | sort -u | head -n 5 | paste -sd ' ' | cut -c 1-100
}

# tell sets or removes the label in a copy of Docker's settings; see disk.sh.
tell() {
  local changed
  changed=$(jq -S --arg own "$label=" --arg value "$2" \
    '.labels = [.labels[]? | select(startswith($own) | not)] + (if $value == "" then [] else [$own + $value] end)' "$1") ||
    die "$1 is not JSON; correct or remove it"
  place "$3" "$1" <<<"$changed"
}

# ordered tells whether there is an order newer than the boot: an old order's container
# stays.
ordered() {
  local created booted
  created=$(dk ps --all --latest --filter "label=com.docker.swarm.service.name=$order" --format '{{.CreatedAt}}') || return 1
  [[ -n $created ]] || return 1
  created=$(date -d "${created% *}" +%s) || return 1
  booted=$(date -d "$(bounded 20 systemctl show --property UserspaceTimestamp --value)" +%s) || return 1
  ((created > booted))
}

is_vacant() {
  local names
  names=$(dk ps --filter label=com.docker.swarm.task.id --format '{{.Label "com.docker.swarm.service.name"}}') || return 1
  ! grep -qvxF "$order" <<<"${names:-$order}"
}

reboot_now() {
  local newer
  mapfile -t newer < <(updates)
  if ((${#newer[@]} > 0)); then
    say "updating ${newer[*]}"
    DEBIAN_FRONTEND=noninteractive bounded 300 apt-get -qy --only-upgrade --allow-change-held-packages \
      -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confold install "${newer[@]}" </dev/null >/dev/null 2>&1 ||
      say "apt could not update ${newer[*]}; rebooting all the same"
    xargs apt-mark hold <"$holds" >/dev/null || true
  fi
  say "rebooting"
  bounded 60 systemctl reboot
}

main() {
  local info told now
  # settings.sh and the other watch write the same files; both timers fire at the same
  # moment. If settings.sh takes longer, or Docker does not answer, the run a minute later
  # does it.
  exec 9>"${AVERAZURE_RUN:-/run}/averazure-settings-${node//\//_}.lock"
  flock -w 20 9 && [[ -s $applied && -s $daemon_json ]] || return 0
  hold_docker
  now=$(reasons)
  info=$(dk info --format '{{json .}}' 2>/dev/null) || return 0
  told=$(jq -r --arg own "$label=" '[.Labels[]? | select(startswith($own)) | ltrimstr($own)] | last // ""' <<<"$info")
  dk image inspect "$image" >/dev/null 2>&1 || tar -cf - -T /dev/null | dk import - "$image" >/dev/null 2>&1 || true
  if [[ -n $now ]] && ordered && is_vacant; then
    reboot_now
    return
  fi
  [[ $now != "$told" ]] || return 0
  [[ -z $now ]] || say "has to reboot: $now"
  # Both files, the copy first: settings.sh takes a difference for somebody's change.
  tell "$applied" "$now" 0600
  tell "$daemon_json" "$now" 0644
  bounded 30 systemctl reload docker || die "Docker did not take its new label; 'journalctl -u docker' says why"
}

main
