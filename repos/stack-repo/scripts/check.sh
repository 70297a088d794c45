#!/usr/bin/env bash
# Finds out before a deployment whether there is something to deploy: the stack
# file is valid, and the registry has the application's image that it names.
#
#   IMAGE       repository of the application's image; other images are not asked for
#   STACK_FILE  the file (default stack.yml)
#
# The registry's login is docker's own, from an earlier `docker login`. In a
# workflow what is wrong goes to the job summary too.
set -euo pipefail

file=${STACK_FILE:-stack.yml}

fail() {
  echo "check: $1" >&2
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || printf '### Not deployed: %s\n' "${1//$'\n'/ }" >>"$GITHUB_STEP_SUMMARY"
  exit 1
}

if ! config=$(env -i PATH="$PATH" HOME="$HOME" docker stack config --compose-file "$file" 2>&1); then
  fail "$file is not valid: $config"
fi
[[ -n ${IMAGE:-} ]] || exit 0
while read -r image; do
  [[ $image =~ ^"$IMAGE"(:[^/:@]+)?(@.+)?$ ]] || continue
  if ! answer=$(timeout 60 docker manifest inspect "$image" 2>&1 >/dev/null); then
    fail "the registry does not have $image: ${answer##*$'\n'}"
  fi
  echo "check: $image is there"
done < <(sed -n 's/^ *image: *//p' <<<"$config" | sort -u)
