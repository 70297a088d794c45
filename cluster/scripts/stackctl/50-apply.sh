#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# Deploying and watching what becomes of it.

live_services() { of_stack /services "$1"; }
live_tasks() { of_stack /tasks "$1"; }

# Per service: ok, wait, homeless or failed, with the reason and the task that
# shows it. A task counts as up to date when it runs the container that the
# service asks for now. UpdateStatus is Swarm's own word on a rolling update;
# Swarm clears it when a new spec arrives. A job is done when as many tasks of its
# present iteration are complete as it asks for; ServiceStatus.DesiredTasks would
# be too few where fewer run at a time (swarmkit counts MaxConcurrent).
# Tasks that crash may do so for want of a service that is still being pulled or
# started: they count against their service only when nothing else is on its way.
# shellcheck disable=SC2016
readonly judge='
  def container: .ContainerSpec, (.Networks // [] | map(.Target) | sort), (.ForceUpdate // 0);
  def order: sort_by(.CreatedAt);
  def describe($name): "task \($name).\(.Slot // "node") on \($nodes[0][.NodeID // ""] // "no node yet") \(.Status.State): \(.Status.Err // .Status.Message // "")"
    + (if (.Status.ContainerStatus.ExitCode // 0) != 0 then " (exit status \(.Status.ContainerStatus.ExitCode))"
      elif .Status.State == "complete" then " (it ended with status 0 by itself, or was stopped because its health check failed)" else "" end);
  def verdict($state; $reason; $task): {service: .Spec.Name, state: $state, reason: $reason, task: ($task.ID // null), rejected: ($task.Status.State == "rejected"), settle: false, healthy: false};
  [.[] | . as $service | .Spec.Name as $name
  | [$tasks[0][] | select(.ServiceID == $service.ID)] as $mine
  | [$mine[] | select(.ID | IN($before[0].tasks[]) | not)] as $new
  | [$new[] | select(.Status.State | IN("failed", "rejected"))] as $broken
  | (.UpdateStatus.Message // "" | [match("[a-z0-9]{25}"; "g").string]) as $blamed
  | ([$mine[] | select(.ID | IN($blamed[]))] + ($broken | order) | last) as $last
  | [$mine[] | select(.DesiredState == "running" and .Status.State == "running" and ([.Spec | container] == [$service.Spec.TaskTemplate | container]))] as $up
  | [$mine[] | select(.DesiredState == "running")] as $wanted
  | (.Spec.Mode.Replicated.Replicas // null) as $replicas
  | (.UpdateStatus.State // "none") as $update
  | [$wanted[] | select(.Status.State == "pending" and ((.Status.Err // "") | test("no suitable node")))] as $homeless
  | if (.Spec.Mode | has("ReplicatedJob") or has("GlobalJob")) then
      [$mine[] | select(.JobIteration.Index == $service.JobStatus.JobIteration.Index)] as $run
      | [$run[] | select(.Status.State == "complete")] as $done
      | [$run[] | select(.Status.State != "complete" and (.DesiredState | IN("shutdown", "remove") | not))] as $open
      | [$run[] | select(.Status.State | IN("failed", "rejected"))] as $lost
      | if ($open | length) == 0 and ($done | length) > 0 and ($done | length) >= (.Spec.Mode.ReplicatedJob | .TotalCompletions // .MaxConcurrent // 0) then verdict("ok"; ""; null)
        elif ($open | length) == 0 and ($lost | length) > 0 then $lost | order | last | . as $task | $service | verdict("failed"; $task | describe($name); $task)
        elif ($broken | length) >= 3 then verdict("crashing"; $last | describe($name); $last)
        else verdict("wait"; "the job is not done"; null) + {healthy: (($broken | length) == 0)} end
    elif ($update | IN("paused", "rollback_started", "rollback_paused", "rollback_completed")) then
      verdict("failed"; if $last then $last | describe($name) else .UpdateStatus.Message end; $last)
    elif ([$broken[] | select(.Status.State == "rejected")] | length) >= 3 then verdict("failed"; $last | describe($name); $last)
    elif ($broken | length) >= 3 then verdict("crashing"; $last | describe($name); $last)
    elif ($homeless | length) > 0 then verdict("homeless"; $homeless[0] | describe($name); null)
    elif ($update == "none" or $update == "completed") and ($wanted | length) == ($up | length) and ($up | length) == ($replicas // ($up | length)) then
      verdict("ok"; ""; null) + {settle: ($update == "none" and ($service.Spec | normalise) != $before[0].specs[$name])}
    else verdict("wait"; if $last then $last | describe($name)
      elif ($wanted | length) == 0 then "it has no task yet"
      else ([$wanted[] | select(.Status.State != "running")] | first // $wanted[0] | describe($name)) end; $last)
      + {healthy: (($broken | length) == 0)} end]
  | any(.[]; .state == "wait" and .healthy) as $others
  | .[] | if .state == "crashing" then .state = (if $others or $elapsed < $patience then "wait" else "failed" end) else . end'

# judge_all writes the verdicts to $work/verdicts.json.
judge_all() {
  # The tasks after the services: a failure that Swarm speaks of is then among them.
  live_services "$stack" >"$work/live.json"
  live_tasks "$stack" >"$work/tasks.json"
  jq -c --slurpfile tasks "$work/tasks.json" --slurpfile nodes "$work/nodes.json" \
    --slurpfile before "$work/before.json" --argjson elapsed "$((SECONDS - started))" --argjson patience "$patience_seconds" \
    "$normalise $judge" "$work/live.json" >"$work/verdicts.json"
}

# overall is the verdict on all services together; `settle` is ok where Swarm
# itself has not watched over the update.
overall() {
  jq -rs 'if any(.[]; .state == "failed") then "failed"
    elif length > 0 and all(.[]; .state == "ok") then (if any(.[]; .settle) then "settle" else "ok" end)
    elif any(.[]; .state == "homeless") then "homeless" else "wait" end' "$work/verdicts.json"
}

# snapshot notes what is there before a deployment: a task that is not in it is new.
snapshot() {
  api /nodes | jq -c 'map({(.ID): .Description.Hostname}) | add' >"$work/nodes.json" &&
    live_tasks "$stack" >"$work/tasks.json" &&
    live_services "$stack" | jq -c --slurpfile tasks "$work/tasks.json" "$normalise"'
    {tasks: [$tasks[0][].ID], specs: (map({(.Spec.Name): (.Spec | normalise)}) | add // {})}' >"$work/before.json"
}

# apply hands a resolved file to Docker and waits until all of it runs: 0. When
# it does not, $work/failed.json says which services and why: 1.
apply() {
  local file=$1 started=$SECONDS
  if ! submit "$file"; then
    jq -cR '{service: $stack, reason: ., task: null, rejected: true}' --arg stack "$stack" < <(tail -n 1 "$work/deploy.log" | cut -c 1-1000) >"$work/failed.json"
    return 1
  fi
  watch
}

# submit hands over without waiting. --resolve-image=always: the same tag may be
# another image by now; a release names digests, which stay what they are.
submit() {
  dk stack deploy --compose-file "$1" --with-registry-auth --prune --resolve-image always --detach=true "$stack" >"$work/deploy.log" 2>&1
}

# watch polls until every service is settled, or one has failed. A daemon that
# does not answer is asked again: what it runs goes on without it.
watch() {
  local good='' homeless='' now told=$SECONDS
  : >"$work/trouble"
  while ((SECONDS - started < converge_seconds)); do
    if ! (judge_all) 2>"$work/trouble"; then
      sleep "$poll_seconds"
      continue
    fi
    : >"$work/trouble"
    now=$(overall)
    [[ $now == ok || $now == settle ]] || good=
    [[ $now == homeless ]] || homeless=
    case $now in
      failed)
        jq -c 'select(.state == "failed")' "$work/verdicts.json" >"$work/failed.json"
        return 1
        ;;
      ok) return 0 ;;
      settle)
        : "${good:=$SECONDS}"
        ((SECONDS - good < settle_seconds)) || return 0
        ;;
      homeless)
        : "${homeless:=$SECONDS}"
        ((SECONDS - homeless < patience_seconds)) || break
        ;;
    esac
    if ((SECONDS - told >= tell_seconds)); then
      tell
      told=$SECONDS
    fi
    sleep "$poll_seconds"
  done
  if [[ -s $work/trouble ]]; then
    jq -cR '{service: $stack, reason: "cannot be watched: \(.)", task: null, rejected: true}' --arg stack "$stack" < <(tail -n 1 "$work/trouble" | cut -c 1-1000) >"$work/failed.json"
    return 1
  fi
  jq -c 'select(.state != "ok") | .reason = "not running after \($seconds) s: \(.reason)"' --argjson seconds "$((SECONDS - started))" \
    "$work/verdicts.json" >"$work/failed.json"
  return 1
}

# tell says what a deployment waits for.
tell() {
  local line
  while read -r line; do
    say "waiting for ${line:0:300}"
  done < <(jq -r 'select(.state != "ok") | "\(.service): \(.reason)"' "$work/verdicts.json")
}

# explain says which service failed and why, with the end of its own output.
explain() {
  local service reason task rejected
  while IFS=$'\t' read -r service reason task rejected; do
    say "$service: ${reason:0:1000}"
    if [[ $task != null && $rejected != true ]]; then
      timeout --foreground -k 5 15 docker service logs --raw --tail 15 "$task" </dev/null 2>&1 | excerpt 15 || true
    fi
  done < <(jq -r '[.service, .reason, (.task // "null"), (.rejected | tostring)] | @tsv' "$work/failed.json")
}
