#!/usr/bin/env bash
# Sets the image of one service, or of several, in a stack file and leaves every
# other byte as it is: comments, order, quoting, line ends, other services.
#
#   set-image.sh STACK_FILE SERVICE[,SERVICE...] [IMAGE:TAG]
#
# Without an image it prints the present ones, one a line. It refuses what it cannot
# change with certainty, and then leaves the file as it was. The program is in setimage/
# and needs Go.
set -euo pipefail

command -v go >/dev/null || { echo "set image: Go is not installed here, see https://go.dev/dl" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
# The file's path is relative to the caller's directory, but Go must run in its module.
[[ $# == 0 || $1 == /* ]] || set -- "$PWD/$1" "${@:2}"
exec env GOWORK=off GOFLAGS=-mod=readonly go -C "$here/setimage" tool setimage "$@"
