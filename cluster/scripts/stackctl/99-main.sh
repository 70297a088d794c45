#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# The command line.

# door is what the deploy key can do. sshd passes on what the client asked for,
# whether it wanted a command, a shell or a file transfer; nothing of it is ever
# evaluated.
door() {
  local asked=${SSH_ORIGINAL_COMMAND-}
  if [[ $asked =~ ^(deploy|status|rollback)\ ([a-z][a-z0-9_-]{0,39})$ ]]; then
    stack=${BASH_REMATCH[2]}
    need_manager
    case ${BASH_REMATCH[1]} in
      deploy) deploy stack-repo '' no yes ;;
      status) status ;;
      rollback) rollback ;;
    esac
    return
  fi
  refuse "this key can run 'deploy STACK' with a stack file on standard input, 'status STACK' and 'rollback STACK', and nothing else"
}

main() {
  local verb=${1-} from=stack-repo token='' take_over=no stack=''
  (($# == 0)) || shift
  [[ $verb =~ ^(deploy|trust|status|rollback|reconcile|remove|idle|ssh)$ ]] || refuse "$usage"
  [[ $verb != deploy ]] || from=pulumi
  while (($# > 0)); do
    case $verb:$1 in
      deploy:--from) from=${2-} && shift ;;
      deploy:--token) token=${2-} && shift ;;
      deploy:--take-over) take_over=yes ;;
      *:-*) refuse "$verb does not know $1"$'\n'"$usage" ;;
      *)
        [[ -z $stack ]] || refuse "$usage"
        stack=$1
        ;;
    esac
    shift || break
  done
  [[ $verb != deploy || $from =~ ^(pulumi|stack-repo)$ ]] || refuse "--from is pulumi or stack-repo, not '$from'"
  [[ $token =~ ^[A-Za-z0-9_.-]{0,80}$ ]] || refuse "--token is up to 80 letters, digits, dots, dashes and underscores"
  start_work
  if [[ $verb == ssh ]]; then
    door
    return
  fi
  if [[ $verb == reconcile && -z $stack ]]; then
    reconcile_all
    return
  fi
  if [[ $verb == idle ]]; then
    [[ -z $stack ]] || refuse "$usage"
    idle
    return
  fi
  [[ -n $stack ]] || refuse "$usage"
  check_name "$stack"
  need_manager
  case $verb in
    deploy) deploy "$from" "$token" "$take_over" no ;;
    *) "$verb" ;;
  esac
}

main "$@"
