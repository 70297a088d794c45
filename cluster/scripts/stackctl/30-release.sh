#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# Releases: what ran and was seen running. Each is a Docker config
# STACK-release-N with its number, where it came from and the program's token as
# labels, and as data: file (the stack file as JSON, images by digest), secrets
# (the versions that it ran with) and specs (what Docker made of it, against
# which `status` holds what is live).

# load_releases writes the stack's releases, oldest first, to
# $work/releases.json. A release that came from going back says from which number
# on those before it are withdrawn: they are so from the moment it is there,
# whether or not anybody gets to remove them. Their names go to $work/withdrawn.
load_releases() {
  # Not left to errexit, which is off wherever somebody asks how this ended.
  labelled /configs "averazure.stack=$1" | jq -c '
    map({
      name: .Spec.Name, time: .CreatedAt, number: (.Spec.Labels["averazure.release"] | tonumber),
      from: .Spec.Labels["averazure.from"], token: .Spec.Labels["averazure.token"],
      withdraws: (.Spec.Labels["averazure.withdraws"] // "" | tonumber? // null),
      data: (.Spec.Data | @base64d | fromjson)}) | sort_by(.number)
    | [.[] | select(.withdraws)] as $back
    | map(.number as $n | .withdrawn = any($back[]; $n >= .withdraws and $n < .number))' >"$work/all.json" || return 1
  jq -r '.[] | select(.withdrawn) | .name' "$work/all.json" >"$work/withdrawn"
  jq -c 'map(select(.withdrawn | not))' "$work/all.json" >"$work/releases.json"
}

# current reads a field of the last release; nothing without one.
current() { jq -r "last // empty | $1" "$work/releases.json"; }

# record keeps the release as soon as Docker lets it: FILE FROM TOKEN.
record() { within 60 read_and_keep "$@"; }
read_and_keep() { (load_releases "$stack" && keep_release "$@"); }

# keep_release records the running stack as a release: FILE FROM TOKEN. One that
# only repeats the last takes its place, so that the number of different releases
# to go back to does not shrink.
keep_release() {
  local file=$1 from=$2 token=$3 number name former
  live_services "$stack" >"$work/live.json"
  jq -c --arg prefix "${stack}_" --slurpfile live "$work/live.json" --slurpfile final "$work/final.json" "$normalise"'
    ($live[0] | map({(.Spec.Name | ltrimstr($prefix)): .Spec}) | add // {}) as $specs
    | {
        file: (.services |= with_entries(.value.image = ($specs[.key].TaskTemplate.ContainerSpec.Image // .value.image))),
        secrets: ($final[0].secrets // {} | map_values(.name)),
        specs: ($specs | map_values(normalise))
      }' "$file" >"$work/release.json"
  if jq -e --arg from "$from" --arg token "$token" --slurpfile new "$work/release.json" \
    'last // {} | .from == $from and .token == $token and .data == $new[0]' "$work/releases.json" >/dev/null; then
    return
  fi
  number=$(($(current .number || echo 0) + 1))
  name=$stack-release-$number
  dk_create "$name" "averazure.stack=$stack" "averazure.release=$number" "averazure.from=$from" \
    "averazure.token=$token" "averazure.withdraws=$withdraws" averazure.good=true <"$work/release.json" >/dev/null || die "$stack runs, but its release could not be recorded"
  # What the new one repeats, and what is too old.
  while read -r former; do
    dk config rm "$former" >/dev/null 2>&1 || say "could not remove the release $former"
  done < <(jq -r --slurpfile new "$work/release.json" --argjson keep "$keep_releases" '
    (last // empty | select(.data.file == $new[0].file and .data.secrets == $new[0].secrets) | .name),
    (.[0:-($keep - 1)] | .[].name)' "$work/releases.json" | sort -u)
  load_releases "$stack"
  while read -r former; do
    dk config rm "$former" >/dev/null 2>&1 || say "could not remove the withdrawn release $former"
  done <"$work/withdrawn"
}
