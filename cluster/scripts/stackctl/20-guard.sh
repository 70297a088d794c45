#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154 # a part of stackctl; the whole is checked without
# What the deploy key may not do. Whoever holds it can change the application,
# not take the machines: the parts of a stack file that reach out of a container
# or near a secret must be as in the trusted file, the last one that came from
# `pulumi up`. New images, replicas, variables, services and so on are free.
# What stays open: a service without secrets may take another one's name on a
# network (`aliases`) and so receive what is sent to it in clear, passwords
# included. Only TLS with verified names between the services prevents that.

# shellcheck disable=SC2016
readonly guard='
  # Parts of a service that cannot reach out of its container.
  def harmless: ["command", "depends_on", "deploy", "entrypoint", "environment", "expose", "extra_hosts", "healthcheck",
    "hostname", "image", "init", "labels", "networks", "ports", "read_only", "restart", "secrets", "shm_size",
    "stdin_open", "stop_grace_period", "stop_signal", "tmpfs", "tty", "ulimits", "user", "volumes", "working_dir", "cap_drop"];
  # Of those, the ones that a service with secrets may change: with any other it
  # could be made to print them.
  def harmless_beside_secrets: ["depends_on", "deploy", "environment", "expose", "hostname", "image", "init", "labels",
    "networks", "ports", "read_only", "restart", "secrets", "stop_grace_period", "stop_signal", "volumes", "cap_drop"];
  # Variables by which a program is sent elsewhere with its secret or loads other code.
  def delicate: test("^(AZURE_|ARM_|IDENTITY_|MSI_|IMDS_|LD_|SSL_|DOTNET_|CORECLR_|JAVA_|JDK_|NODE_|PYTHON|PERL|RUBY|GO|BASH_|ENV$|PATH$|OPENSSL|CLASSPATH|ERL_|LUA_|PHP|GCONV_|CURL_|REQUESTS_)"
    + "|(^|_)(HOST|URL|URI|ENDPOINT|SERVER|ADDR|ADDRESS|DSN)S?$|_FILE$|PROXY$"; "i");
  def repository: sub("@.*$"; "") | sub(":[^:/]*$"; "");
  def environment: (.environment // {}) | if type == "array" then map(capture("^(?<key>[^=]*)=?(?<value>.*)$")) | from_entries else . end;
  # A secret by the name that the Swarm knows, whatever the file calls it, and
  # whichever version: pulumi up names versions, stack-repo does not.
  def secrets_of($file): [(.secrets // [])[] | if type == "string" then . else .source end
    | ($file.secrets[.].name // .) | sub("-[0-9a-f]{12}$"; "")] | unique;
  # A service that names no network is on the one called default.
  def joined: (.networks // {}) | if type == "array" then map({(.): null}) | add // {} else . end | if . == {} then {default: null} else . end | keys;
  # Whether a definition is more than a name: options of a driver, a thing made elsewhere.
  def special($harmless): . // {} | to_entries | any(.[]; (.key | IN($harmless[]) | not) and . != {key: "driver", value: "overlay"});
  def parts($kind; $allowed): (.[$kind] // {}) | to_entries[] | .key as $name | (.value // {}) as $now
    | ($trusted[0][$kind][$name] // {}) as $before
    | $now | to_entries[] | select((.key | IN($allowed[])) or .value == $before[.key] or . == {key: "driver", value: "overlay"} | not)
    | "\($kind) \($name): \(.key)";

  # Volumes of services with secrets: what lies in them may be read by, or loaded
  # into, something that has a secret.
  def kept: [$trusted[0].services // {} | .[] | select((secrets_of($trusted[0]) | length) > 0) | (.volumes // [])[] | objects | .source // empty];
  . as $file
  | [
    ((.services // {}) | to_entries[] | .key as $name | .value as $now | ($trusted[0].services[$name] // {}) as $before
      | ($now | secrets_of($file)) as $read | ($before | secrets_of($trusted[0])) as $may
      | (if ($read | length) > 0 then harmless_beside_secrets else harmless end) as $free
      | (
        ($read - $may | .[] | "service \($name): secret \(.)"),
        (($now.secrets // [])[] | objects | . as $s | select((.target // "") | test("/")) | select($before.secrets // [] | index([$s]) | not)
          | "service \($name): secret target \(.target)"),
        ((($now | joined) - (if $before == {} then [] else $before | joined end))[]
          | select(. as $n | $file.networks[$n] | special(["labels", "attachable", "internal", "name"])) | "service \($name): network \(.)"),
        ((($now | keys) + ($before | keys) | unique)[] | select((IN($free[]) | not) and $now[.] != $before[.]) | "service \($name): \(.)"),
        (($now.volumes // [])[] | . as $v | select($before.volumes // [] | index([$v]) | not)
          | select(type != "object" or (.type | IN("volume", "tmpfs") | not) or (.volume // .tmpfs // {} | keys - ["size", "nocopy"]) != []
              or ($read | length) > 0 or (.source as $v | $v != null and ((kept | index([$v])) != null or ($file.volumes[$v] | special(["labels"])))) or ((.target // "") | test("^/(run/secrets|var/run/secrets)")))
          | "service \($name): volume at \(if type == "object" then .target else . end)"),
        (($now.ports // [])[] | . as $p | select($before.ports // [] | index([$p]) | not) | select(.mode == "host")
          | "service \($name): host port \(.published // .target)"),
        (if ($read | length) > 0 then
          (if ($now.image // "" | repository) != ($before.image // "" | repository) then "service \($name): image of another repository" else empty end),
          (($now | environment) as $e | ($before | environment) as $b | (($e | keys) + ($b | keys) | unique)[]
            | select(delicate and $e[.] != $b[.]) | "service \($name): variable \(.)")
        else empty end)
      )),
    parts("volumes"; ["labels"]), parts("networks"; ["labels", "attachable", "internal"]), parts("configs"; []),
    ((.secrets // {}) | to_entries[] | select(.value != {name: .value.name, external: true}) | "secrets \(.key)"),
    (keys[] | select(IN("version", "services", "networks", "volumes", "configs", "secrets") or startswith("x-") | not))
  ] | unique[]'

# guard_file refuses a file of the deploy key, naming every part that it may not
# change.
guard_file() {
  local stack=$1 file=$2 refused
  read_trusted "$stack" >"$work/trusted.json" ||
    refuse "stack $stack is not known here: 'pulumi up' announces a stack before the deploy key can deploy it"
  refused=$(jq -r --slurpfile trusted "$work/trusted.json" "$guard" "$file")
  [[ -z $refused ]] || refuse "the deploy key cannot change this: ${refused//$'\n'/; }; deploy it once with 'pulumi up'"
}

# The trusted file is a Docker config, like the releases.
read_trusted() {
  labelled /configs "averazure.trusted=$1" | jq -ce 'sort_by(.Version.Index) | last // empty | .Spec.Data | @base64d | fromjson'
}

trust_file() {
  local stack=$1 file=$2 name
  name=$stack-trusted-$(sha256sum "$file" | cut -c 1-12)
  labelled /configs "averazure.trusted=$stack" | jq -r '.[].Spec.Name' >"$work/trusted.names"
  if ! grep -qxF "$name" "$work/trusted.names"; then
    dk_create "$name" "averazure.trusted=$stack" <"$file" >/dev/null
  fi
  while read -r former; do
    [[ $former == "$name" ]] || dk config rm "$former" >/dev/null 2>&1 || true
  done <"$work/trusted.names"
}
