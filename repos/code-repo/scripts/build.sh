#!/usr/bin/env bash
# Builds the image once and pushes it under the commit's short SHA and "latest".
#
#   IMAGE   repository of the image, registry included (ghcr.io/your-org/aver-api)
#   COMMIT  the full SHA of the commit that is built
#
# The login at the registry is docker's own, from an earlier `docker login`.
# Prints the reference that stack-repo is to run.
set -euo pipefail

: "${IMAGE:?the image repository, such as ghcr.io/your-org/aver-api}"
: "${COMMIT:?the full SHA of the commit}"

# refused says what to do on ghcr.io, where whoever pushes a package first owns it: that
# may have been the Pulumi program, and not this repository's workflow.
refused() {
  echo "build: $IMAGE was not pushed; docker's own message is above" >&2
  if [[ $IMAGE == ghcr.io/* ]]; then
    echo "build: if it says denied, open the package ${IMAGE#ghcr.io/} on GitHub, Package settings," \
      "Manage Actions access, and give this repository the role Write" >&2
  fi
  exit 1
}

tag=${COMMIT:0:7}
context=$(cd "$(dirname "$0")/.." && pwd)

echo "build $IMAGE:$tag" >&2
docker build --platform linux/amd64 --build-arg "VERSION=$tag" \
  -t "$IMAGE:$tag" -t "$IMAGE:latest" "$context" >&2
# The SHA first, so that the image that "latest" names always has its own tag too.
for name in "$tag" latest; do
  echo "push $IMAGE:$name" >&2
  docker push "$IMAGE:$name" >&2 || refused
done
echo "$IMAGE:$tag"
