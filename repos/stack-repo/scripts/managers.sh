# shellcheck shell=bash disable=SC2154,SC2034 # deploy.sh, a part of which this is, has them
# The managers that deploy.sh may go through, and the choice of one of them.

# The managers, the one that is asked, the one that took the deployment, and what is wrong
# with the others. With several managers, a dead one may cost 5 s to connect, and a hung
# one 20 s.
addresses=() keys=() named=()
at=0 chosen='' others='' begun='' connect=20

# managers lists the managers to ask, each once. MANAGERS may be the output of
# ssh-keyscan: comments, and keys of other types beside the one that counts.
managers() {
  local line number=0 all=${MANAGERS:-} host='' passed=() where=() i
  [[ -z ${MANAGER_IP:-} ]] || manager "$(tr -d '[:space:]' <<<"$MANAGER_IP")" "$MANAGER_HOST_KEY" MANAGER_IP
  while read -r line; do
    number=$((number + 1))
    [[ -n $line && $line != '#'* ]] || continue
    plain "${line%%[[:space:]]*}" "line $number of MANAGERS"
    line=${line#*[[:space:]]}
    if [[ $line =~ ^[[:space:]]*(ssh|ecdsa|sk)-[^[:space:]]+[[:space:]]+AAAA && ! $line =~ ^[[:space:]]*ssh-ed25519[[:space:]] ]]; then
      passed+=("$host") where+=("line $number of MANAGERS")
    else
      manager "$host" "$line" "line $number of MANAGERS"
    fi
  done <<<"${all//$'\r'/}" # an editor on Windows may have changed its line ends
  for i in ${passed[@]+"${!passed[@]}"}; do
    listed "${passed[i]}" ||
      fail host-key-format "${where[i]} has a key of another type than ssh-ed25519, and no line has that one for the same address; it is in the output managers of the program"
  done
  ((${#addresses[@]} > 0)) || fail missing "MANAGERS has no line; it is the output managers of the program"
  ((${#addresses[@]} == 1)) || connect=5
}

# plain sets host to the address in an entry that known_hosts or ssh-keyscan wrote in its
# own form; of several addresses to the first.
plain() {
  host=${1%%,*}
  case $host in
    '|'*) fail address "$2 has a hashed address, as ssh-keyscan -H writes it; write the address itself" ;;
    @*) fail address "$2 begins with a marker of known_hosts; remove the line, or write it as ADDRESS ssh-ed25519 AAAA..." ;;
  esac
  [[ $host =~ ^\[(.+)\]:([0-9]+)$ ]] || return 0
  ((10#${BASH_REMATCH[2]} == 22)) || fail address "$2 has another port than 22, and managers have no other; remove the line, or write the address without port and brackets"
  host=${BASH_REMATCH[1]}
}

# listed tells whether a manager is listed already.
listed() {
  local one
  for one in ${addresses[@]+"${addresses[@]}"}; do
    [[ $one != "$1" ]] || return 0
  done
  return 1
}

# manager lists an address with its key: the key alone or, from MANAGER_HOST_KEY, lines as
# ssh-keyscan and known_hosts have them.
manager() {
  local key whose=${3/MANAGER_IP/MANAGER_HOST_KEY}
  [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9.:-]*$ && ! $1 =~ ^[^:]+:[0-9]+$ ]] ||
    fail address "$3 is not an address or a name, without account and port, before anything else"
  key=$(grep -vE '^[[:space:]]*[#@]' <<<"${2//$'\r'/}" |
    sed -nE 's/^(.*[[:space:]])?ssh-ed25519[[:space:]]+(AAAA[A-Za-z0-9+\/]+=*)([[:space:]].*)?$/ssh-ed25519 \2/p' | sort -u || true)
  case $key in
    '') fail host-key-format "$whose has no host key of the form 'ssh-ed25519 AAAA...'; pulumi up writes it, by hand it is the output managerHostKey or managers of the program, not a fingerprint and not a key of another type" ;;
    *$'\n'*) fail host-key-format "$whose has several keys of the type ssh-ed25519; keep the one of $3" ;;
  esac
  ! listed "$1" || return 0
  [[ -z ${GITHUB_ACTIONS:-} ]] || echo "::add-mask::$1" # a public log does not show it
  addresses+=("$1") keys+=("$key") named+=("$3")
}

# use selects a manager of the list; only that manager's own key is accepted.
use() {
  at=$1 address=${addresses[$1]} whence=${named[$1]} whose=${named[$1]/MANAGER_IP/MANAGER_HOST_KEY}
  printf '%s %s\n' "$address" "${keys[$1]}" 2>/dev/null >"$private/known_hosts" || fail runner-disk "this runner has no room in ${TMPDIR:-/tmp}"
}

# ask sends the manager a command and standard input. Messages go to the log, the answer
# to the file result. The manager runs one program for this key, whatever is asked for,
# and that program reads the words of the command. -F none: no ssh_config is used.
ask() {
  LC_ALL=C timeout --kill-after=10 "$seconds" ssh -F none -T \
    -i "$private/key" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
    -o UserKnownHostsFile="$private/known_hosts" -o GlobalKnownHostsFile=none \
    -o StrictHostKeyChecking=yes -o HostKeyAlgorithms=ssh-ed25519 \
    -o ConnectTimeout="$connect" -o ServerAliveInterval=15 -o ServerAliveCountMax=8 \
    "$user@$address" "$*" 2>&1 >"$private/result" | tee "$private/log"
  return "${PIPESTATUS[0]}"
}

# look fails if a manager cannot take a deployment, and says why: it does not answer, is
# not a manager any more, or has no quorum. stackctl takes 10 s for that at most.
look() {
  local seconds=20
  status=0 code=''
  ask status "$stack" --json </dev/null || status=$?
  ((status != 0)) || return 0
  verdict
  [[ $code != failed ]] || code=$(field '.problems[0].code')
  [[ $code != no-answer ]] || words="Not deployed: it takes the connection and does not answer within $seconds s."
  return 1
}

# choose selects the first manager that can take the deployment; a single manager is not
# asked. If those that answer have no leader yet, it selects the first of them, since
# stackctl waits for a leader. A wrong host key ends the search: that is not an outage,
# and somebody must look.
choose() {
  local patient='' count=${#addresses[@]}
  ((count > 1)) || { use 0 && return; }
  [[ $chosen != "$at" ]] || return 0
  for (( ; at < count; at++)); do
    use "$at"
    if look; then
      echo "deploy: manager $((at + 1)) of $count, $address, takes it"
      chosen=$at
      return
    fi
    leave "does not take it"
    [[ $code != host-key* ]] || return 1
    [[ $code != no-quorum && $code != docker ]] || patient=${patient:-$at}
  done
  if [[ -n $patient ]]; then
    use "$patient"
    chosen=$at
    echo "deploy: no manager can take it at once; manager $((at + 1)), $address, gets it and waits"
    return
  fi
  status=255 code=no-manager words="Not deployed: none of $count managers takes it (${others#, }); each one's reason is above. Start one (az vm start), or run pulumi up, which writes their addresses and keys."
  return 1
}

# leave notes what is wrong with a manager.
leave() {
  echo "deploy: manager $((at + 1)) of ${#addresses[@]}, $address, $1 ($code): ${words#*: }" | tee -a "$private/others"
  others+=", $((at + 1)) $code"
}

# another selects the next manager if this one certainly did nothing, since there was no
# connection or the request for the files was not answered. A deployment that broke off is
# not begun again: the other managers finish it or put it back, and a second one could be
# in the way of what somebody deploys after it.
another() {
  ((status == 255 && ${#addresses[@]} > 1)) && [[ $code != host-key* && ($code != broken || -z $begun) ]] || return
  leave "is gone"
  at=$((at + 1))
}

# connection finds out from ssh's messages why there was no connection, or why it ended.
connection() {
  code=broken words="Not known: the connection to the manager broke; the deployment may still be under way there. Run it again: the manager that takes it waits for that one, or takes it over where it died."
  if heard '^stackctl: '; then return; fi
  if heard 'Permission denied \(|Too many authentication failures'; then
    code=login-refused words="Not deployed: $address is the right manager and does not take the key for $user; SSH_PRIVATE_KEY or SSH_USER is not the present one, and pulumi up writes both."
  elif heard 'Host key verification failed|no matching host key type'; then
    if ssh-keygen -lf "$private/known_hosts" >/dev/null 2>&1; then
      code=host-key words="Not deployed: what answers at $address does not have the key of $whose; the manager was rebuilt, and pulumi up writes the new key, or $whence belongs to another host."
    else
      code=host-key-format words="Not deployed: the key of $whose is not whole; pulumi up writes it, by hand it is the output managerHostKey or managers of the program."
    fi
  elif heard 'Could not resolve hostname'; then
    code=no-name words="Not deployed: this runner finds no address for the name $address; $whence is not right, or the runner has no DNS."
  elif heard '^ssh: connect to host .*Connection refused'; then
    code=port-closed words="Not deployed: $address refuses port 22; sshd does not run there, or $whence belongs to another host."
  elif heard '^ssh: connect to host .*([Nn]o route to host|[Nn]etwork is unreachable|Permission denied)'; then
    code=no-route words="Not deployed: this runner cannot reach $address; $whence is not the manager's present address, or the runner has no network."
  elif heard '^ssh: connect to host .*timed out'; then
    code=timed-out words="Not deployed: nothing answers at $address; averazure:sshCidrs does not let this runner in, the manager is stopped, or $whence is not its present address."
  elif heard '^ssh: connect to host |banner exchange|^kex_exchange_identification|^Connection (closed|reset) by .* port [0-9]+|^Unable to negotiate'; then
    code=no-ssh words="Not deployed: $address ended the connection before the login; the manager is starting or under load, so try again, or $whence is not a manager's."
  fi
}
