#!/usr/bin/env bash
# Deploys the stack files and waits until they run. Green means running: when a service
# does not come up, the manager's stackctl puts the last good release back, and then
# answers with a failure and its reason. It answers in JSON, which is all that this script
# reads; its sentences are for people. Needs jq.
#
# stack.yml is the stack STACK_NAME, stacks/NAME/stack.yml the stack NAME. Each is sent
# with the files that it names, and is deployed on its own, whatever happens to the
# others; the manager leaves alone what did not change. The manager reads a stack file and
# says which files it names: this script contains no rules about stack files.
#
#   MANAGER_IP        address of a manager
#   MANAGER_HOST_KEY  its public host key, "ssh-ed25519 AAAA..."; no other is accepted
#   MANAGERS          more managers, one a line, "ADDRESS ssh-ed25519 AAAA...": asked in
#                     that order, MANAGER_IP first, until one takes the deployment.
#                     MANAGERS alone is enough too. The output of ssh-keyscan will do
#   SSH_PRIVATE_KEY   the deploy key itself, not a path
#   SSH_USER          its account (default deploy)
#   STACK_NAME        the Docker stack of stack.yml (default aver)
#   STACK_FILE        deploy only this file, or several of one folder with spaces
#                     between, which are merged, to STACK_NAME
#   DEPLOY_SECONDS    how long a stack may take (default 1800)
#   IMAGE             repository of the application's image, which the registry has to
#                     show to this runner; needs docker. Empty: only the manager checks it
#
# It ends with stackctl's status, 0 to 3; with 2 if it deployed nothing because a value,
# the image or this runner is not right; with 124 if there was no answer in time; and with
# 255 if the connection failed or no manager took the deployment. With several stacks, it
# is the status of the first that does not run. In a workflow the output `code` says which
# of these it was, the result is in the job summary too, and stackctl notes the commit and
# who pushed it with the release.
set -euo pipefail

user=${SSH_USER:-deploy}
seconds=${DEPLOY_SECONDS:-1800}
stack='' file=''
status=0 code='' words=''

here=${BASH_SOURCE[0]%/*}
[[ -d $here ]] || here=.
# shellcheck source=managers.sh
source "$here/managers.sh"
# shellcheck source=files.sh
source "$here/files.sh"

# tell reports the result. A summary that cannot be written does not change the result.
tell() {
  echo "deploy: $words"
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || summary >>"$GITHUB_STEP_SUMMARY" || echo "deploy: the job summary could not be written" >&2
}

summary() {
  echo "### $words"
  echo
  # Indented, not fenced: nothing in it ends the block.
  [[ ! -s ${private:-}/others ]] || sed 's/^/    /' "$private/others"
  [[ -s ${private:-}/log || -s ${private:-}/result ]] || return 0
  jq -r '.problems[]? | [.service, .node, .reason] | map(select(. != null and . != "")) | join(": ")' "$private/result" 2>/dev/null |
    cut -c 1-400 | sed 's/^/    /' || true
  tail -n 60 "$private/log" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^/    /'
}

# finish ends with a status and gives its code to later steps of the job.
finish() {
  [[ -z ${GITHUB_OUTPUT:-} ]] || echo "code=$2" >>"$GITHUB_OUTPUT" || true
  exit "$1"
}

# fail ends the script before anything was sent.
fail() {
  code=$1 words="Not deployed: $2"
  tell >&2
  finish 2 "$code"
}

# output prints which output of the Pulumi program has the value of a variable.
output() {
  case $1 in
    MANAGER_IP) echo managerIp ;;
    MANAGER_HOST_KEY) echo managerHostKey ;;
    *) echo deployPrivateKey ;;
  esac
}

# prepare checks the variables, and writes the files that ssh needs. The key's file exists
# only while this script runs, and nobody else can read it.
prepare() {
  local name tool
  [[ -z ${SSH_PRIVATE_KEY:-} ]] || export -n SSH_PRIVATE_KEY # the programs that run here do not get it
  for name in MANAGER_IP MANAGER_HOST_KEY SSH_PRIVATE_KEY; do
    [[ -z ${MANAGERS:-} || $name == SSH_PRIVATE_KEY || -n ${MANAGER_IP:-}${MANAGER_HOST_KEY:-} ]] || continue
    [[ -n ${!name:-} ]] || fail missing "$name is empty; pulumi up writes it for this repository, where averazure:stackRepo names it; by hand it is the output $(output "$name")"
  done
  for tool in jq ssh ssh-keygen tar timeout ${IMAGE:+docker}; do
    command -v "$tool" >/dev/null || fail runner-tool "this runner has no $tool; install it, or run the job on ubuntu-latest"
  done
  managers
  umask 077
  private=$(mktemp -d) || fail runner-disk "this runner has no room in ${TMPDIR:-/tmp}"
  trap 'rm -rf "$private"' EXIT
  # An editor on Windows may have changed its line ends.
  { printf '%s\n' "${SSH_PRIVATE_KEY//$'\r'/}" >"$private/key"; } 2>/dev/null || fail runner-disk "this runner has no room in ${TMPDIR:-/tmp}"
  private_key
  SSH_PRIVATE_KEY=''
}

# private_key checks the key, and says what is wrong with it.
private_key() {
  local said
  if said=$(LC_ALL=C ssh-keygen -y -P '' -f "$private/key" </dev/null 2>&1); then return; fi
  case $SSH_PRIVATE_KEY in
    ssh-* | ecdsa-* | sk-* | *'BEGIN PUBLIC KEY'* | *'BEGIN SSH2 PUBLIC KEY'*)
      fail key-public "SSH_PRIVATE_KEY is the public half of a key; set the private one, which begins with -----BEGIN" ;;
    *'PRIVATE KEY-----'*)
      [[ $said != *'incorrect passphrase'* ]] ||
        fail key-passphrase "SSH_PRIVATE_KEY has a passphrase, which nobody can type here; set a key without one, as pulumi up does"
      fail key-broken "SSH_PRIVATE_KEY is not whole; copy all of it, line by line as it is, from -----BEGIN to the end of -----END" ;;
  esac
  fail key-format "SSH_PRIVATE_KEY is not a private key in OpenSSH's format; it is the key itself, which begins with -----BEGIN, and not a path"
}

# stacks lists the stacks, one a line: its name and its files.
stacks() {
  local one
  if [[ -n ${STACK_FILE:-} ]]; then
    echo "${STACK_NAME:-aver} $STACK_FILE"
    return
  fi
  [[ ! -e stack.yml && -d stacks ]] || echo "${STACK_NAME:-aver} stack.yml"
  for one in stacks/*/stack.yml; do
    [[ ! -e $one ]] || echo "$(basename "$(dirname "$one")") $one"
  done
}

