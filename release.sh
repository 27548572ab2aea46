#!/usr/bin/env bash
# Makes the release artifacts in target/release-artifacts:
#
#   session-state-VERSION-arm64.zip, session-state-VERSION-x86_64.zip   the Lambda artifact
#   session-state-VERSION.yaml                                          the template that uses them
#   SHA256SUMS
#
# The same source, toolchain and cargo-lambda make the same bytes, wherever the source lies.
# `--check` makes them a second time, in another folder, and compares; `--check x86_64` only those of
# this architecture.
# Needs cargo-lambda with zig, rustup and Python 3. docs/deploy.md says how to deploy the artifacts.
set -euo pipefail
cd "$(dirname "$0")"
# flags SOURCE: paths of this machine do not belong into the artifacts.
flags() {
  printf -- '--remap-path-prefix=%s=/cargo --remap-path-prefix=%s=/source' "${CARGO_HOME:-$HOME/.cargo}" "$1"
}
case "${*:-}" in
  "" | --check | "--check arm64" | "--check x86_64") ;;
  # For those who build the same elsewhere, and want to compile it once.
  --rustflags)
    flags "$PWD"
    exit
    ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 2 ;;
esac

for tool in cargo-lambda rustup python3; do
  command -v "$tool" >/dev/null ||
    { echo "$tool is missing; docs/deploy.md, \"With SAM\", says how to install the tools" >&2; exit 1; }
done

version=$(cargo metadata --no-deps --locked --format-version 1 |
  python3 -c 'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "functions"))')
rustup target list --installed | grep -q '^aarch64-unknown-linux-gnu$' || rustup target add aarch64-unknown-linux-gnu

architectures="arm64 x86_64"

# compile SOURCE OUTPUT ARCHITECTURE: makes the zip of the tree SOURCE in the folder OUTPUT. Each
# architecture has a target folder of its own, so that both can be built at the same time. That of arm64
# is the one that `sam build` uses.
compile() {
  local source=$1 output=$2 architecture=$3
  local target=$source/target
  [ "$architecture" = arm64 ] || target=$source/target/$architecture
  # As `sam build` does it, in the folder that the template names.
  (cd "$source/functions" && CARGO_TARGET_DIR=$target RUSTFLAGS=$(flags "$source") \
    cargo lambda build --release --locked "--${architecture/_/-}" --bin session-state \
    --lambda-dir "$source/target/lambda-$architecture")
  python3 - "$source/target/lambda-$architecture/session-state/bootstrap" \
    "$output/session-state-$version-$architecture.zip" <<'PYTHON'
import sys, zipfile
binary, archive = sys.argv[1:]
entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
entry.external_attr = 0o100755 << 16
entry.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(archive, "w") as file, open(binary, "rb") as code:
    file.writestr(entry, code.read(), compresslevel=9)
PYTHON
}

# package SOURCE OUTPUT: makes the template that takes the zips from a bucket.
package() {
  local source=$1 output=$2
  python3 - "$source/template.yaml" "$output/session-state-$version.yaml" "$version" <<'PYTHON'
import re, sys
template, packaged, version = sys.argv[1:]
text = open(template).read()

def replaced(pattern, new, count):
    global text
    text, found = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
    assert found == count, (pattern, found)

key = "${CodeKeyPrefix}session-state-%s-${Architecture}.zip" % version
replaced(r"^    CodeUri: functions$", f"    CodeUri:\n      Bucket: !Ref CodeBucket\n      Key: !Sub {key}", 1)
# How SAM builds a function.
replaced(r"^    Metadata:\n      BuildMethod: .*\n      BuildProperties:\n        Binary: .*\n", "", 8)
replaced(r"^Parameters:\n", """Parameters:
  CodeBucket:
    Type: String
    AllowedPattern: '[a-z0-9.-]{3,63}'
    Description: The bucket with the zips of the release. It must be in the region of the stack.
  CodeKeyPrefix:
    Type: String
    Default: ''
    Description: The prefix of the zips in the bucket, with a slash at its end. Empty: no prefix.
""", 1)
replaced(r"^    ParameterGroups:\n", """    ParameterGroups:
      - Label: { default: The release }
        Parameters: [CodeBucket, CodeKeyPrefix]
""", 1)
open(packaged, "w").write(text)
PYTHON
}

# build SOURCE OUTPUT ARCHITECTURE...: makes the artifacts, all architectures at the same time.
build() {
  local source=$1 output=$2 architecture build builds=()
  rm -rf "$output" && mkdir -p "$output" "$source/target"
  for architecture in "${@:3}"; do
    compile "$source" "$output" "$architecture" >"$output/$architecture.log" 2>&1 &
    builds+=("$!")
  done
  for build in "${builds[@]}"; do
    wait "$build" || { cat "$output"/*.log; exit 1; }
  done
  rm "$output"/*.log
  package "$source" "$output"
  (cd "$output" && sha256sum session-state-* >SHA256SUMS)
}

artifacts=$PWD/target/release-artifacts
build "$PWD" "$artifacts" $architectures
cat "$artifacts/SHA256SUMS"

if [ "${1-}" = --check ]; then
  again=$PWD/target/release-again
  rm -rf "$again" && mkdir -p "$again/somewhere/else"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 cp --parents -t "$again/somewhere/else"
  build "$again/somewhere/else" "$again/artifacts" ${2:-$architectures}
  (cd "$again/artifacts" && sha256sum --check --quiet --ignore-missing "$artifacts/SHA256SUMS")
  rm -rf "$again"
  echo "made twice, the same bytes: ${2:-$architectures}"
fi
