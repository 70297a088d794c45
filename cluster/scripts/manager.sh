#!/usr/bin/env bash
# Installs what deploys on a manager: stackctl, the login at the registry that
# the nodes pull with, and the deploy user, whose only possible command is
# `stackctl ssh`. Argument: the manager's name. Input, JSON: stackctl (the
# script), deployUser, deployKey, registry {server, username, token}.

stackctl=/usr/local/sbin/stackctl
state_dir=/var/lib/averazure

install_stackctl() {
  field .stackctl | place 0755 "$stackctl"
}

# make_deploy_user: everything of the user belongs to root, so that a login could
# not change what a login may do. The password '*' can never match.
make_deploy_user() {
  local user key home problem
  user=$(field .deployUser)
  key=$(field .deployKey)
  home=$state_dir/$user
  [[ $key =~ ^ssh-[a-z0-9-]+\ [A-Za-z0-9+/=]+(\ [^[:cntrl:]]*)?$ ]] || die "the deploy key is no public SSH key"
  if ! id "$user" >/dev/null 2>&1; then
    problem=$(useradd --system --home-dir "$home" --no-create-home --shell /bin/sh --password '*' "$user" 2>&1) ||
      die "the deploy user cannot be made: $(tail -n 1 <<<"$problem" | cut -c 1-300)"
  fi
  install -d -m 0755 "$state_dir" "$home" "$home/.ssh"
  # The sudoers file first: a key without it would only meet a password prompt.
  printf 'Defaults!%s env_keep += "SSH_ORIGINAL_COMMAND", !use_pty, !requiretty\n%s ALL=(root) NOPASSWD: %s ssh\n' \
    "$stackctl" "$user" "$stackctl" | place 0440 /etc/sudoers.d/averazure-deploy
  visudo --check --quiet --file /etc/sudoers.d/averazure-deploy ||
    { rm -f /etc/sudoers.d/averazure-deploy && die "sudo refuses the rule for $user"; }
  printf 'restrict,command="sudo -n %s ssh" %s\n' "$stackctl" "$key" | place 0644 "$home/.ssh/authorized_keys"
}

# log_in_to_registry keeps the login where Docker keeps it, in root's own
# configuration: `docker stack deploy --with-registry-auth` hands it to the nodes.
log_in_to_registry() {
  local server username problem attempt
  server=$(field .registry.server)
  username=$(field '.registry.username // ""')
  if [[ -z $username || -z $(field '.registry.token // ""') ]]; then
    return
  fi
  for attempt in 1 2 3; do
    problem=$(printf '%s' "$input" | jq -j .registry.token |
      bounded 60 docker login --username "$username" --password-stdin "$server" 2>&1 >/dev/null) && break
    [[ $attempt -lt 3 ]] || die "login at registry $server as $username: $(cut -c 1-500 <<<"$problem")"
    sleep $((attempt * 3))
  done
  chmod 0600 "$HOME/.docker/config.json"
}

main() {
  local input
  input=$(cat)
  install_stackctl
  make_deploy_user
  log_in_to_registry
}

alone
