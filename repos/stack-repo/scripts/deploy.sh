#!/usr/bin/env bash
# Deploys the stack file and waits until it runs. Green means running: the
# manager's stackctl answers with a failure, and with the reason, when a service
# does not come up, and has put the last good release back by then. It answers in
# JSON, which is all that is read here; its sentences are for people. Needs jq.
#
#   MANAGER_IP        address of a manager
#   MANAGER_HOST_KEY  its public host key, "ssh-ed25519 AAAA..."; no other is spoken to
#   SSH_PRIVATE_KEY   the deploy key itself, not a path
#   SSH_USER          its account (default deploy)
#   STACK_NAME        the Docker stack (default aver)
#   STACK_FILE        the file to deploy (default stack.yml)
#   DEPLOY_SECONDS    how long it may take (default 1800)
#
# In a workflow the result goes to the job summary too, and stackctl notes the commit
# and who pushed it with the release.
set -euo pipefail

: "${MANAGER_IP:?the address of a manager}"
: "${MANAGER_HOST_KEY:?the public host key of that manager}"
: "${SSH_PRIVATE_KEY:?the deploy key}"
user=${SSH_USER:-deploy}
stack=${STACK_NAME:-aver}
file=${STACK_FILE:-stack.yml}
seconds=${DEPLOY_SECONDS:-1800}
[[ -s $file ]] || { echo "deploy: there is no stack file $file" >&2; exit 2; }

# fail ends before anything was sent.
fail() {
  echo "deploy: $1" >&2
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || echo "### Not deployed: $1" >>"$GITHUB_STEP_SUMMARY"
  exit 2
}

# The key lies in a file for as long as ssh needs it, readable by nobody else. An
# editor on Windows may have changed its line ends.
umask 077
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
printf '%s\n' "${SSH_PRIVATE_KEY//$'\r'/}" >"$private/key"
printf '%s %s\n' "$MANAGER_IP" "${MANAGER_HOST_KEY//$'\r'/}" >"$private/known_hosts"
unset SSH_PRIVATE_KEY
ssh-keygen -y -P '' -f "$private/key" </dev/null >/dev/null 2>&1 ||
  fail "SSH_PRIVATE_KEY is not a private key without a passphrase; copy the whole of it, line by line as it is"

# What the release is of, where that is known in the form that the manager takes.
request="deploy $stack --json"
revision=$(git -C "$(dirname "$file")" rev-parse HEAD 2>/dev/null || echo "${GITHUB_SHA:-}")
[[ ! $revision =~ ^[0-9a-f]{7,64}$ ]] || request+=" --revision $revision"
[[ ! ${GITHUB_ACTOR:-} =~ ^[][A-Za-z0-9_.@-]{1,80}$ ]] || request+=" --actor $GITHUB_ACTOR"

echo "deploy: $file to stack $stack"
status=0
# The manager runs one command for this key, whatever is asked for, and reads the
# words that it is sent. -F none: nobody's ssh_config counts.
LC_ALL=C timeout --kill-after=10 "$seconds" ssh -F none -T \
  -i "$private/key" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
  -o UserKnownHostsFile="$private/known_hosts" -o GlobalKnownHostsFile=none \
  -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519 \
  -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=8 \
  "$user@$MANAGER_IP" "$request" <"$file" 2>&1 >"$private/result" | tee "$private/log" || status=${PIPESTATUS[0]}

# field reads the result; empty where there is none.
field() { jq -r "select(type == \"object\") | $1 // empty | tostring | gsub(\"[[:cntrl:]]\"; \" \")" "$private/result" 2>/dev/null | head -n 1 | cut -c 1-400 || true; }

# heard tells whether ssh, or stackctl, said something.
heard() { grep -q -- "$1" "$private/log"; }

outcome=$(field .outcome)
case $outcome in
  runs) status=0 verdict="Deployed: release $(field .release) of $stack runs what $file says." ;;
  put-back) status=1 verdict="Not deployed: release $(field .release) runs again, the last good release of $stack." ;;
  refused) status=2 verdict="Refused: $(field .verdict)" ;;
  busy) status=3 verdict="Not deployed: $(field .verdict)" ;;
  ?*) status=1 verdict="Failed: $(field .verdict)" ;;
  *)
    if ((status == 124 || status == 137)); then
      verdict="Not known: no answer within $seconds s; the deployment may still be under way on the manager."
    elif ((status != 255)); then
      ((status > 0)) || status=1
      verdict="Not known: the manager did not say what became of $stack."
    elif heard '^stackctl: '; then
      verdict="Not known: the connection to the manager broke; the deployment may still be under way there."
    elif heard 'Permission denied'; then
      verdict="Not deployed: $MANAGER_IP is the right manager and does not take the key for $user; SSH_PRIVATE_KEY or SSH_USER is not the present one."
    elif heard 'Host key verification failed'; then
      verdict="Not deployed: what answers at $MANAGER_IP does not have the key MANAGER_HOST_KEY; the manager was rebuilt, or it is another machine."
    else
      verdict="Not deployed: the manager could not be reached at $MANAGER_IP."
    fi
    ;;
esac
echo "deploy: $verdict"
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
  {
    echo "### $verdict"
    echo
    # Indented, not fenced: nothing in it ends the block.
    jq -r '.problems[]? | [.service, .node, .reason] | map(select(. != null)) | join(": ")' "$private/result" 2>/dev/null |
      cut -c 1-400 | sed 's/^/    /' || true
    tail -n 60 "$private/log" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^/    /'
  } >>"$GITHUB_STEP_SUMMARY"
fi
exit "$status"
