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
# An env_file is read while the file is loaded, and a variable without a default
# becomes nothing, so both are looked for before: anywhere, since anchors and
# merges move things about, and without building anything, since nested ones build
# without end. A key may also be in base64.
# shellcheck disable=SC2016
readonly find_outside='
import re, sys, yaml
variable = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
keys = [] # for each open collection: is a key next? None in a list
try:
    # libyaml where there is one: it is what the loader was made after, and quick.
    for event in yaml.parse(sys.stdin.buffer, getattr(yaml, "CLoader", yaml.Loader)):
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "env_file":
                sys.exit("env_file names a file that is not on the manager; write it as environment")
            if (event.tag or "").endswith("binary"):
                sys.exit("a text in base64 (!!binary) cannot be looked through; write it as it is")
            if not (keys and keys[-1]): # Docker looks for variables in values alone
                for name in filter(None, (m[1] or m[2] for m in variable.finditer(event.value))):
                    sys.exit("the variable %s has no value on the manager; write ${%s:-default}, or $$ for a dollar sign" % (name, name))
        if isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
        if isinstance(event, yaml.CollectionStartEvent):
            keys.append(True if isinstance(event, yaml.MappingStartEvent) else None)
        elif isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent, yaml.CollectionEndEvent)) and keys and keys[-1] is not None:
            keys[-1] = not keys[-1]
except Exception as problem:
    sys.exit(" ".join(str(problem).split()) or type(problem).__name__)
'

# receive takes the stack file from standard input.
receive() {
  local found
  timeout --foreground 60 head -c $((file_limit + 1)) >"$work/sent" || refuse "the stack file did not arrive within 60 s"
  [[ -s $work/sent ]] || refuse "there is no stack file on standard input"
  (($(stat -c %s "$work/sent") <= file_limit)) || refuse "the stack file is larger than $file_limit bytes"
  found=$(unprivileged 10 python3 -I -c "$find_outside" 2>&1 <"$work/sent") ||
    refuse "the stack file is not valid: $(tail -n 1 <<<"${found:-it cannot be read within 10 s}" | cut -c 1-500)"
  load <"$work/sent" >"$work/file.json"
  check_file "$work/file.json"
}

# unprivileged SECONDS COMMAND... runs what reads a stranger's file as nobody with
# an empty environment: it would read files and variables that the file names.
unprivileged() {
  local seconds=$1 as=()
  shift
  if ((EUID == 0)); then
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)
  fi
  (
    cd /
    # Kilobytes. Docker is a Go program, which reserves more than it uses.
    [[ $1 == docker ]] || ulimit -v 500000
    exec timeout --foreground -k 5 "$seconds" "${as[@]}" env -i "PATH=$PATH" "$@"
  )
}

# load turns a stack file into JSON, by Docker's own loader. What is checked is
# then exactly what is deployed.
load() {
  unprivileged 30 docker stack config --compose-file - >"$work/loaded" 2>"$work/complaints" || {
    say "the stack file is not valid:"
    excerpt 5 <"$work/complaints"
    exit 2
  }
  unprivileged 10 python3 -I -c "$yaml_to_json" <"$work/loaded" 2>/dev/null || refuse "the stack file cannot be read"
}

# check_file refuses what makes no sense on a manager, whoever asks for it.
check_file() {
  local problems
  problems=$(jq -r '
    (["configs", "secrets"][] as $kind | (.[$kind] // {}) | to_entries[] | select(.value.file)
      | "\($kind) \(.key): file \(.value.file) is not on the manager; make it external"),
    ((.services // {}) | to_entries[] | .key as $service | (.value.ports // [])[]
      | select(.published | IN(22, 2375, 2376, 2377, 4789, 7946))
      | "service \($service): port \(.published) belongs to the node itself"),
    ((.services // {}) | to_entries[] | .key as $service | (.value.environment // {}) | to_entries[] | select(.value == null)
      | "service \($service): variable \(.key) has no value on the manager"),
    (if ((.services // {}) | length) == 0 then "there is no service in it" else empty end)' "$1")
  [[ -z $problems ]] || refuse "the stack file is refused: ${problems//$'\n'/; }"
}
