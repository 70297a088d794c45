#!/usr/bin/env bash
# Installs Azurite, Azure's own stand-in for its blob service, below .build, in the version
# that the sandbox runs. Prints the path of its program; everything else goes to standard
# error.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^\tazuriteVersion = "\(.*\)"$/\1/p' sandbox/hosts/blobs.go)
dir=$PWD/.build/azurite-${version:?sandbox/hosts/blobs.go does not name the version}
program=$dir/node_modules/.bin/azurite-blob
if [[ ! -x $program ]]; then
  if ! command -v npm >/dev/null; then
    echo "==> installing with apt: npm" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -qy --no-install-recommends npm >/dev/null
  fi
  echo "==> installing with npm: azurite $version" >&2
  npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "azurite@$version" >&2
fi
echo "$program"
