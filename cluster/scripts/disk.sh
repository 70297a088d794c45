#!/usr/bin/env bash
# Tells the Swarm that the disk of a node is nearly full, which Docker itself does
# not. A timer of the node's own runs it every minute; prepare.sh installs both.
# Argument: the node's name. From 90 % on, Docker's engine has the label
# averazure.disk, whose value is how full; under 85 % it has none. The label is a
# setting that a running Docker takes, and that every manager sees within 20 s.
# https://docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior

node=${1:?the name of the node}
daemon_json=/etc/docker/daemon.json
applied=/var/lib/averazure/daemon.json
label=averazure.disk

# measure prints how full the file system of Docker's directory is, in percent.
measure() { df --output=pcent "$1" | tail -n 1 | tr -dc 0-9; }

# wanted prints the label's value; a small change of one that is there is none.
wanted() {
  local used=$1 told=$2 from=90
  [[ -z $told ]] || from=85
  ((used >= from)) || return 0
  if [[ -n $told ]] && ((used > told - 3 && used < told + 3)); then
    used=$told
  fi
  echo "$used"
}

# tell puts the label, or none, into a copy of Docker's settings. The list stays,
# if empty: Docker takes a missing one for no change.
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
  # moment. Where settings.sh takes longer, or Docker is not there: another minute.
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
  # Both, and the copy first: settings.sh takes a difference for somebody's change.
  tell "$applied" "$now" 0600
  tell "$daemon_json" "$now" 0644
  bounded 30 systemctl reload docker || die "Docker did not take its new label; 'journalctl -u docker' says why"
}

main
