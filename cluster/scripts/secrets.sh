#!/usr/bin/env bash
# Stores Docker secrets. Arguments: the manager's name and the Swarm's id, which is an
# argument so that a new Swarm gets them too. Input, JSON: a list of {name, version,
# value}, the value in base64. A secret cannot be changed: a new value is a new secret
# under its own versioned name, the services switch to it one by one, and stackctl removes
# the old one when nothing uses it any more. The Docker config averazure-secrets-N says
# which version is the current one.

record=averazure-secrets
label=averazure.secrets

# store creates the i-th secret of the input unless it is there already.
store() {
  local i=$1 name version problem
  name=$(field ".[$i].name")
  version=$(field ".[$i].version")
  if dk secret inspect "$version" >/dev/null 2>&1; then
    return
  fi
  problem=$(printf '%s' "$input" | jq -j ".[$i].value" | base64 -d |
    dk secret create --label "averazure.secret=$name" "$version" - 2>&1 >/dev/null) ||
    die "secret $name: $(cut -c 1-500 <<<"$problem")"
  say "stored secret $version"
}

# point makes the given versions the current ones.
point() {
  local current number=0 name numbers
  current=$(printf '%s' "$input" | jq -cS 'map({(.name): .version}) | add // {}')
  mapfile -t numbers < <(dk config ls --filter "label=$label" --format '{{.Name}}' | sed "s/^$record-//" | sort -n)
  if ((${#numbers[@]} > 0)); then
    number=${numbers[-1]}
    if [[ $(dk config inspect --format '{{json .Spec.Data}}' "$record-$number" | jq -r '@base64d') == "$current" ]]; then
      return
    fi
  fi
  dk config create --label "$label=$((number + 1))" "$record-$((number + 1))" - <<<"$current" >/dev/null ||
    die "docker config create $record-$((number + 1)) failed"
  for number in "${numbers[@]}"; do
    name=$record-$number
    dk config rm "$name" >/dev/null 2>&1 || say "could not remove the former record $name"
  done
}

main() {
  local input i count
  input=$(cat)
  count=$(field length)
  for ((i = 0; i < count; i++)); do
    store "$i"
  done
  point
}

alone
