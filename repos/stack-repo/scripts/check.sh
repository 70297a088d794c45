#!/usr/bin/env bash
# Finds out before a deployment whether there is something to deploy: the stack
# file is valid, and the registry has the application's image that it names.
#
#   IMAGE       repository of the application's image; other images are not asked for
#   STACK_FILE  the file (default stack.yml)
#
# The values of variables that have no default are on the manager. Where the file is
# not valid without them, this script cannot tell, and leaves it to the manager, which
# reads the file before it deploys.
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

# takes_values tells whether the file has variables without a default.
# shellcheck disable=SC2016 # the dollar signs of the file
takes_values() { grep -Eq '(^|[^$])(\$\$)*\$([A-Za-z_]|\{[A-Za-z_][A-Za-z0-9_]*(\}|:?\?))' "$file"; }

if ! config=$(env -i PATH="$PATH" HOME="$HOME" docker stack config --compose-file "$file" 2>&1); then
  takes_values || fail "$file is not valid: $config"
  echo "check: the manager has the values of the variables in $file, and checks it; without them: $config"
  exit 0
fi
[[ -n ${IMAGE:-} ]] || exit 0
while read -r image; do
  [[ $image =~ ^"$IMAGE"(:[^/:@]+)?(@.+)?$ ]] || continue
  if ! answer=$(timeout 60 docker manifest inspect "$image" 2>&1 >/dev/null); then
    fail "the registry does not have $image: ${answer##*$'\n'}"
  fi
  echo "check: $image is there"
done < <(sed -n 's/^ *image: *//p' <<<"$config" | sort -u)
