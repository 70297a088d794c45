#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# Secrets: a stack file says azure_client_secret, the Swarm has
# azure_client_secret-3f2a…; the Docker config averazure-secrets-N says which
# version is the current one.

# load_versions writes the current version of every secret to
# $work/versions.json, and the config that says so to $work/record.json.
load_versions() {
  labelled /configs averazure.secrets |
    jq -c 'sort_by(.Spec.Labels["averazure.secrets"] | tonumber) | last // {}' >"$work/record.json" || return 1
  jq -c '.Spec.Data // "" | @base64d | fromjson? // {}' "$work/record.json" | grep . >"$work/versions.json" || echo '{}' >"$work/versions.json"
}

# resolve FILE [RECORDED] prints the file as it is deployed: every external
# secret under the name that it has in the Swarm. That is the version recorded
# with a release as long as it is there (so that going back brings back the value
# too), else the current version, also of a secret that the file names by a
# former one, else a secret of just that name. Dollar signs are doubled, since
# Docker expands them once more.
resolve() {
  local file=$1 recorded=${2-} missing
  [[ -n $recorded ]] || recorded='{}'
  api /secrets | jq -c 'map(.Spec.Name)' >"$work/known.json" || exit 1
  load_versions || exit 1
  jq -c --argjson recorded "$recorded" --slurpfile known "$work/known.json" --slurpfile versions "$work/versions.json" '
    def pick($key; $name): [$recorded[$key], $versions[0][$name], $name, $versions[0][$name | sub("-[0-9a-f]{12}$"; "")]]
      | map(select(. != null and IN($known[0][]))) | first // null;
    .secrets = (.secrets // {}) | .secrets |= with_entries(.key as $key | (.value.name // $key) as $name
      | .value.name = (pick($key; $name) // error("secret \($name) is not in the Swarm; averazure:secrets names those that '\''pulumi up'\'' stores")))
    | if .secrets == {} then del(.secrets) else . end
    | (.. | strings) |= gsub("[$]"; "$$")' "$file" 2>"$work/complaints" || {
    missing=$(sed 's/^jq: error (at [^)]*): //' "$work/complaints")
    refuse "$missing"
  }
}

# drop_old_secrets removes versions that are neither current nor used, save those
# that were stored just now and are about to become current. It must not spoil a
# deployment that went well.
drop_old_secrets() {
  local old
  load_versions || return 1
  api /services >"$work/services.json"
  labelled /secrets averazure.secret >"$work/stored.json"
  while read -r old; do
    if dk secret rm "$old" >/dev/null 2>&1; then
      say "removed the former secret $old"
    fi
  done < <(jq -r --slurpfile versions "$work/versions.json" --slurpfile record "$work/record.json" --slurpfile services "$work/services.json" '
    ([$services[0][].Spec.TaskTemplate.ContainerSpec.Secrets[]?.SecretName] + [$versions[0][]]) as $wanted
    | .[] | select(.Version.Index < ($record[0].Version.Index // 0)) | .Spec.Name | select(IN($wanted[]) | not)' "$work/stored.json")
}
