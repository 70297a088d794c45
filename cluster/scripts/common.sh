#!/usr/bin/env bash
# What every script that runs on a node begins with. It is put in front of the
# script itself, which arrives on standard input (see ../command.go); what
# follows the script there is its input. The first argument names the node that
# the command is about, for the messages.
set -euo pipefail
umask 077
export LC_ALL=C HOME=/root

node=${1:?the name of the node is missing}

# say tells the person at the terminal; die does so for the last time.
say() { printf '%s: %s\n' "$node" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

# excerpt shows the end of some program's own output, in bounded lines:
# pulumi-command hangs on endless ones.
excerpt() { tail -n "${1:-15}" | cut -c 1-500 | sed 's/^/  | /' >&2; }

# within SECONDS COMMAND... repeats the command until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
}

# field FILTER reads one value of the JSON document in $input. Values travel by
# pipe, never as an argument: arguments are in the process list.
field() { printf '%s' "${input:?}" | jq -er "$1"; }
