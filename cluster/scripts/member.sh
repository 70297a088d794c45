#!/usr/bin/env bash
# Adds or removes one node's Swarm membership. Runs on another manager where there is one;
# `back` runs on the node itself if that is a manager. Arguments: the node's name, `add`,
# `keep`, `drain`, `back` or `remove`, its id in the Swarm, its role. `keep` leaves a node
# that was added as it is while it is down. `remove` drains first, and never costs the
# Swarm its quorum. The id makes sure that only the node that was added is removed, not
# one that has taken its name since.

node=${1:?the name of the node}
verb=${2:?add, keep, drain, back or remove}
id=${3:?the id of the node}
role=${4:?the role of the node}

inspect() { dk node inspect --format "$1" "$id" 2>/dev/null; }
is_ready() { [[ $(inspect '{{.Status.State}}') == ready ]]; }
is_ready_or_kept() { is_ready || { [[ $verb == keep ]] && is_down "$id"; }; }
is_reachable() { [[ $(inspect '{{with .ManagerStatus}}{{.Reachability}}{{end}}') == reachable ]]; }
is_manager_entry() { [[ $(inspect '{{with .ManagerStatus}}manager{{end}}') == manager ]]; }
is_worker() { [[ $(inspect '{{.Spec.Role}}{{with .ManagerStatus}} still a manager{{end}}') == worker ]]; }
is_down() { [[ $(dk node inspect --format '{{.Status.State}}' "$1" 2>/dev/null) == down ]]; }

# is_empty fails when Docker does not answer: silence does not mean that there are no tasks.
is_empty() {
  local states=
  ask_tasks && ! grep -Eq '^(Running|Starting|Preparing)' <<<"$states"
}
ask_tasks() { states=$(dk node ps --format '{{.CurrentState}}' "$id" 2>/dev/null); }

# unwhole lists the services that do not run as many tasks as they should. It leaves out
# jobs, which end, and an order to reboot, which runs nothing (reboot.sh).
unwhole() {
  dk service ls --format '{{.Mode}}|{{.Name}}|{{.Replicas}}' |
    awk -F'|' '$1 !~ /job/ && $2 != "averazure-reboot" { split($3, n, "/"); if (n[1] + 0 < n[2] + 0) printf "%s%s runs %d of %d", (c++ ? ", " : ""), $2, n[1], n[2] }'
}

# is_whole succeeds when every service runs all its tasks; $missing says what is missing.
is_whole() {
  missing=$(unwhole 2>/dev/null) || { missing='docker service ls fails' && return 1; }
  [[ -z $missing ]]
}

# is_placed tells whether all tasks run that can. A task that is bound to the leaving
# node, or for which no node has room, waits for a node.
is_placed() {
  local services states
  if is_whole; then return; fi
  services=$(dk service ls --quiet 2>/dev/null) && [[ -n $services ]] || return 1
  # shellcheck disable=SC2086 # each of them is a word
  states=$(dk service ps --filter desired-state=running --format '{{.CurrentState}}' $services 2>/dev/null) || return 1
  ! grep -Evq '^(Running|Complete|Pending [^l])' <<<"$states"
}

# counts lists the services with missing tasks as SERVICE=RUNNING, one a line.
counts() { sed -E 's/ runs ([0-9]+) of [0-9]+(, )?/=\1\n/g' <<<"$1"; }

# worse names the services that run fewer tasks than before the node was drained; $before has
# what was missing then.
worse() {
  counts "$missing" | awk -F= -v before="$before" '
    BEGIN { n = split(before, all, " "); for (i = 1; i <= n; i++) { split(all[i], one, "="); had[one[1]] = one[2] } }
    NF == 2 && !($1 in had && $2 + 0 >= had[$1] + 0) { print $1 }'
}

# is_excused tells whether waiting for the missing tasks is pointless: as many ran before
# the node was drained, or each such task has done its work, or no node takes it. Docker
# lists the newest instance of each task first.
is_excused() {
  local services states
  if is_whole; then return; fi
  [[ $missing == *' runs '* ]] || return 1
  services=$(worse)
  [[ -n $services ]] || return 0
  # shellcheck disable=SC2086 # each of them is a word
  states=$(dk service ps --format '{{.Name}} {{.CurrentState}}' $services 2>/dev/null) && [[ -n $states ]] || return 1
  ! awk '!seen[$1]++' <<<"$states" | grep -Evq '^[^ ]+ (Running|Complete|Pending [^l])'
}

list_nodes() { list=$(dk node ls --format '{{.ID}} {{.Hostname}}' 2>/dev/null); }

