#!/usr/bin/env bash
# The floor: the commands of playbook.yml by plain ssh, all nodes at once, with only the
# checks that a second run needs. Any tool that manages nodes over SSH takes at least this
# long. Arguments: a directory with ssh_config, daemon.json and secrets/NAME, the address
# pool of the Swarm, and the nodes, each as NAME=PRIVATE-ADDRESS, the manager first.
set -euo pipefail

dir=${1:?the directory with ssh_config, daemon.json and secrets}
pool=${2:?the address pool of the Swarm}
manager=${3:?the manager as NAME=PRIVATE-ADDRESS}
nodes=("${@:3}")
workers=("${@:4}")

# on runs shell code as root on a node, which also gets this standard input.
on() { ssh -F "$dir/ssh_config" "${1%%=*}" "sudo -n bash -euc '${2//\'/\'\\\'\'}'"; }

# everywhere runs a function for each argument at once, and fails if one of them does.
everywhere() {
  local action=$1 one pids=() pid
  shift
  for one in "$@"; do
    "$action" "$one" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

install_docker() {
  # shellcheck disable=SC2016 # for the node's shell
  on "$1" '
    cloud-init status --wait >/dev/null </dev/null || (($? == 2))
    install -D -m 0644 /dev/stdin /etc/docker/daemon.json
    ! command -v dockerd >/dev/null || exit 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --no-install-recommends ca-certificates curl docker-cli docker.io jq nftables
    systemctl enable --quiet --now docker' <"$dir/daemon.json" >/dev/null
}

# shellcheck disable=SC2016 # for the node's shell
is_out='[[ $(docker info --format "{{.Swarm.LocalNodeState}}") == inactive ]] || exit 0; '

begin() {
  local address=${1#*=}
  on "$1" "$is_out docker swarm init --advertise-addr $address --listen-addr $address:2377 --default-addr-pool $pool --default-addr-pool-mask-length 24" </dev/null >/dev/null
}

join() {
  on "$1" "$is_out docker swarm join --advertise-addr ${1#*=} --token \"\$(cat)\" ${manager#*=}:2377" <<<"$token" >/dev/null
}

store() {
  on "$manager" "docker secret inspect ${1##*/} >/dev/null 2>&1 || docker secret create ${1##*/} -" <"$1" >/dev/null
}

everywhere install_docker "${nodes[@]}"
begin "$manager"
token=$(on "$manager" 'docker swarm join-token --quiet worker' </dev/null)
everywhere join "${workers[@]}"
everywhere store "$dir"/secrets/*
