#!/usr/bin/env bash
# Deploys the stack file and waits until it runs. Green means running: the
# manager's stackctl answers with a failure, and with the reason, when a service
# does not come up, and has put the last good release back by then.
#
#   MANAGER_IP        address of a manager
#   MANAGER_HOST_KEY  its public host key, "ssh-ed25519 AAAA..."; no other is spoken to
#   SSH_PRIVATE_KEY   the deploy key itself, not a path
#   SSH_USER          its account (default deploy)
#   STACK_NAME        the Docker stack (default aver)
#   STACK_FILE        the file to deploy (default stack.yml)
#   DEPLOY_SECONDS    how long it may take (default 1700)
#
# In a workflow the result goes to the job summary too.
set -euo pipefail

: "${MANAGER_IP:?the address of a manager}"
: "${MANAGER_HOST_KEY:?the public host key of that manager}"
: "${SSH_PRIVATE_KEY:?the deploy key}"
user=${SSH_USER:-deploy}
stack=${STACK_NAME:-aver}
file=${STACK_FILE:-stack.yml}
seconds=${DEPLOY_SECONDS:-1700}
[[ -s $file ]] || { echo "deploy: there is no stack file $file" >&2; exit 2; }

# The key lies in a file for as long as ssh needs it, readable by nobody else.
umask 077
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
printf '%s\n' "$SSH_PRIVATE_KEY" >"$private/key"
printf '%s %s\n' "$MANAGER_IP" "$MANAGER_HOST_KEY" >"$private/known_hosts"
unset SSH_PRIVATE_KEY

echo "deploy: $file to stack $stack"
status=0
# The manager runs one command for this key, whatever is asked for; the words
# say which of its three. -F none: nobody's ssh_config counts.
timeout --kill-after=10 "$seconds" ssh -F none -T \
  -i "$private/key" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
  -o UserKnownHostsFile="$private/known_hosts" -o GlobalKnownHostsFile=none \
  -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519 \
  -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=8 \
  "$user@$MANAGER_IP" "deploy $stack" <"$file" 2>&1 | tee "$private/log" || status=${PIPESTATUS[0]}

# What became of the stack is stackctl's to say, and its last line does.
said=$(sed -n 's/^stackctl: //p' "$private/log" | tail -n 1 | cut -c 1-300)
case $status:$said in
  0:*) verdict="Deployed: every service of $stack runs what $file says." ;;
  124:* | 137:*) verdict="Not deployed: no answer within $seconds s; the deployment may still be under way on the manager." ;;
  255:) verdict="Not deployed: the manager could not be reached or is not the one that it should be." ;;
  255:*) verdict="Not known: the connection to the manager broke; the deployment may still be under way there." ;;
  *:"$stack: the deployment failed; release "*" runs again") verdict="Not deployed: ${said##*; }, the last good release of $stack." ;;
  *:) verdict="Not deployed: the manager did not say what became of $stack." ;;
  *) verdict="Failed: $said" ;;
esac
echo "deploy: $verdict"
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
  {
    echo "### $verdict"
    echo
    # Indented, not fenced: nothing in the log ends the block.
    tail -n 60 "$private/log" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^/    /'
  } >>"$GITHUB_STEP_SUMMARY"
fi
exit "$status"
