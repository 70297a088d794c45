#!/usr/bin/env bash
# Spreads tasks over the nodes again when a node is new; runs on a manager. Argument: the
# node's name. stackctl decides which tasks can be spread, and whether that helps.

main() {
  local status=0
  bounded 3600 stackctl rebalance || status=$?
  case $status in
    0) ;;
    3) die "tasks are not spread over it yet: a deployment is running; the next 'pulumi up' does it" ;;
    124) die "tasks are not all spread over it after 3600 s; the next 'pulumi up' goes on" ;;
    *) die "tasks are not all spread over it; the lines above say why" ;;
  esac
}

alone
