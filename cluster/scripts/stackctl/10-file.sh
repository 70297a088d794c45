#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# Reading a stack file.

# The loader's output is read back as YAML 1.2 has it: nothing but true, false,
# null and numbers is anything else than text.
# shellcheck disable=SC2016
readonly yaml_to_json='
import json, sys, yaml
class Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}
import re
for tag, pattern, first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+(?:e[-+]?[0-9]+)?$", "-0123456789"),
):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))
json.dump(yaml.load(sys.stdin, Loader), sys.stdout)
'
# An env_file is read while the file is loaded, so it is looked for before.
readonly find_env_file='
import sys, yaml
try:
    services = (yaml.safe_load(sys.stdin) or {}).get("services") or {}
    print("\n".join(name for name, s in services.items() if isinstance(s, dict) and "env_file" in s))
except Exception:
    pass
'

# receive takes the stack file from standard input.
receive() {
  local found
  head -c $((file_limit + 1)) >"$work/sent"
  [[ -s $work/sent ]] || refuse "there is no stack file on standard input"
  (($(stat -c %s "$work/sent") <= file_limit)) || refuse "the stack file is larger than $file_limit bytes"
  found=$(python3 -I -c "$find_env_file" <"$work/sent")
  [[ -z $found ]] || refuse "service ${found//$'\n'/, }: env_file names a file that is not on the manager; write it as environment"
  load <"$work/sent" >"$work/file.json"
  check_file "$work/file.json"
}

# load turns a stack file into JSON, by Docker's own loader. What is checked is
# then exactly what is deployed. The loader runs as nobody with an empty
# environment: it would read files and variables that the stack file names.
load() {
  local as=()
  if ((EUID == 0)); then
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
  fi
  (cd / && timeout -k 5 30 "${as[@]}" env -i "PATH=$PATH" docker stack config --compose-file - >"$work/loaded" 2>"$work/complaints") || {
    say "the stack file is not valid:"
    excerpt 5 <"$work/complaints"
    exit 2
  }
  python3 -I -c "$yaml_to_json" <"$work/loaded" || refuse "the stack file cannot be read"
}

# check_file refuses what makes no sense on a manager, whoever asks for it.
check_file() {
  local problems
  problems=$(jq -r '
    (["configs", "secrets"][] as $kind | (.[$kind] // {}) | to_entries[] | select(.value.file)
      | "\($kind) \(.key): file \(.value.file) is not on the manager; make it external"),
    ((.services // {}) | to_entries[] | .key as $service | (.value.ports // [])[]
      | select(.published | IN(22, 2377, 4789, 7946))
      | "service \($service): port \(.published) belongs to the node itself"),
    (if ((.services // {}) | length) == 0 then "there is no service in it" else empty end)' "$1")
  [[ -z $problems ]] || refuse "the stack file is refused: ${problems//$'\n'/; }"
}
