#!/usr/bin/env bash
# Gives a running Docker new settings, on one node after the other, and keeps the Swarm
# and its services up. The node is drained before Docker restarts, if there is another
# node to take its tasks (../build.go). Arguments: the node's name, and a value that
# represents the settings that need a restart, so that another value runs this again.
# Input: the contents of /etc/docker/daemon.json. If Docker had not run yet, prepare.sh
# has written them. The copy of the running daemon's settings is written last, so that the
# next run repeats an interrupted one.

node=${1:?the name of the node}
daemon_json=/etc/docker/daemon.json
applied=/var/lib/averazure/daemon.json
calm=15

# only_mirrors tells whether the daemon can take the new settings without a restart.
# https://docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior
only_mirrors() {
  [[ -s $applied ]] && jq -en --slurpfile was "$applied" --argjson new "$1" \
    '$was[0] | del(.["registry-mirrors"]) == ($new | del(.["registry-mirrors"]))' >/dev/null
}

# need_quorum refuses to stop a manager without which the others would have no quorum.
need_quorum() {
  local statuses total reachable
  [[ $control == true ]] || return 0
  statuses=$(dk node ls --filter role=manager --format '{{.ManagerStatus}}') ||
    die "docker node ls failed; is the quorum there?"
  total=$(grep -c . <<<"$statuses" || true)
  reachable=$(grep -Ec '^(Leader|Reachable)$' <<<"$statuses" || true)
  ((total == 1 || 2 * (reachable - 1) > total)) ||
    die "Docker cannot restart: only $((reachable - 1)) of $total managers would be left, not a majority; bring them back first"
}

tasks() { dk ps --filter label=com.docker.swarm.task.id --format '{{.Status}}'; }

# has_its_tasks tells whether all tasks run that the Swarm wants here. Tasks that moved
# since the restart no longer count. A manager knows which tasks those are. A worker does
# not: it takes the tasks that are missing after $calm seconds for moved, since a task
# that ended is replaced after 5 s, unless its service says otherwise.
has_its_tasks() {
  local now meant
  now=$(tasks) || return 1
  ! grep -qi 'health: starting' <<<"$now" || return 1
  (($(grep -c . <<<"$now") < before)) || return 0
  if [[ $control == true ]]; then
    meant=$(dk node ps self --filter desired-state=running --quiet) || return 1
    (($(grep -c . <<<"$now") >= $(grep -c . <<<"$meant")))
  else
    ((SECONDS - back >= calm))
  fi
}

is_back() {
  [[ $(swarm_state) == active ]] || return 1
  [[ $control == false ]] || [[ $(dk node inspect --format '{{.ManagerStatus.Reachability}}' self 2>/dev/null) == reachable ]]
}

# swap puts the new settings in place and restarts Docker. On a manager stackctl holds
# back deployments meanwhile: the tasks that a restart ends would count against a
# deployment.
swap() {
  local status=0 said alone=()
  # shellcheck disable=SC2016 # for the inner shell
  local change=(bash -c 'mv -f "$1.next" "$1" && exec "${@:2}"' averazure-swap "$daemon_json" timeout -k 10 180 systemctl restart docker)
  [[ $control == false ]] || alone=(stackctl alone --wait 120s --)
  install -D -m 0644 /dev/stdin "$daemon_json.next" <<<"$wanted"
  said=$(bounded 450 "${alone[@]}" "${change[@]}" 2>&1) || status=$?
  ((status != 0)) || return 0
  [[ -e $daemon_json.next ]] || report_daemon
  rm -f "$daemon_json.next"
  said=$(tail -n 1 <<<"$said" | cut -c 1-300)
  ((status == 3)) || die "not restarting Docker: stackctl cannot hold back deployments meanwhile: ${said:-no answer within 450 s}"
  die "not restarting Docker: a deployment is still running after 120 s ($said); try again when it has ended"
}

restart() {
  local before control back
  within 90 is_settled || die "the Swarm on it has not settled in 90 s: $(swarm_problem)"
  [[ $(swarm_state) == active ]] || die "not restarting Docker: the Swarm is not healthy: $(swarm_problem)"
  control=$(dk info --format '{{.Swarm.ControlAvailable}}') || die "docker info failed"
  [[ $control =~ ^(true|false)$ ]] || die "Docker does not say whether it is a manager, but '$control'"
  need_quorum
  before=$(tasks) || die "docker ps failed"
  before=$(grep -c . <<<"$before" || true)
  say "restarting Docker with its new settings"
  swap
  within 120 is_back || die "did not rejoin the Swarm 120 s after Docker restarted: $(swarm_problem)"
  back=$SECONDS
  within 60 has_its_tasks || say "does not run all its tasks 60 s after Docker restarted; going on ('docker node ps $node' on a manager lists them)"
}

main() {
  local wanted
  wanted=$(merged) || die "$daemon_json is not JSON; correct or remove it"
  if [[ -e $applied ]] && cmp --silent "$applied" "$daemon_json" && [[ $wanted == "$(<"$applied")" ]]; then
    return
  fi
  if only_mirrors "$wanted"; then
    say "telling Docker its new mirrors"
    place 0644 "$daemon_json" <<<"$wanted"
    bounded 60 systemctl reload docker >/dev/null 2>&1 || die "Docker did not take its new mirrors; 'journalctl -u docker' says why"
  else
    restart
  fi
  place 0600 "$applied" <<<"$wanted"
}

alone
