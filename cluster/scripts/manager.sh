#!/usr/bin/env bash
# Prepares a manager for deployments: installs stackctl and its agent, the key that opens
# encrypted secrets of stack files, the login at the registry that the nodes pull
# with, and the deploy user, whose only command is `stackctl ssh`. Removes what an
# earlier configuration installed.
# Argument: the manager's name. Input, JSON: stackctl {upload, sha256}, settings
# (for stackctl), unit (of the agent), secretsKey, deployUser, deployKey,
# registry {server, username, token}, and backup {service, timer} where it makes backups.

node=${1:?the name of the manager}
stackctl=/usr/local/sbin/stackctl
settings=/etc/averazure/stackctl.json
secrets_key=/etc/averazure/secrets.key
unit=/etc/systemd/system/stackctl-agent.service
backup_unit=/etc/systemd/system/stackctl-backup.service
backup_timer=/etc/systemd/system/stackctl-backup.timer
rule=/etc/sudoers.d/averazure-deploy
state_dir=/var/lib/averazure
# The notes of what the agent was started with, and of the registries at which this script
# logged root in. They are no user's home: a user's name has no dot.
started=$state_dir/agent.started
logins=$state_dir/registry.logins

checksum() { sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1; }

# install_stackctl replaces the former program with the one that was copied to the login's
# home, in one step and only if it has the expected checksum. A deployment under way keeps
# running the file that it has open.
install_stackctl() {
  local wanted sent
  wanted=$(field .stackctl.sha256)
  [[ $(checksum "$stackctl") != "$wanted" ]] || return 0
  sent=$(getent passwd | awk -F: -v user="${SUDO_USER:?}" '$1 == user { print $6 }')/$(field .stackctl.upload)
  install -D -m 0755 "$sent" "$stackctl.new" || die "stackctl was not copied to $sent; 'pulumi up --replace \"**$node-upload\"' does it again"
  if [[ $(checksum "$stackctl.new") != "$wanted" ]]; then
    rm -f "$stackctl.new"
    die "$sent is not the stackctl that was compiled (a run in the same directory may have changed it meanwhile); 'pulumi up --replace \"**$node-upload\"' copies it again"
  fi
  sync "$stackctl.new"
  mv -f "$stackctl.new" "$stackctl"
}

# start_agent restarts the agent for a new program, settings or unit, and starts it where
# it does not run. Deployments are separate processes and continue. The note of what it
# was started with is written last, so that the next run repeats an interrupted one.
start_agent() {
  local now
  now=$(cat "$stackctl" "$settings" "$unit" | sha256sum)
  if [[ $(cat "$started" 2>/dev/null) == "$now" ]] && bounded 20 systemctl is-active --quiet stackctl-agent; then
    return
  fi
  bounded 60 systemctl daemon-reload || die "systemctl daemon-reload failed"
  bounded 60 systemctl enable --quiet stackctl-agent || die "systemctl enable stackctl-agent failed"
  if ! bounded 90 systemctl restart stackctl-agent >/dev/null 2>&1; then
    say "stackctl-agent does not start; its last lines:"
    bounded 20 journalctl -u stackctl-agent -n 20 --no-pager -o cat 2>&1 | excerpt 15
    exit 1
  fi
  place 0600 "$started" <<<"$now"
}

# schedule_backups starts or stops the nightly backups.
schedule_backups() {
  if [[ -z $(field '.backup.timer // ""') ]]; then
    [[ -e $backup_timer ]] || return 0
    bounded 60 systemctl disable --quiet --now "${backup_timer##*/}" || die "systemctl disable ${backup_timer##*/} failed"
    rm -f "$backup_timer" "$backup_unit"
    bounded 60 systemctl daemon-reload || die "systemctl daemon-reload failed"
    return
  fi
  field .backup.service | place 0644 "$backup_unit"
  field .backup.timer | place 0644 "$backup_timer"
  bounded 60 systemctl daemon-reload || die "systemctl daemon-reload failed"
  bounded 60 systemctl enable --quiet --now "${backup_timer##*/}" || die "systemctl enable ${backup_timer##*/} failed"
}

# ours lists the accounts that this script made: only they have their homes here, so
# /etc/passwd is the record.
ours() { getent passwd | awk -F: -v dir="$state_dir" '$6 == dir "/" $1 { print $1 }'; }

