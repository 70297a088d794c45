#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# stackctl is the only thing that deploys: `pulumi up`, stack-repo's pipeline and
# a person on a manager all go through it. Green means running: it returns 0 only
# when every service runs what was asked for, and otherwise says why not and puts
# the whole stack back to its last good release. Releases are Docker configs, so
# every manager of the Swarm knows them.
#
# Exit status: 1 the deployment failed, 2 refused or asked wrongly.
set -euo pipefail
umask 077
export LC_ALL=C HOME=/root

readonly usage='usage: stackctl deploy [--from pulumi|stack-repo] [--token TOKEN] [--take-over] STACK < stack.yml
       stackctl trust STACK < stack.yml    say what the deploy key may change of the stack, deploy nothing
       stackctl status STACK               JSON: nodes, secrets, services, releases, what differs
       stackctl rollback STACK             back to the release before
       stackctl reconcile [STACK]          put back what somebody changed by hand; the leader only
       stackctl remove STACK               the stack and its releases; volumes stay
       stackctl idle                       0 when no manager deploys anything, 3 when one does; who may restart Docker asks
       stackctl ssh                        for the deploy key: what SSH_ORIGINAL_COMMAND says, if it may'

# Bounds, in seconds; the tests shorten them.
readonly converge_seconds=${STACKCTL_CONVERGE:-600}  # a whole deployment, image pulls included
readonly settle_seconds=${STACKCTL_SETTLE:-5}        # a new task must live that long
readonly patience_seconds=${STACKCTL_PATIENCE:-40}   # before crashes count: tasks may wait for one another
readonly lock_seconds=${STACKCTL_LOCK:-300}          # until a deployment before this one is through
readonly tell_seconds=${STACKCTL_TELL:-10}           # between two lines on what a deployment waits for
readonly hand_back_seconds=${STACKCTL_HAND_BACK:-25} # to hand Docker the last good release when stopped
readonly poll_seconds=${STACKCTL_POLL:-0.5}
# hand_back makes do with less of these: one call of docker, one question to the
# daemon, and how often that is asked.
dk_seconds=120 api_seconds=30 api_attempts=3

readonly file_limit=409600 # bytes; a release with all it records must fit a Docker config
readonly keep_releases=10
readonly run_dir=${STACKCTL_RUN:-/run}
readonly socket=${STACKCTL_SOCKET:-/run/docker.sock}

work=      # private directory of this run
withdraws= # the first release that going back leaves behind
claimed=   # Docker config that says that this run deploys

# say survives a client that is gone: what is under way goes on to its end.
say() { printf 'stackctl: %s\n' "$*" >&2 2>/dev/null || true; }
die() {
  say "$@"
  exit 1
}
refuse() {
  say "$@"
  exit 2
}
excerpt() { tail -n "${1:-10}" | cut -c 1-500 | sed 's/^/  | /' >&2 2>/dev/null || true; }

# dk is the docker command line, bounded; it writes. In the foreground, so that
# what stops the whole group of processes does not wait for it.
dk() { timeout --foreground -k 5 "$dk_seconds" docker "$@" </dev/null; }

# api reads from the daemon, which may be restarting or between two leaders.
api() {
  local path=$1 answer attempt
  shift
  for ((attempt = 1; attempt <= api_attempts; attempt++)); do
    if ! answer=$(curl --silent --show-error --max-time "$api_seconds" --unix-socket "$socket" --get "$@" "http://docker$path" 2>&1); then
      answer="the Docker daemon does not answer: $(cut -c 1-300 <<<"$answer")"
    elif [[ $answer == '{"message":'* ]]; then
      answer="Docker: $(jq -r .message <<<"$answer")"
    else
      printf '%s' "$answer"
      return
    fi
    ((attempt == api_attempts)) || sleep "$attempt"
  done
  die "$answer"
}
# within SECONDS COMMAND... repeats the command until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
}

labelled() { api "$1" --data-urlencode "filters={\"label\":[\"$2\"]}"; }
of_stack() { labelled "$1" "com.docker.stack.namespace=$2"; }

start_work() {
  work=$(mktemp -d "$run_dir/stackctl.XXXXXX")
  trap finish_work EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM PIPE
}

finish_work() {
  if [[ -n $claimed ]]; then
    dk config rm "$claimed" >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
}

check_name() {
  [[ $1 =~ ^[a-z][a-z0-9_-]{0,39}$ ]] ||
    refuse "'${1:0:60}' is no stack name: lower-case letters, digits, dashes and underscores, a letter first, at most 40"
}

need_manager() {
  jq -e '.Swarm.ControlAvailable' >/dev/null <<<"$(api /info)" || die "$(hostname) is no manager of a Swarm"
}

# lock keeps deployments apart: flock on this manager, a Docker config in the
# whole Swarm, the claim.
lock() {
  local stack=$1 seconds=$2 held now end
  take_flock "$seconds" || return 1
  end=$((SECONDS + seconds))
  while true; do
    now=$(date +%s)
    if dk_create "$stack-deploying" "averazure.by=$(hostname)" "averazure.until=$((now + 2 * converge_seconds + 400))" \
      <<<deploying >"$work/claim" 2>&1; then
      claimed=$stack-deploying
      return
    fi
    held=$(api /configs --data-urlencode "filters={\"name\":[\"$stack-deploying\"]}" |
      jq -c --arg name "$stack-deploying" '.[].Spec | select(.Name == $name) | .Labels')
    [[ -n $held ]] || grep -q AlreadyExists "$work/claim" || die "docker config create: $(tail -n 1 "$work/claim")"
    if [[ -n $held ]] && is_stale <<<"$held"; then
      dk config rm "$stack-deploying" >/dev/null 2>&1 || true
      continue
    fi
    ((SECONDS < end)) || return 1
    sleep 1
  done
}

take_flock() {
  exec 9>"$run_dir/stackctl.lock"
  flock -w "$1" 9
}

# is_stale reads a claim's labels and tells whether its maker was killed: its lease
# is over, or it was made here, where the flock is ours.
is_stale() {
  jq -e --arg me "$(hostname)" --argjson now "$(date +%s)" \
    '.["averazure.by"] == $me or (.["averazure.until"] | tonumber) < $now' >/dev/null
}

# idle ends with 3, and says why, while somebody in the Swarm deploys something.
idle() {
  local claim
  take_flock 0 || busy "a deployment is under way on $(hostname)"
  labelled /configs averazure.until | jq -c '.[].Spec | .Labels + {name: .Name}' >"$work/claims"
  while read -r claim; do
    is_stale <<<"$claim" || busy "$(jq -r '"\(.name): \(.["averazure.by"]) is at it, or was killed and holds this until \(.["averazure.until"] | tonumber | todate)"' <<<"$claim")"
  done <"$work/claims"
}

busy() {
  say "$@"
  exit 3
}

# dk_create NAME LABEL... makes a Docker config of standard input.
dk_create() {
  local name=$1 label arguments=()
  shift
  for label in "$@"; do
    arguments+=(--label "$label")
  done
  timeout --foreground -k 5 60 docker config create "${arguments[@]}" "$name" -
}
