#!/usr/bin/env bash
# The beginning of every script that runs on a node. It is put in front of the script
# itself, which arrives on standard input (see ../command.go); what follows the script
# there is its input. The first argument names the node that the command is about, for the
# messages.
set -euo pipefail
umask 077
export LC_ALL=C HOME=/root

node=${1:?the name of the node is missing}

# After $limit seconds a script is killed and can print nothing more. So no step waits
# beyond the deadline, which is 30 s earlier. That leaves time for the step that was
# running to print what it waited for.
readonly deadline=$((${limit:?how long this script may take is missing} - 30))

# say prints a message for the person at the terminal; die does so and ends the script.
say() { printf '%s: %s\n' "$node" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

# excerpt shows the end of some program's own output, in bounded lines:
# pulumi-command hangs on endless ones.
excerpt() { tail -n "${1:-15}" | cut -c 1-500 | sed 's/^/  | /' >&2; }

in_time() { ((SECONDS < deadline)); }
trap '(($? == 0)) || in_time || say "ran out of time: ${0##*/} may take $limit s in all"' EXIT

# left SECONDS prints that number, or the seconds that are left if those are fewer; at
# least 1.
left() {
  local left=$((deadline - SECONDS))
  ((left < $1)) || left=$1
  echo $((left > 0 ? left : 1))
}

# bounded SECONDS COMMAND... ends a program that takes longer.
bounded() {
  local seconds
  seconds=$(left "$1")
  shift
  timeout -k 10 "$seconds" "$@"
}

# dk is the docker command line, for commands that take almost no time.
dk() { bounded 30 docker "$@"; }

# within SECONDS COMMAND... repeats the command until it succeeds.
within() {
  local end
  end=$((SECONDS + $(left "$1")))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
}

# alone runs main under a lock: a script outlives its SSH connection (Ctrl-C), and
# the next `up` starts it again. main and its children do not inherit the lock's
# descriptor, so the lock ends with this shell, whatever keeps running.
alone() {
  exec 8>"${AVERAZURE_RUN:-/run}/${0##*/}-${node//\//_}.lock"
  flock -w "$(left 200)" 8 || die "an earlier run of ${0##*/} is still running after 200 s; try again when it has ended"
  main 8>&-
}

# place MODE FILE writes standard input in one step: a program that has the file open
# keeps reading the old one.
place() {
  install -D -m "$1" /dev/stdin "$2.new"
  mv -f "$2.new" "$2"
}

# merged reads our settings and prints the new daemon.json: ours replace the settings of
# the same name, and the others stay.
merged() {
  jq -S --slurpfile old <(cat "${daemon_json:?}" 2>/dev/null || true) '($old[0] // {}) * .'
}

report_daemon() {
  say "the Docker daemon does not start; its last lines:"
  bounded 20 journalctl -u docker -n 40 --no-pager -o cat 2>&1 | excerpt 15
  exit 1
}

# The state of the daemon in a Swarm. From its start it is `pending` until the daemon has
# found the other managers, which takes long without a quorum.
swarm_state() { dk info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null; }
swarm_problem() { dk info --format '{{.Swarm.LocalNodeState}} {{.Swarm.Error}}' 2>&1 | tail -n 1 | cut -c 1-300; }
is_manager() { [[ $(dk info --format '{{.Swarm.ControlAvailable}}') == true ]]; }
is_settled() { [[ $(swarm_state) =~ ^(active|inactive|error|locked)$ ]]; }

# field FILTER reads one value of the JSON document in $input. Values travel by
# pipe, never as an argument: arguments are in the process list.
field() { printf '%s' "${input:?}" | jq -er "$1"; }