# make_deploy_user makes root the owner of all the user's files, so that a login cannot
# change what a login may do. The password '*' can never match.
make_deploy_user() {
  local user key home problem
  user=$(field .deployUser)
  key=$(field .deployKey)
  home=$state_dir/$user
  [[ $key =~ ^ssh-[a-z0-9-]+\ [A-Za-z0-9+/=]+(\ [^[:cntrl:]]*)?$ ]] || die "the deploy key is not a public SSH key"
  if ! grep -qxF "$user" <<<"$(ours)"; then
    problem=$(useradd --system --home-dir "$home" --no-create-home --shell /bin/sh --password '*' "$user" 2>&1) ||
      die "the deploy user cannot be made: $(tail -n 1 <<<"$problem" | cut -c 1-300)"
  fi
  install -d -m 0755 "$state_dir" "$home" "$home/.ssh"
  # The rule first: without it the key would only lead to a password prompt. sudo ignores
  # files with a dot in their names, so a rule that it would refuse never takes effect.
  printf 'Defaults!%s env_keep += "SSH_ORIGINAL_COMMAND", !use_pty, !requiretty\n%s ALL=(root) NOPASSWD: %s ssh\n' \
    "$stackctl" "$user" "$stackctl" | install -D -m 0440 /dev/stdin "$rule.new"
  problem=$(visudo --check --file "$rule.new" 2>&1) ||
    { rm -f "$rule.new" && die "sudo refuses the rule for $user: $(tail -n 1 <<<"$problem" | cut -c 1-300)"; }
  mv -f "$rule.new" "$rule"
  printf 'restrict,command="sudo -n %s ssh" %s\n' "$stackctl" "$key" | place 0644 "$home/.ssh/authorized_keys"
}

# remove_former_users removes the accounts that are no longer configured. Their keys are
# removed first, and the next run completes an interrupted one as long as the account
# exists. A deployment that one of them has started continues: it runs as root.
remove_former_users() {
  local user former problem
  user=$(field .deployUser)
  for former in $(ours); do
    [[ $former != "$user" ]] || continue
    rm -rf "${state_dir:?}/$former"
    problem=$(userdel --force "$former" 2>&1) ||
      die "the former deploy user cannot be removed: $(tail -n 1 <<<"$problem" | cut -c 1-300)"
    say "removed the former deploy user $former"
  done
}

# keep_login keeps the login where Docker keeps it, in root's own configuration: `docker
# stack deploy --with-registry-auth` hands it to the nodes. The registry is noted before
# the login, so that a later run can log out of it. A login that somebody made by hand is
# not in the note and stays. So does the login to a registry whose images services still
# run: if the deployment that is to move them fails, the nodes pull the earlier images
# from there.
keep_login() {
  local configured server='' former kept=()
  configured=$(field .registry.server)
  if [[ -n $(field '.registry.username // ""') && -n $(field '.registry.token // ""') ]]; then
    server=$configured
  fi
  { cat "$logins" 2>/dev/null || true; echo "$server"; } | sort -u | place 0600 "$logins"
  [[ -z $server ]] || log_in "$server" "$(field .registry.username)"
  for former in $(<"$logins"); do
    if [[ $former == "$server" ]]; then
      continue
    elif [[ $former != "$configured" ]] && supplies "$former"; then
      kept+=("$former")
      say "stays logged in to $former, since services run images of it; 'docker logout $former' when none does"
    else
      log_out "$former"
    fi
  done
  printf '%s\n' "$server" "${kept[@]}" | place 0600 "$logins"
}

# supplies tells whether a service runs an image of the registry. If Docker does not
# answer, it assumes so.
supplies() {
  local images
  images=$(dk service ls --format '{{.Image}}' 2>/dev/null) || return 0
  # Docker leaves out the name of its own registry.
  if [[ $1 == docker.io ]]; then
    [[ -n $images ]] && grep -Evq '^(localhost|[^/]*[.:][^/]*)/' <<<"$images"
  else
    [[ $'\n'$images == *$'\n'"$1/"* ]]
  fi
}

log_in() {
  local server=$1 username=$2 problem attempt
  for attempt in 1 2 3; do
    problem=$(printf '%s' "$input" | jq -j .registry.token |
      bounded 60 docker login --username "$username" --password-stdin "$server" 2>&1 >/dev/null) && break
    if ((attempt == 3)) || ! in_time; then
      die "login at registry $server as $username: $(cut -c 1-500 <<<"$problem")"
    fi
    sleep $((attempt * 3))
  done
  chmod 0600 "$HOME/.docker/config.json"
}

# log_out names no server for Docker Hub: `docker login` turns docker.io into the name
# under which it keeps that login, and `docker logout` does not.
log_out() {
  local server=("$1") said
  [[ $1 != docker.io ]] || server=()
  # Docker does not count a warning as a failure.
  if ! said=$(dk logout "${server[@]}" 2>&1) || [[ $said == *WARNING* ]]; then
    die "docker logout $1: $(tail -n 1 <<<"$said" | cut -c 1-300)"
  fi
  say "logged out of the registry $1"
}

main() {
  local input
  input=$(cat)
  install_stackctl
  field .settings | place 0644 "$settings"
  field .secretsKey | place 0600 "$secrets_key"
  field .unit | place 0644 "$unit"
  make_deploy_user
  remove_former_users
  keep_login
  start_agent
  schedule_backups
}

alone
