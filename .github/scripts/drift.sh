#!/usr/bin/env bash
# Previews the Pulumi stack against what really exists and keeps one issue about the
# differences.
#
#   STACK     the Pulumi stack
#   WORKFLOW  the workflow that deploys (default deploy.yml)
#   LABEL     the issue's label (default drift)
#
# It also needs what pulumi and gh need in order to log in. It fails only when the preview
# itself failed or could not be made: drift is reported in the issue. In a workflow the
# output `code` says how it ended: same, differs, updating, runs-unknown or
# preview-failed.
set -euo pipefail

: "${STACK:?the Pulumi stack}"
workflow=${WORKFLOW:-deploy.yml}
label=${LABEL:-drift}
title="Drift: $STACK is not as the program says"

# deploying tells whether an update is under way or waits, for a runner or for
# its approval: what it has not done yet would look like drift.
deploying() {
  local runs
  runs=$(gh run list --workflow "$workflow" --limit 20 --json status \
    --jq 'map(select(.status != "completed")) | length') || runs=
  if [[ ! $runs =~ ^[0-9]+$ ]]; then
    tell runs-unknown "The runs of $workflow could not be listed, so nothing was compared."
    exit 1
  fi
  ((runs > 0))
}

open_issue() { gh issue list --label "$label" --state open --limit 1 --json number --jq '.[0].number // empty'; }

# tell reports how it ended, as a code to later steps of the job and in words to people.
tell() {
  [[ -z ${GITHUB_OUTPUT:-} ]] || echo "code=$1" >>"$GITHUB_OUTPUT"
  [[ -z ${GITHUB_STEP_SUMMARY:-} ]] || echo "$2" >>"$GITHUB_STEP_SUMMARY"
  echo "drift: $2"
}

if deploying; then
  tell updating "An update of $STACK is under way or waits for its approval; nothing to compare with."
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
pulumi preview --stack "$STACK" --refresh --expect-no-changes --non-interactive \
  --suppress-outputs --color never >"$work/preview" 2>&1 || status=$?
cat "$work/preview"

number=$(open_issue)
if ((status == 0)); then
  if [[ -n $number ]]; then
    gh issue close "$number" --comment "No differences any more."
  fi
  tell same "$STACK is as the program says."
  exit 0
fi
if ! grep -q "no changes were expected" "$work/preview"; then
  tell preview-failed "The preview of $STACK failed; this says nothing about drift."
  exit "$status"
fi
if deploying; then
  tell updating "An update of $STACK began meanwhile; the next run will tell."
  exit 0
fi

{
  echo "\`pulumi preview --refresh\` finds differences between $STACK and what is really there:"
  echo
  # Indented, so that nothing in it ends the block; an issue holds 65536 bytes.
  head -c 50000 "$work/preview" | sed 's/^/    /'
  echo
  echo "\`pulumi up --refresh\` puts back what the program says; or change the program."
} >"$work/body"
if [[ -n $number ]]; then
  gh issue edit "$number" --body-file "$work/body"
  tell differs "$STACK differs still; issue $number has the details."
else
  gh label create "$label" --description "The cloud is not as the program says" >/dev/null 2>&1 || true
  gh issue create --title "$title" --label "$label" --body-file "$work/body"
  tell differs "$STACK differs; a new issue has the details."
fi
