#!/usr/bin/env bash
# Finds out before a deployment whether the registry has the application's image that
# the stack files name. Whether they are valid the manager says, which reads them
# before it deploys: nobody else knows the values of their variables.
#
#   IMAGE       repository of the application's image; other images are not asked for
#   STACK_FILE  the files (default stack.yml and stacks/*/stack.yml)
#
# The registry's login is docker's own, from an earlier `docker login`. In a
# workflow what is wrong goes to the job summary too, and its code to the output
# `code`.
set -euo pipefail

shopt -s nullglob
# shellcheck disable=SC2206 # names of files with spaces between
files=(${STACK_FILE:-[s]tack.yml stacks/*/stack.yml})

fail() {
  echo "check: $2" >&2
  [[ -z ${GITHUB_OUTPUT:-} ]] || echo "code=$1" >>"$GITHUB_OUTPUT" || true
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || printf '### Not deployed: %s\n' "${2//$'\n'/ }" >>"$GITHUB_STEP_SUMMARY" || true
  exit 1
}

# absent tells the reasons apart for which the registry did not show an image.
absent() {
  local image=$1 answer=$2
  case $answer in
    *[Dd]enied* | *[Uu]nauthorized* | *'authentication required'*)
      fail registry-login "the registry does not let this run read $image: ${answer##*$'\n'}; GHCR_TOKEN and REGISTRY_USERNAME are a login that may read it, and pulumi up writes both" ;;
    '' | *'dial tcp'* | *'no such host'* | *timeout* | *'deadline exceeded'* | *'connection re'* | *': EOF')
      fail registry-away "the registry of $image did not answer: ${answer##*$'\n'}; run it again later" ;;
  esac
  fail image-missing "the registry does not have $image: ${answer##*$'\n'}"
}

[[ -n ${IMAGE:-} ]] || exit 0
command -v docker >/dev/null || fail runner-tool "this runner has no docker; install it, or run the job on ubuntu-latest"
for file in "${files[@]}"; do
  [[ -s $file ]] || fail no-file "there is no stack file $file; STACK_FILE names it"
done
((${#files[@]} > 0)) || fail no-file "there is no stack file stack.yml; STACK_FILE names it"
while read -r image; do
  [[ $image =~ ^"$IMAGE"(:[^/:@$]+)?(@[^$]+)?$ ]] || continue
  if ! answer=$(timeout 60 docker manifest inspect "$image" 2>&1 >/dev/null); then
    absent "$image" "$answer"
  fi
  echo "check: $image is there"
done < <(sed -nE "s/^.*[{, ]*\"?image\"?: *[\"']?([^\"' ,}]+).*$/\1/p" "${files[@]}" | tr -d '\r' | sort -u)
