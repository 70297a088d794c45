#!/usr/bin/env bash
# Sets the image of one service in a stack file and leaves every other byte as
# it is: comments, order, quoting, other services.
#
#   set-image.sh STACK_FILE SERVICE [IMAGE:TAG]
#
# Without an image it prints the one that is there.
set -euo pipefail

[[ $# == 2 || $# == 3 ]] || { echo "usage: set-image.sh STACK_FILE SERVICE [IMAGE:TAG]" >&2; exit 2; }
file=$1 service=$2 image=${3-}
[[ $service =~ ^[A-Za-z0-9._-]+$ ]] || { echo "set image: $service is no service name" >&2; exit 2; }
[[ $# == 2 || $image =~ ^[a-z0-9][A-Za-z0-9._/:@-]*$ ]] || { echo "set image: $image is no image reference" >&2; exit 2; }
[[ -f $file ]] || { echo "set image: there is no $file" >&2; exit 1; }

changed=$(mktemp "${file}.XXXXXX")
trap 'rm -f "$changed"' EXIT
if ! awk -v service="$service" -v image="$image" '
  function indent(line) { match(line, /^ */); return RLENGTH }
  function key(line) { sub(/^ */, "", line); sub(/ *:.*$/, "", line); gsub(/["\047]/, "", line); return line }
  function value(line) { sub(/^ *[^:]*: */, "", line); sub(/[ \t]+#.*$/, "", line); gsub(/["\047]/, "", line); return line }
  /^ *(#|$)/ { if (image != "") print; next }
  indent($0) == 0 { in_services = (key($0) == "services"); in_service = 0; level = 0; if (image != "") print; next }
  in_services && !level { level = indent($0) }
  in_services && indent($0) == level { in_service = (key($0) == service); inner = 0 }
  in_service && indent($0) > level && !inner { inner = indent($0) }
  in_service && indent($0) == inner && key($0) == "image" {
    found++
    if (image == "") { shown = value($0); next }
    comment = match($0, /[ \t]+#.*$/) ? substr($0, RSTART) : ""
    $0 = sprintf("%" inner "simage: %s%s", "", image, comment)
  }
  image != "" { print }
  END { if (shown != "") print shown; exit found == 1 ? 0 : 3 }
' "$file" >"$changed"; then
  echo "set image: $file has no service $service with an image of its own line" >&2
  exit 1
fi
if [[ $# == 2 ]]; then
  cat "$changed"
  exit 0
fi
# Written through, not moved: the mode and the owner stay.
cmp -s "$changed" "$file" || cat "$changed" >"$file"
