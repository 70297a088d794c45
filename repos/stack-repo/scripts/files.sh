# shellcheck shell=bash disable=SC2154,SC2034 # deploy.sh, a part of which this is, has them
# The files that deploy.sh sends: the stack files, and those that they name, which the
# manager lists.

# list checks the stack files, before any manager is asked.
list() {
  local one
  for one in "${files[@]}"; do
    if [[ ! -s $one ]]; then
      refuse no-file "there is no stack file $one in $PWD; run this in stack-repo's folder, or set STACK_FILE"
      return
    elif [[ $(dirname "$one") != "$folder" ]]; then
      refuse no-file "STACK_FILE names files of two folders, $folder and $(dirname "$one"); put them into one"
      return
    fi
    names+=("$(basename "$one")")
    flags+=(--file "$(basename "$one")")
  done
}

# send sends the stack files and the files that they name. It leaves out names that are
# not files: the manager reports where they are named.
send() {
  local one wanted=()
  pack "${names[@]}" | ask files "$stack" --json "${flags[@]}" || { status=$? && return; }
  image
  [[ -z $code ]] || return 0
  mapfile -d '' -t wanted < <(jq -j '.files[] + "\u0000"' "$private/result" 2>/dev/null)
  for one in "${wanted[@]}"; do
    [[ -f $folder/$one ]] || continue
    if ! inside "$one"; then
      refuse outside "$one, which $file names, is a link that leads out of $folder; put the file itself there"
      return
    fi
    names+=("$one")
  done
  begun=yes
  # shellcheck disable=SC2046 # each of them is a word
  pack "${names[@]}" | ask deploy "$stack" --json "${flags[@]}" $(about) || status=$?
}

# inside tells whether a file is in the folder of the stack file once all links are
# followed. It protects the runner, and not the manager: stackctl sees names and contents,
# never a link.
inside() {
  local root real
  root=$(realpath -e -- "$folder") && real=$(realpath -e -- "$folder/$1") && [[ $real == "$root"/* ]]
}

# pack prints a tar archive of files of the folder. Where a link leads is checked before.
pack() { tar -C "$folder" --dereference --hard-dereference -cf - -- "$@"; }

# image refuses the stack if the registry does not show its image of the repository IMAGE.
# It does not check other images.
image() {
  local one answer
  [[ -n ${IMAGE:-} ]] || return 0
  while read -r one; do
    case $one in
      "$IMAGE" | "$IMAGE":* | "$IMAGE"@*) ;;
      *) continue ;;
    esac
    if ! answer=$(timeout 60 docker manifest inspect "$one" 2>&1 >/dev/null </dev/null); then
      absent "$one" "$answer"
      return
    fi
    echo "deploy: $one is there"
  done < <(jq -r '.images[]?' "$private/result" 2>/dev/null)
}

# absent says why the registry did not show an image.
absent() {
  local image=$1 said=${2##*$'\n'}
  case $2 in
    *[Dd]enied* | *[Uu]nauthorized* | *'authentication required'*)
      refuse registry-login "the registry does not let this run read $image: $said; GHCR_TOKEN and REGISTRY_USERNAME are a login that may read it, and pulumi up writes both" ;;
    '' | *'dial tcp'* | *'no such host'* | *timeout* | *'deadline exceeded'* | *'connection re'* | *': EOF')
      refuse registry-away "the registry of $image did not answer: $said; run it again later" ;;
    *) refuse image-missing "the registry does not have $image: $said" ;;
  esac
}