# is_another tells whether a node is not a former one of this name. When managers come and go
# while the Swarm elects a leader, Docker may list one under another one's host name for some
# seconds; the label has the name with which a node was added.
is_another() {
  local label
  label=$(dk node inspect --format '{{index .Spec.Labels "averazure.node"}}' "$1" 2>/dev/null) || return 1
  [[ -n $label && $label != "$node" ]]
}

is_down_or_another() { is_down "$1" || is_another "$1"; }

# forget_former removes the former node of the same name. Its VM is gone, but the Swarm
# takes a moment to notice. A dead manager would count against the quorum.
forget_former() {
  local former list=
  within 60 list_nodes || die "docker node ls failed on $(hostname)"
  while read -r former; do
    [[ $former != "$id" ]] || continue
    within 60 is_down_or_another "$former" ||
      die "the Swarm has another node of this name, $former, which is not down after 60 s; stop it or run 'docker node rm --force $former' on a manager"
    if is_another "$former"; then continue; fi
    say "removing the node that it replaces from the Swarm"
    dk node demote "$former" >/dev/null 2>&1 || true
    within 30 dk node rm --force "$former" >/dev/null 2>&1 || die "docker node rm --force $former failed"
  done < <(awk -v name="$node" '$2 == name { print $1 }' <<<"$list")
}

ask_name() { reported=$(inspect '{{.Description.Hostname}}'); }

# The agent of stackctl leaves a node alone that has this label; its value says why.
readonly hold=averazure.hold
# The services that did not run all their tasks when the node was drained, for `back`.
readonly ailing=averazure.ailing

