#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# The verbs that change something.

# bring_up deploys FILE and records it as a release; when it does not come up, it
# puts the last good release back and fails.
bring_up() {
  local file=$1 from=$2 token=$3 recorded=${4-}
  resolve "$file" "$recorded" >"$work/final.json"
  snapshot
  # From here on something changes, and half of it must not stay. A client that
  # goes away, as when a pipeline is cancelled, ends nothing: the deployment goes
  # on until it runs or the last good release does again.
  trap '' PIPE HUP
  trap 'hand_back 130' INT
  trap 'hand_back 143' TERM
  if apply "$work/final.json"; then
    record "$file" "$from" "$token" || die "$stack runs, but its release could not be recorded in 60 s; deploy it again"
    trap 'exit 130' INT
    trap 'exit 143' TERM
    (drop_old_secrets) || say "former secrets stay until the next deployment"
    say "$stack: release $(current .number) runs"
    return
  fi
  explain
  put_back
  exit 1
}

# put_back returns the whole stack to its last good release. A first deployment
# has none: it stays as it is, for somebody to look at, since what does run may be
# needed (a database that came up) and the next deployment replaces it anyway.
put_back() {
  local number
  withdraws=
  number=$(current .number)
  if [[ -z $number ]]; then
    say "$stack: the deployment failed; there is no good release to go back to, so it stays as it is"
    return
  fi
  if ! within 60 prepare_former 2>"$work/trouble"; then
    say "$stack: the deployment failed, and release $number could not be put back ($(tail -n 1 "$work/trouble" | cut -c 1-300)); 'stackctl reconcile $stack' does it when Docker answers again"
    return
  fi
  if apply "$work/final.json"; then
    record "$work/former.json" "$(current .from)" "$(current .token)" || say "it could not be recorded anew"
    say "$stack: the deployment failed; release $number runs again"
  else
    explain
    say "$stack: the deployment failed, and release $number does not come up either"
  fi
}

prepare_former() { (resolve_former && snapshot); }

# resolve_former writes the last good release to $work/final.json.
resolve_former() {
  current .data.file >"$work/former.json" &&
    resolve "$work/former.json" "$(current '.data.secrets | tojson')" >"$work/final.json"
}

# hand_back is what is left to do for somebody who may not wait any longer: whoever
# sends a signal kills a moment later, the program after 60 s. Three questions and
# two calls of docker, one of them in finish_work, take 55 s at the most.
hand_back() {
  local status=$1 number
  trap : INT TERM
  api_seconds=5 api_attempts=1 dk_seconds=$hand_back_seconds
  (load_releases "$stack") 2>/dev/null || true # it may just have been recorded
  number=$(current .number)
  if [[ -z $number ]]; then
    say "$stack: stopped in the middle of a deployment; there is no good release to go back to, so it stays as it is"
  elif (resolve_former && submit "$work/final.json"); then
    say "$stack: stopped in the middle of a deployment; Docker was told to run release $number again, and nobody waited for it"
  else
    say "$stack: stopped in the middle of a deployment, and release $number could not be put back; 'stackctl reconcile $stack' does it"
  fi
  dk_seconds=5
  exit "$status"
}

# deploy takes a stack file on standard input. What stack-repo's pipeline has
# deployed belongs to stack-repo: `pulumi up` then does not put its own, older
# file back, but deploys the released one again with the current secrets.
deploy() {
  local from=$1 token=$2 take_over=$3 guarded=$4 file=$work/file.json
  receive
  lock "$stack" "$lock_seconds" || die "another deployment of $stack has not finished after $lock_seconds s"
  load_releases "$stack"
  if [[ $guarded == yes ]]; then
    guard_file "$stack" "$file"
  elif [[ $from == pulumi ]]; then
    trust_file "$stack" "$file"
  fi
  if [[ $from == pulumi && $take_over == no && $(current .from) == stack-repo ]]; then
    say "$stack: release $(current .number) came from stack-repo, which owns the stack file; keeping it, with the current secrets"
    from="stack-repo"
    file=$work/owned.json
    current .data.file >"$file"
  fi
  [[ -n $token ]] || token=$(current .token)
  [[ -n $token ]] || token=$(sha256sum /proc/sys/kernel/random/uuid | cut -c 1-16)
  bring_up "$file" "$from" "$token"
}

# trust says what the deploy key may change, without deploying anything.
trust() {
  receive
  trust_file "$stack" "$work/file.json"
}

# rollback goes back to the last release that is not the current one. It becomes
# a release of its own, and those that were left are withdrawn, so that another
# rollback goes further back. Whoever owned the stack file owns it still.
rollback() {
  local number
  lock "$stack" "$lock_seconds" || die "another deployment of $stack has not finished after $lock_seconds s"
  load_releases "$stack"
  jq -c '(last // {}) as $now | map(select(.data.file != $now.data.file)) | last // empty' "$work/releases.json" >"$work/target.json"
  [[ -s $work/target.json ]] || die "$stack has no release before the current one"
  number=$(jq .number "$work/target.json")
  say "$stack: going back from release $(current .number) to release $number"
  jq -c .data.file "$work/target.json" >"$work/former.json"
  withdraws=$number
  bring_up "$work/former.json" "$(current .from)" "$(current .token)" "$(jq -c .data.secrets "$work/target.json")"
}

# reconcile puts back what somebody changed. It gives way to a deployment, and
# only the leader does it: the others would do the same thing at the same time.
reconcile() {
  local differing
  is_leader || return 0
  load_releases "$stack"
  [[ -n $(current .number) && $(differences) != '[]' ]] || return 0
  lock "$stack" 0 || return 0
  load_releases "$stack"
  differing=$(differences)
  [[ $differing != '[]' ]] || return 0
  jq -r '.[]' <<<"$differing" | while read -r line; do
    say "$line"
  done
  current .data.file >"$work/former.json"
  bring_up "$work/former.json" "$(current .from)" "$(current .token)" "$(current '.data.secrets | tojson')"
}

is_leader() {
  local me
  me=$(api /info | jq -r .Swarm.NodeID)
  api /nodes | jq -e --arg me "$me" 'any(.[]; .ID == $me and .ManagerStatus.Leader)' >/dev/null
}

# reconcile_all is for whoever comes by regularly.
reconcile_all() {
  local each failed=0
  for each in $(labelled /configs averazure.release | jq -r 'map(.Spec.Labels["averazure.stack"]) | unique[]'); do
    timeout -k 60 $((2 * converge_seconds + 60)) "$0" reconcile "$each" || failed=1
  done
  return "$failed"
}

# remove takes the stack and its history away. Volumes stay.
remove() {
  lock "$stack" "$lock_seconds" || die "another deployment of $stack has not finished after $lock_seconds s"
  dk stack rm "$stack" >/dev/null 2>"$work/deploy.log" || die "docker stack rm: $(tail -n 1 "$work/deploy.log")"
  local name
  for name in $({ labelled /configs "averazure.stack=$stack" && labelled /configs "averazure.trusted=$stack"; } | jq -r '.[].Spec.Name'); do
    dk config rm "$name" >/dev/null 2>&1 || say "could not remove $name"
  done
  drop_old_secrets
}
