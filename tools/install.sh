#!/usr/bin/env bash
# Installs what the checks and tests need beside Go, on a Debian machine that may have
# none of it. Says what it installs; does nothing if everything is there.
set -euo pipefail

missing=()
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

need shellcheck command -v shellcheck
need jq command -v jq
need curl command -v curl
need openssh-client command -v ssh
need docker command -v docker
((${#missing[@]} > 0)) || exit 0

apt-get update -qq
# From Debian 13 on, Docker's command line is a separate package.
client=docker.io
if apt-cache show docker-cli >/dev/null 2>&1; then
  client=docker-cli
fi
missing=("${missing[@]/#docker/$client}")
echo "==> installing with apt: ${missing[*]}"
DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -qy --no-install-recommends "${missing[@]}" >/dev/null
