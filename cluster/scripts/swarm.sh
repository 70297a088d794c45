#!/usr/bin/env bash
# Makes a host a node of the Swarm. Arguments: the node's name, `init` or `join`, its
# private address. Input, JSON: pool (address pool of overlay networks), managers
# (addresses of the other managers), and for join: swarm (its id), token and role. Prints
# JSON: node, swarm and, on a manager, the two join tokens. Tokens are secrets: they are
# passed by pipe and by shell builtins, never as an argument.

verb=${2:?init or join}
address=${3:?the private address of the node}
# Deploy users have their homes in this directory too; their names have no dot.
member_of=/var/lib/averazure/swarm.id
socket=/run/docker.sock
ca=/var/lib/docker/swarm/certificates/swarm-root-ca.crt

cluster_id() { dk info --format '{{with .Swarm.Cluster}}{{.ID}}{{end}}'; }
ask_cluster() { cluster=$(cluster_id 2>/dev/null) && [[ -n $cluster ]]; }

# living_peer finds another manager that is already in a Swarm. A port that refuses the
# connection means that there is none. A port that does not answer is tried for longer,
# since a second Swarm beside a living one is hard to repair.
living_peer() {
  local peer status silent end=$((SECONDS + 15))
  while true; do
    silent=
    for peer in $(field '.managers // [] | join(" ")' || true); do
      status=0
      bounded 3 bash -c "</dev/tcp/$peer/2377" 2>/dev/null || status=$?
      case $status in
        0) echo "$peer" && return ;;
        124) silent=yes ;;
      esac
    done
    [[ -n $silent ]] && ((SECONDS < end)) || return 0
  done
}

# remember notes which Swarm this host belongs to, for times at which Docker
# cannot say so.
remember() { [[ -z $1 ]] || place 0600 "$member_of" <<<"$1"; }
remembered() { cat "$member_of" 2>/dev/null || true; }

# unknown_to tells whether a manager does not know a node, by its id. It asks the service
# from which nodes get their certificates, which then answers with code 5. A manager
# without a quorum answers with another code. With this node's CA, the manager proves that
# it belongs to the same Swarm. The service asks for no certificate (swarmkit,
# api/ca.proto); the message is one field of 25 characters.
unknown_to() {
  printf '\0\0\0\0\033\n\031%s' "$2" |
    curl --silent --max-time "$(left 3)" --cacert "$ca" --connect-to "swarm-ca:2377:$1" --http2 \
      --header 'Content-Type: application/grpc' --header 'TE: trailers' --data-binary @- --dump-header - --output /dev/null \
      https://swarm-ca:2377/docker.swarmkit.v1.NodeCA/NodeCertificateStatus 2>/dev/null |
    tr -d '\r' | grep -qix 'grpc-status: 5'
}

# leave_behind leaves a Swarm that went on without this node. After `stackctl recover` the
# others have the same Swarm and its id, but no entry for a node that comes back from its
# old disk, and two such managers would form a second quorum. Only a manager that this
# node's own Swarm knows is asked: one that it does not know may be left behind itself. A
# node that was only away still has its entry. Volumes stay.
leave_behind() {
  local own manager address list
  own=$(dk info --format '{{.Swarm.NodeID}}' 2>/dev/null) && [[ $own =~ ^[a-z0-9]{25}$ ]] || return 0
  list=$(dk info --format '{{range .Swarm.RemoteManagers}}{{.NodeID}} {{.Addr}}{{"\n"}}{{end}}' 2>/dev/null) || return 0
  while read -r manager address; do
    if [[ -z $address || $manager == "$own" ]] || ! unknown_to "$address" "$own"; then continue; fi
    say "the manager at $address has no entry of it any more; leaving the Swarm that it remembers, to join again"
    bounded 60 docker swarm leave --force >/dev/null || die "could not leave the Swarm that it remembers"
    rm -f "$member_of"
    today=${address%:*}
    return
  done <<<"$list"
}

# is_at_home tells whether the node has found out which Swarm it is in, after it has left
# one that went on without it.
is_at_home() {
  leave_behind
  is_settled
}

# init starts a Swarm, unless this VM was rebuilt and the other managers still have one:
# then it starts nothing, and the node joins as soon as one of them has handed out a token
# (the command `rejoin` of the program).
init() {
  within 90 is_at_home || die "the Swarm on it has not settled in 90 s: $(swarm_problem)"
  case $(swarm_state) in
    active) is_manager || die "is in a Swarm, but not as a manager; run 'docker swarm leave --force' there" ;;
    inactive)
      if [[ -n $today || -n $(living_peer) ]]; then
        say "the Swarm lives on another manager; joining it again"
        away=yes
        return
      fi
      bounded 120 docker swarm init --advertise-addr "$address" --listen-addr "$address:2377" \
        --default-addr-pool "$(field .pool)" --default-addr-pool-mask-length 24 >/dev/null ||
        die "docker swarm init failed"
      ;;
    *) die "the Swarm on it is in state $(swarm_problem)" ;;
  esac
  within 30 ask_cluster || die "Docker does not say which Swarm it is in: $(swarm_problem)"
  remember "$cluster"
}

