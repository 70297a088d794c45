#!/usr/bin/env bash
# Tells the Swarm that the disk of a node is nearly full, which Docker itself does not. A
# timer on the node runs it every minute; prepare.sh installs both. Argument: the node's
# name. From 90 % on, Docker's engine has the label averazure.disk, whose value is the
# percentage in use; under 85 % the label is removed. The label is a setting that Docker
# takes without a restart, and that every manager sees within 20 s.
# https://docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior

node=${1:?the name of the node}
daemon_json=/etc/docker/daemon.json
applied=/var/lib/averazure/daemon.json
label=averazure.disk

# measure prints how full the file system of Docker's directory is, in percent.
measure() { df --output=pcent "$1" | tail -n 1 | tr -dc 0-9; }

# wanted prints the label's value. A small change leaves an existing value as it is.
wanted() {
  local used=$1 told=$2 from=90
  [[ -z $told ]] || from=85
  ((used >= from)) || return 0
  if [[ -n $told ]] && ((used > told - 3 && used < told + 3)); then
    used=$told
  fi
  echo "$used"
}

# tell sets or removes the label in a copy of Docker's settings. The list of labels stays,
# even if empty: to Docker a missing list means that nothing changes.
tell() {
  local changed
  changed=$(jq -S --arg own "$label=" --arg value "$2" \
    '.labels = [.labels[]? | select(startswith($own) | not)] + (if $value == "" then [] else [$own + $value] end)' "$1") ||
    die "$1 is not JSON; correct or remove it"
  place "$3" "$1" <<<"$changed"
}

main() {
  local info root told used now
  # settings.sh and the other watch write the same files; both timers fire at the same
  # moment. If settings.sh takes longer, or Docker does not answer, the run a minute later
  # does it.
  exec 9>"${AVERAZURE_RUN:-/run}/averazure-settings-${node//\//_}.lock"
  flock -w 20 9 && [[ -s $applied && -s $daemon_json ]] || return 0
  info=$(dk info --format '{{json .}}' 2>/dev/null) || return 0
  root=$(jq -r '.DockerRootDir' <<<"$info")
  told=$(jq -r --arg own "$label=" '[.Labels[]? | select(startswith($own)) | ltrimstr($own)] | last // ""' <<<"$info")
  [[ $told =~ ^[0-9]*$ ]] || told=
  used=$(measure "$root")
  [[ -n $used ]] || die "df does not say how full $root is"
  now=$(wanted "$used" "$told")
  [[ $now != "$told" ]] || return 0
  say "the disk is $used % full"
  # Both files, the copy first: settings.sh takes a difference for somebody's change.
  tell "$applied" "$now" 0600
  tell "$daemon_json" "$now" 0644
  bounded 30 systemctl reload docker || die "Docker did not take its new label; 'journalctl -u docker' says why"
}

main
