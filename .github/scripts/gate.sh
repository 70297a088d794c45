#!/usr/bin/env bash
# Fails if nobody would be asked before `pulumi up`: the environment does not exist, or
# has neither reviewers nor a waiting time. In private repositories most of GitHub's plans
# offer neither, and the job would run without asking anybody.
#
#   REPOSITORY   owner/name
#   ENVIRONMENT  the environment of the job that deploys (default production)
#   ALLOW        "true" if that is intended; the summary then says what is missing
#
# It also needs what gh needs in order to log in: a token that may read actions.
set -euo pipefail

: "${REPOSITORY:?the repository, owner/name}"
environment=${ENVIRONMENT:-production}
docs="docs/delivery.md says which plans of GitHub have what"

summary() {
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || printf '%s\n\n' "$1" >>"$GITHUB_STEP_SUMMARY"
  echo "gate: $1"
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
# A branch rule keeps other branches out, but asks nobody for approval.
status=0
rules=$(gh api "repos/$REPOSITORY/environments/$environment" \
  --jq '[.protection_rules[].type | select(. != "branch_policy")] | unique | join(", ")' 2>"$errors") || status=$?

if ((status == 0)) && [[ -n $rules ]]; then
  summary "The environment $environment is protected by: $rules."
  exit 0
fi
if ((status == 0)); then
  problem="The environment $environment has neither reviewers nor a waiting time, so nobody is asked before \`pulumi up\`."
elif grep -q "HTTP 404" "$errors"; then
  problem="There is no environment $environment, so nobody is asked before \`pulumi up\`."
else
  summary "Nobody can tell whether the environment $environment is protected: $(tail -n 1 "$errors")"
  exit 1
fi
if [[ ${ALLOW:-} == true ]]; then
  summary "$problem The variable ALLOW_UNPROTECTED_PRODUCTION says that this is meant."
  exit 0
fi
summary "Not deployed. $problem Protect it in the repository's settings, or set the repository's variable ALLOW_UNPROTECTED_PRODUCTION to true where every push to main may deploy; $docs."
exit 1