# leave_former makes a worker free to join when its Swarm is not the wanted one.
leave_former() {
  local wanted=$1 present
  if is_manager; then
    present=$(cluster_id)
    [[ $present == "$wanted" ]] || die "is a manager of another Swarm ($present); run 'docker swarm leave --force' there"
    return
  fi
  present=$(remembered)
  if [[ -n $present && $present != "$wanted" ]]; then
    say "leaving the former Swarm"
    bounded 60 docker swarm leave --force >/dev/null || die "could not leave its former Swarm"
  fi
}

# peers lists the other managers, first those that answer on the Swarm's port: Docker
# joins only through the first of its list, and waits long for a dead one. The manager
# that had no entry for this node comes before all others: it is in the Swarm to join.
peers() {
  local peer status answering=("$today") silent=()
  for peer in $(field '.managers | join(" ")'); do
    status=0
    curl --silent --insecure --max-time "$(left 3)" --output /dev/null "https://$peer:2377/" </dev/null 2>/dev/null || status=$?
    case $status in
      # 7: no connection; 28: no answer in time. Other statuses mean that TLS was spoken.
      7 | 28) silent+=("$peer") ;;
      *) answering+=("$peer") ;;
    esac
  done
  echo "${answering[*]} ${silent[*]}"
}

# ask_to_join calls the Docker API itself: `docker swarm join` takes the token as
# an argument, which every user of the host could read.
ask_to_join() {
  local answer
  answer=$(printf '%s' "$input" | jq -c --arg address "$address" --arg peers "$(peers)" '{
      ListenAddr: ($address + ":2377"), AdvertiseAddr: $address, DataPathAddr: $address,
      RemoteAddrs: [$peers | split(" +"; null)[] | select(. != "") + ":2377"], JoinToken: .token}' |
    curl --silent --show-error --max-time "$(left 90)" --unix-socket "$socket" \
      --header 'Content-Type: application/json' --data-binary @- http://docker/swarm/join 2>&1) || true
  if [[ -z $answer ]]; then
    return
  fi
  last_answer=$(printf '%s' "$answer" | jq -r '.message? // .' 2>/dev/null || printf '%s' "$answer")
  return 1
}

is_active() { [[ $(swarm_state 2>/dev/null) == active ]]; }

# clear_half_joined makes a host free to join that is neither in a Swarm nor out of one,
# as after a first attempt that failed. A member that has lost the others must not leave:
# that would erase what it knows.
clear_half_joined() {
  local wanted=$1
  case $(swarm_state) in
    inactive) rm -f "$member_of" ;;
    # Joined meanwhile.
    active) ;;
    *)
      [[ -z $(remembered) || $(remembered) != "$wanted" ]] ||
        die "belongs to this Swarm and cannot reach it: $(swarm_problem); bring the other managers back, or run 'docker swarm leave --force' there if it should join again"
      bounded 60 docker swarm leave --force >/dev/null 2>&1 || true
      ;;
  esac
}

join() {
  local wanted attempt last_answer=
  wanted=$(field '.swarm // ""')
  within 90 is_at_home || [[ -z $(remembered) && $(swarm_state) == pending ]] ||
    die "the Swarm on it has not settled in 90 s: $(swarm_problem)"
  if [[ $(swarm_state) == active && -n $wanted ]]; then
    leave_former "$wanted"
  fi
  if [[ $(swarm_state) != active ]]; then
    [[ -n $(field '.token // ""') ]] ||
      die "the token to join with is missing: the first manager was rebuilt together with this one; rebuild managers one at a time"
    for attempt in 1 2 3; do
      clear_half_joined "$wanted"
      ask_to_join && break
      [[ $last_answer != *"valid join token"* ]] ||
        die "swarm join: $(cut -c 1-500 <<<"$last_answer"); if somebody rotated it, pulumi up --replace '**-init' hands out the new one"
      # The daemon keeps trying after the API has stopped waiting.
      within 15 is_active && break
      sleep $((attempt * 2))
    done
    within 30 is_active || die "swarm join: $(cut -c 1-500 <<<"${last_answer:-no answer}")"
  fi
  # A node is active before the other managers make it a manager.
  [[ $(field .role) != manager ]] || within 60 is_manager ||
    die "is in the Swarm, but not a manager of it after 60 s: $(swarm_problem)"
  remember "$wanted"
}

# ask_facts reads what the program needs next. It fails if Docker does not answer, and
# does not take the node for a worker then.
ask_facts() {
  own=$(dk info --format '{{.Swarm.NodeID}}' 2>/dev/null) && [[ -n $own || -n $away ]] || return 1
  control=$(dk info --format '{{.Swarm.ControlAvailable}}' 2>/dev/null) && [[ $control =~ ^(true|false)$ ]] || return 1
  cluster='' worker='' manager=''
  if [[ $control == true ]]; then
    ask_cluster || return 1
    worker=$(dk swarm join-token --quiet worker 2>/dev/null) && [[ -n $worker ]] || return 1
    manager=$(dk swarm join-token --quiet manager 2>/dev/null) && [[ -n $manager ]] || return 1
  fi
}

report() {
  local own control worker manager
  within 30 ask_facts || die "Docker does not report the node's ID, or on a manager the join tokens: $(swarm_problem)"
  printf '{"node":"%s","swarm":"%s","worker":"%s","manager":"%s"}\n' "$own" "$cluster" "$worker" "$manager"
}

main() {
  local input away='' today='' cluster=''
  input=$(cat)
  case $verb in
    init) init ;;
    join) join ;;
    *) die "$verb is neither init nor join" ;;
  esac
  report
}

alone