# about prints the flags that say which commit the release is of and who pushed it, if
# each is known in the form that the manager accepts.
about() {
  local words='' revision
  revision=$(git -C "$folder" rev-parse HEAD 2>/dev/null || echo "${GITHUB_SHA:-}")
  [[ ! $revision =~ ^[0-9a-f]{7,64}$ ]] || words+=" --revision $revision"
  [[ ! ${GITHUB_ACTOR:-} =~ ^[][A-Za-z0-9_.@-]{1,80}$ ]] || words+=" --actor $GITHUB_ACTOR"
  echo "$words"
}

# refuse gives up a stack before anything of it is deployed.
refuse() { status=2 code=$1 words="Not deployed: $2"; }

# field prints a value of the result; nothing if there is none.
field() { jq -r "select(type == \"object\") | $1 // empty | tostring | gsub(\"[[:cntrl:]]\"; \" \")" "$private/result" 2>/dev/null | head -n 1 | cut -c 1-400 || true; }

# heard tells whether ssh or stackctl printed a line that matches.
heard() { grep -qE -- "$1" "$private/log"; }

# verdict sets the result of the deployment, in stackctl's words if stackctl answered.
verdict() {
  code=$(field .outcome)
  case $code in
    runs) status=0 words="Deployed: release $(field .release) of $stack runs what $file says." ;;
    put-back) status=1 words="Not deployed: release $(field .release) runs again, the last good release of $stack." ;;
    refused) status=2 words="Refused: $(field .verdict)" ;;
    busy) status=3 words="Not deployed: $(field .verdict)" ;;
    ?*) status=1 words="Failed: $(field .verdict)" ;;
    *)
      if ((status == 124 || status == 137)); then
        status=124 code=no-answer words="Not known: no answer within $seconds s; the deployment may still be under way on the manager."
      elif ((status == 255)); then
        connection
      else
        ((status > 0)) || status=1
        code=silent words="Not known: the manager did not say what became of $stack."
      fi
      if ! echo room 2>/dev/null >"$private/room"; then
        code=runner-disk words="Not known: this runner's disk is full, and the answer was lost; ask with: stackctl status $stack"
      fi
      ;;
  esac
}

# deploy deploys one stack. Its arguments are the stack's name and its files.
deploy() {
  local names=() flags=()
  stack=$1 files=("${@:2}") file="${*:2}" status=0 code=''
  folder=$(dirname "${files[0]}")
  echo "deploy: $file to stack $stack"
  list
  while [[ $code != no-file ]]; do
    rm -f "$private/result" "$private/log"
    choose || break
    status=0 code='' words='' begun=''
    send
    [[ -n $code ]] || verdict
    another || break
  done
  tell
}

main() {
  local all line parts ended=0 first=runs
  mapfile -t all < <(stacks)
  prepare
  for line in "${all[@]}"; do
    read -ra parts <<<"$line"
    deploy "${parts[@]}"
    ((ended != 0 || status == 0)) || { ended=$status && first=$code; }
  done
  finish "$ended" "$first"
}

main
