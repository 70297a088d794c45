#!/usr/bin/env bash
# Makes stack-repo run an image: sets it in the stack file, commits, pushes.
# Nothing happens when it is there already, or when a later commit's image is.
#
#   IMAGE        repository of the image, registry included
#   COMMIT       the full SHA of the commit that was built
#   STACK_DIR    a clone of stack-repo whose origin may be pushed to
#   SERVICE      the service of the stack file (default api)
#   STACK_FILE   the stack file in that clone (default stack.yml)
#   BRANCH       the branch that is deployed (default main)
#   ATTEMPTS     how often to try when others push at the same time (default 8)
#
# Run it in a full clone of code-repo, which knows which commit is later.
set -euo pipefail

: "${IMAGE:?the image repository, such as ghcr.io/your-org/aver-api}"
: "${COMMIT:?the full SHA of the commit}"
: "${STACK_DIR:?a clone of stack-repo}"
service=${SERVICE:-api}
file=${STACK_FILE:-stack.yml}
branch=${BRANCH:-main}
attempts=${ATTEMPTS:-8}
here=$(cd "$(dirname "$0")" && pwd)
code=$(cd "$here/.." && pwd)
tag=${COMMIT:0:7}

stack() { git -C "$STACK_DIR" -c user.name="${GIT_NAME:-aver-api pipeline}" -c user.email="${GIT_EMAIL:-aver-api@users.noreply.github.com}" "$@"; }

# released prints the commit in the tag of our image, if the service runs ours.
released() {
  local now
  now=$("$here/set-image.sh" "$STACK_DIR/$file" "$service")
  if [[ $now =~ ^"$IMAGE":([0-9a-f]{7})$ ]]; then echo "${BASH_REMATCH[1]}"; fi
}

# later tells whether the stack file names a commit that has ours in its past:
# two pipelines may end in the other order.
later() {
  local now
  now=$(released)
  [[ -n $now && $now != "$tag" ]] || return 1
  git -C "$code" cat-file -e "$now^{commit}" 2>/dev/null || return 1
  git -C "$code" merge-base --is-ancestor "$COMMIT" "$now" 2>/dev/null
}

for ((attempt = 1; attempt <= attempts; attempt++)); do
  stack fetch -q origin "$branch"
  stack checkout -q --detach FETCH_HEAD
  if later; then
    echo "release: $file already runs $(released), a later commit than $tag"
    exit 0
  fi
  "$here/set-image.sh" "$STACK_DIR/$file" "$service" "$IMAGE:$tag"
  if stack diff --quiet -- "$file"; then
    echo "release: $file already names $IMAGE:$tag"
    exit 0
  fi
  stack commit -q -m "Run $service $tag" -- "$file"
  if stack push -q origin "HEAD:refs/heads/$branch"; then
    echo "release: $file names $IMAGE:$tag in $(stack rev-parse --short HEAD)"
    exit 0
  fi
  echo "release: attempt $attempt of $attempts: somebody else pushed first" >&2
  ((attempt < attempts)) || break
  # Apart by chance, or two that lost to each other meet again.
  sleep "$((attempt < 4 ? attempt : 4)).$((RANDOM % 10))"
done
echo "release: $branch of stack-repo could not be pushed to in $attempts attempts; git's own message is above" >&2
exit 1