# enrol labels the node and lets it take tasks, also when an interrupted removal had
# drained it. A node that somebody else holds keeps its availability.
enrol() {
  local why free=(--availability active)
  why=$(inspect "{{index .Spec.Labels \"$hold\"}}") || return 1
  case $why in
    '') ;;
    leaving) free+=(--label-rm "$hold") ;;
    *) free=() ;;
  esac
  dk node update "${free[@]}" --label-add "averazure.node=$node" --label-add "averazure.role=$role" "$id" >/dev/null 2>&1 || return 1
  ((${#free[@]} > 0)) || say "is held ($why), so its availability stays as it is; 'docker node update --label-rm $hold --availability active $node' ends that"
}

add() {
  local reported=
  within 60 is_ready_or_kept || die "is not ready in the Swarm after 60 s: state '$(inspect '{{.Status.State}} {{.Status.Message}}' || echo unknown)'"
  is_ready || {
    say "is down; it stays in the Swarm as it is"
    return
  }
  # The manager's Docker may be restarting for new settings.
  within 60 ask_name || die "docker node inspect failed on $(hostname)"
  [[ $reported == "$node" ]] || die "calls itself $reported in the Swarm; its host name must be $node"
  within 60 enrol || die "docker node update failed"
  forget_ailing
  forget_former
}

# keep_quorum refuses to remove a living manager without which the others have no quorum.
keep_quorum() {
  local statuses=$1 total=$2 reachable
  reachable=$(grep -Ec '^(Leader|Reachable)$' <<<"$statuses" || true)
  if [[ $(inspect '{{with .ManagerStatus}}{{.Reachability}}{{end}}') == reachable ]]; then
    reachable=$((reachable - 1))
  fi
  ((2 * reachable > total - 1)) ||
    die "cannot go: only $reachable of the other $((total - 1)) managers are reachable, not a majority; bring them back first"
}

# is_known asks for the list of nodes: a query for a single node fails in the same way
# when the node is unknown and when the Swarm does not answer.
is_known() {
  local list
  list=$(dk node ls --quiet) || die "docker node ls failed on $(hostname); is the quorum there?"
  grep -qxF "$id" <<<"$list"
}

# change makes Docker change the node's entry; $answer is Docker's message. Docker refuses
# a change when another change came first ("update out of sequence"), and while the leader
# moves.
change() { answer=$(dk node "$@" "$id" 2>&1 | tail -n 1); }

noted() { inspect "{{index .Spec.Labels \"$ailing\"}}"; }

# note_ailing notes on the node which services do not run all their tasks, until its turn
# ends: their repair may have to wait for the node to be back, as a deployment does. When
# an earlier run stopped in the node's turn, the note of that run stays.
note_ailing() {
  local services=- had answer=''
  is_whole || [[ $missing != *' runs '* ]] || services=$(counts "$missing" | paste -sd ' ' | sed 's/ *$//')
  had=$(noted) || die "docker node inspect failed on $(hostname)"
  [[ -n $had ]] || within 30 change update --label-add "$ailing=$services" || die "docker node update failed: $answer"
}

# forget_ailing removes that note.
forget_ailing() {
  local had answer=''
  had=$(noted) || die "docker node inspect failed on $(hostname)"
  [[ -z $had ]] || within 30 change update --label-rm "$ailing" || die "docker node update failed: $answer"
}

# vacate starts elsewhere what runs on this node alone, since Swarm ends the tasks of a
# drained node before it starts others. What does not start in time is ended all the same.
vacate() {
  bounded 120 stackctl vacate "$id" || say "what runs on it alone could not all start elsewhere first; draining it all the same"
}

# drain moves all tasks off the node, if the managers can do without it. It returns 1 when
# it drains nothing: the managers do not know the node, or it is the last manager.
drain() {
  local statuses total state missing whole=yes answer=
  if [[ $role == manager ]]; then
    # One at a time: two managers that leave at once could cost the Swarm its quorum.
    exec 9>"${AVERAZURE_RUN:-/run}/averazure-member.lock"
    flock -w "$(left 500)" 9 || die "another manager's removal has not finished after 500 s"
  fi
  is_known || return 1
  note_ailing
  if [[ $role == manager ]]; then
    statuses=$(dk node ls --filter role=manager --format '{{.ManagerStatus}}') || die "docker node ls failed on $(hostname)"
    total=$(grep -c . <<<"$statuses" || true)
    if ((total == 1)) && is_manager_entry; then
      say "is the last manager, so it is not drained"
      return 1
    fi
    keep_quorum "$statuses" "$total"
  fi
  [[ -z $missing ]] || whole=no
  say "draining"
  within 30 change update --availability pause --label-add "$hold=leaving" || die "docker node update --availability pause failed: $answer"
  state=$(inspect '{{.Status.State}}') || die "docker node inspect failed on $(hostname)"
  [[ $state != ready ]] || vacate
  within 30 change update --availability drain || die "docker node update --availability drain failed: $answer"
  if [[ $state == ready ]]; then
    within 120 is_empty || ask_tasks || die "docker node ps failed on $(hostname), so tasks may still run on the node; it stays drained, and the next 'pulumi up' goes on"
    is_empty || say "still has tasks after 120 s; going on all the same"
    # The names and addresses of moved tasks spread among the nodes, and a node that
    # leaves at once disturbs that. If tasks were missing before, there is no wait.
    [[ $whole == no ]] || within 60 is_placed || say "after 60 s $missing; going on all the same"
  fi
}

remove() {
  local answer=
  drain || return 0
  if [[ $role == manager ]]; then
    within 30 change demote || die "docker node demote failed: $answer"
    within 60 is_worker || die "is still a manager 60 s after its demotion"
  fi
  within 30 dk node rm --force "$id" >/dev/null || die "docker node rm --force failed"
}

# back ends a node's turn. By then the tasks that a drained node gave away run elsewhere,
# and those that can only run on it run there again. Swarm needs a moment to start those.
back() {
  local missing='' before
  [[ $role != manager ]] || within 120 is_settled || die "did not rejoin the Swarm in 120 s: $(swarm_problem)"
  within 180 is_ready || die "is not ready in the Swarm after 180 s: state '$(inspect '{{.Status.State}} {{.Status.Message}}' || echo unknown)'"
  if [[ $role == manager ]]; then
    within 60 is_reachable || die "is ready, but the other managers do not reach it after 60 s"
  fi
  within 60 enrol || die "docker node update failed"
  before=$(noted) || die "docker node inspect failed on $(hostname)"
  within 20 is_whole || within 160 is_excused || die "is back, but after 180 s $missing; repair that: the next nodes wait for it, and the next 'pulumi up' goes on with them"
  forget_ailing
  [[ -z $missing ]] || say "is back; $missing, which is done, waits for another node, or was so before"
}

main() {
  case $verb in
    back) back ;;
    add | keep) add ;;
    drain | remove)
      within 90 is_settled || die "the manager that would $verb it is not ready: $(swarm_problem)"
      # A manager without a Swarm has no members.
      [[ $(swarm_state) != inactive ]] || return 0
      is_manager || die "$(hostname), which would $verb it, is not a manager of its Swarm: $(swarm_problem)"
      if [[ $verb == remove ]]; then remove; else drain || true; fi
      ;;
    *) die "$verb is neither add, keep, drain, back nor remove" ;;
  esac
}

alone
