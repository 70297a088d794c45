#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# What runs, and how it differs from what was released.

# What does not make a spec another one: how often an update was forced, how the
# image was written before it became a digest, what the registry said about it.
# shellcheck disable=SC2016
readonly normalise='
  def normalise: del(.TaskTemplate.ForceUpdate, .TaskTemplate.Placement.Platforms, .TaskTemplate.ContainerSpec.PullOptions,
    .Labels["com.docker.stack.image"]) | walk(if type == "object" then with_entries(select(.value | IN(null, {}, []) | not)) else . end);'

# differences prints, as a JSON list of sentences, how the live services differ
# from the last release. Values of variables are not shown.
differences() {
  live_services "$stack" >"$work/live.json"
  jq -c --arg prefix "${stack}_" --slurpfile live "$work/live.json" "$normalise"'
    def leaves: [paths(type | IN("object", "array") | not)];
    def short: if . == null then "nothing" else tojson | if length > 80 then .[0:77] + "..." else . end end;
    ($live[0] | map({(.Spec.Name | ltrimstr($prefix)): (.Spec | normalise)}) | add // {}) as $now
    | (last // {data: {specs: {}}} | .data.specs) as $released
    | [($released + $now | keys)[] as $name
      | if ($now[$name] | not) then "\($prefix)\($name) is gone"
        elif ($released[$name] | not) then "\($prefix)\($name) was not released"
        else $now[$name] as $a | $released[$name] as $b | (($a | leaves) + ($b | leaves) | unique)[] as $path
          | select(($a | getpath($path)) != ($b | getpath($path)))
          | "\($prefix)\($name): \($path | map(tostring) | join("."))"
            + (if any($path[]; . == "Env") then " differs"
              else " is \($a | getpath($path) | short), released as \($b | getpath($path) | short)" end)
        end]' "$work/releases.json"
}

# live_token is the token that the last deployment left while everything is as
# released, and another one, the same for the same differences, when it is not.
live_token() {
  local stored=$1 differing=$2
  if [[ -n $stored && $differing == '[]' ]]; then
    printf '%s' "$stored"
  else
    printf 'drift-%s' "$(sha256sum <<<"$stored $differing" | cut -c 1-16)"
  fi
}

status() {
  local differing token
  load_releases "$stack"
  differing=$(differences)
  token=$(live_token "$(current .token)" "$differing")
  api /nodes >"$work/nodes.json"
  labelled /secrets averazure.secret >"$work/secrets.json"
  live_tasks "$stack" >"$work/tasks.json"
  jq --arg stack "$stack" --arg token "$token" --argjson differing "$differing" --slurpfile nodes "$work/nodes.json" \
    --slurpfile secrets "$work/secrets.json" --slurpfile tasks "$work/tasks.json" --slurpfile live "$work/live.json" '
    {
      stack: $stack, token: $token, inSync: (length > 0 and $differing == []), differences: $differing,
      release: (last // null | if . then {number, from, time} else . end),
      releases: map({number, from, time}),
      services: ($live[0] | map(.ID as $id | {
        name: .Spec.Name, image: .Spec.TaskTemplate.ContainerSpec.Image, update: (.UpdateStatus.State // null),
        desired: (.Spec.Mode.Replicated.Replicas // ([$tasks[0][] | select(.ServiceID == $id and .DesiredState == "running")] | length)),
        running: ([$tasks[0][] | select(.ServiceID == $id and .DesiredState == "running" and .Status.State == "running")] | length)
      }) | sort_by(.name)),
      nodes: ($nodes[0] | map({
        name: .Description.Hostname, role: .Spec.Role, state: .Status.State, availability: .Spec.Availability,
        leader: (.ManagerStatus.Leader // false)}) | sort_by(.name)),
      secrets: ($secrets[0] | map({name: .Spec.Labels["averazure.secret"], version: .Spec.Name}) | sort_by(.version))
    }' "$work/releases.json"
}
