#!/usr/bin/env bash
# Makes stack-repo run an image: sets it in the stack file, commits, pushes. It changes
# nothing if that image, or the image of a later commit, is already set.
#
#   IMAGE        repository of the image, registry included
#   COMMIT       the full SHA of the commit that was built
#   STACK_DIR    a clone of stack-repo whose origin may be pushed to
#   SERVICE      the service of the stack file that runs it, or several: api,worker
#                (default api)
#   STACK_FILE   the stack file in that clone (default stack.yml)
#   BRANCH       the branch that is deployed (default main)
#   ATTEMPTS     how often to try when others push at the same time (default 8)
#
# Run it in a full clone of code-repo, which knows which commit is later. It ends with 0,
# with 1 if a later try may succeed, or with 2 if somebody has to change something first.
# In a workflow the output `code` has the result, and the job summary the reason of a
# failure.
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

# finish ends with a status, a code for programs and a sentence for people.
finish() {
  echo "release: $3" >&2
  [[ -z ${GITHUB_OUTPUT:-} ]] || echo "code=$2" >>"$GITHUB_OUTPUT"
  [[ $1 == 0 || -z ${GITHUB_STEP_SUMMARY:-} ]] || printf '### Not released: %s\n' "${3//$'\n'/ }" >>"$GITHUB_STEP_SUMMARY"
  exit "$1"
}

stack() { LC_ALL=C git -C "$STACK_DIR" -c user.name="${GIT_NAME:-aver-api pipeline}" -c user.email="${GIT_EMAIL:-aver-api@users.noreply.github.com}" "$@"; }

# said tells whether git's last message matches a pattern. The message is printed once.
message=
said() { grep -qiE -- "$1" <<<"$message"; }

# login ends the script if git's message says that the login was refused or may only read.
login() {
  local repair="run pulumi up, or see in code-repo that STACK_REPO_KEY, STACK_REPO_TOKEN or STACK_REPO_APP_KEY is the present one"
  if said 'marked as read only|write access to repository not granted|permission to [^ ]+ denied|deploy key .*read.only|not have write access'; then
    finish 2 login-read-only "the login may read stack-repo and not write to it: give the deploy key write access, or the token and the GitHub App Contents: write; $repair"
  fi
  if said 'permission denied|authentication failed|could not read (username|password)|repository not found|access denied|returned error: 40[13]|host key verification failed'; then
    finish 2 login-refused "the login for stack-repo is not accepted: $repair"
  fi
}

# fetch checks out the branch as it is now.
fetch() {
  if message=$(stack fetch -q origin "$branch" 2>&1); then
    stack checkout -q --detach FETCH_HEAD
    return
  fi
  echo "$message" >&2
  login
  ! said "couldn't find remote ref" || finish 2 branch-missing "stack-repo has no branch $branch"
  finish 1 unreachable "stack-repo could not be read; git's message is above"
}

# named prints, for each service, the tag of our image that it runs, or - if it runs
# another image.
named() {
  local images image
  images=$("$here/set-image.sh" "$STACK_DIR/$file" "$service") ||
    finish 2 stack-file "$file of stack-repo has no image that could be set for $service; the reason is above"
  while read -r image; do
    image=${image%%@*} # others add the digest
    if [[ $image == "$IMAGE":* ]]; then echo "${image#"$IMAGE":}"; else echo -; fi
  done <<<"$images"
}

# later prints the commit that a service runs if ours is an ancestor of it: two pipelines
# may end in the reverse order.
later() {
  local now
  for now in $1; do
    [[ $now =~ ^[0-9a-f]{7,64}$ && $COMMIT != "$now"* ]] || continue
    if git -C "$code" cat-file -e "$now^{commit}" 2>/dev/null; then
      ! git -C "$code" merge-base --is-ancestor "$COMMIT" "$now" || { echo "$now"; return; }
    elif [[ $(git -C "$code" rev-parse --is-shallow-repository) == true ]]; then
      echo shallow
      return
    fi
  done
}

# push pushes the commit. It returns 1 if somebody else pushed first.
push() {
  if message=$(stack push --porcelain origin "HEAD:refs/heads/$branch" 2>&1); then return 0; fi
  echo "$message" >&2
  # git's own summary of the answer, one line for the branch.
  if said '\[rejected\] \((fetch first|non-fast-forward|stale info)\)|\[remote rejected\] \((cannot lock ref|failed to update ref|incorrect old value|failed to lock)'; then
    return 1
  fi
  if said '\[remote rejected\]'; then
    local why
    why=$(sed -n 's/^.*\[remote rejected\] (\(.*\))$/\1/p' <<<"$message" | head -n 1 | tr -d '[:cntrl:]')
    finish 2 branch-protected "$branch of stack-repo may not be pushed to (${why:0:200}): let the login of code-repo bypass the branch's protection or ruleset, or name another branch; the reason is above"
  fi
  login
  finish 1 unreachable "stack-repo could not be pushed to; git's message is above"
}

[[ $COMMIT =~ ^[0-9a-f]{7,64}$ ]] || finish 2 commit "COMMIT is not the SHA of a commit: $COMMIT"
git -C "$code" cat-file -e "$COMMIT^{commit}" 2>/dev/null || finish 2 commit "code-repo's clone has no commit $COMMIT; run it in a full clone (fetch-depth: 0)"

for ((attempt = 1; attempt <= attempts; attempt++)); do
  fetch
  tags=$(named) || exit
  now=$(later "$tags")
  [[ $now != shallow ]] || finish 2 shallow "code-repo's clone is shallow and cannot tell which commit is later; check it out with fetch-depth: 0"
  [[ -z $now ]] || finish 0 later "$file already runs $now, a later commit than $tag"
  [[ -n $(grep -vxF -- "$tag" <<<"$tags" || true) ]] || finish 0 unchanged "$file already names $IMAGE:$tag"
  "$here/set-image.sh" "$STACK_DIR/$file" "$service" "$IMAGE:$tag" ||
    finish 2 stack-file "the image of $service could not be set in $file of stack-repo; the reason is above"
  stack commit -q -m "Run $service $tag" -- "$file"
  if push; then finish 0 released "$file names $IMAGE:$tag in $(stack rev-parse --short HEAD)"; fi
  echo "release: attempt $attempt of $attempts: somebody else pushed first" >&2
  ((attempt < attempts)) || break
  # The wait is random, since two runs that collided would collide again after equal waits.
  sleep "$((attempt < 4 ? attempt : 4)).$((RANDOM % 10))"
done
finish 1 race "others pushed to $branch of stack-repo first in $attempts attempts; run it again"
