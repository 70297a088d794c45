#!/usr/bin/env bash
# Finds out before a deployment whether there is something to deploy: the stack
# file is valid, and the registry has the application's image that it names.
#
#   IMAGE       repository of the application's image; other images are not asked for
#   STACK_FILE  the file (default stack.yml)
#
# The registry's login is docker's own, from an earlier `docker login`.
set -euo pipefail

file=${STACK_FILE:-stack.yml}
if ! config=$(env -i PATH="$PATH" HOME="$HOME" docker stack config --compose-file "$file" 2>&1); then
  echo "check: $file is not valid: $config" >&2
  exit 1
fi
[[ -n ${IMAGE:-} ]] || exit 0
while read -r image; do
  if ! answer=$(timeout 60 docker manifest inspect "$image" 2>&1 >/dev/null); then
    echo "check: the registry does not have $image: ${answer##*$'\n'}" >&2
    exit 1
  fi
  echo "check: $image is there"
done < <(sed -n 's/^ *image: *//p' <<<"$config" | grep -F "$IMAGE" | sort -u)
