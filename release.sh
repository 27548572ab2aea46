#!/usr/bin/env bash
# Makes the release artifacts in target/release-artifacts:
#
#   session-state-VERSION-arm64.zip, session-state-VERSION-x86_64.zip   the Lambda artifact
#   session-state-VERSION.yaml                                          the template that uses them
#   SHA256SUMS
#
# The same source, toolchain and cargo-lambda make the same bytes, wherever the source lies.
# `--check` makes them a second time, in another folder, and compares.
# Needs cargo-lambda with zig, rustup and Python 3. docs/deploy.md says how to deploy the artifacts.
set -euo pipefail
cd "$(dirname "$0")"
# flags SOURCE: paths of this machine do not belong into the artifacts.
flags() {
  printf -- '--remap-path-prefix=%s=/cargo --remap-path-prefix=%s=/source' "${CARGO_HOME:-$HOME/.cargo}" "$1"
}
case "${1-}" in
  "" | --check) ;;
  # For those who build the same elsewhere, and want to compile it once.
  --rustflags)
    flags "$PWD"
    exit
    ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 2 ;;
esac

version=$(cargo metadata --no-deps --locked --format-version 1 |
  python3 -c 'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "functions"))')
rustup target list --installed | grep -q '^aarch64-unknown-linux-gnu$' || rustup target add aarch64-unknown-linux-gnu

# build SOURCE OUTPUT: makes the artifacts of the tree SOURCE in the folder OUTPUT.
build() {
  local source=$1 output=$2 architecture
  rm -rf "$output" && mkdir -p "$output"
  for architecture in arm64 x86_64; do
    # As `sam build` does it, in the folder that the template names.
    (cd "$source/functions" && RUSTFLAGS=$(flags "$source") cargo lambda build --release --locked "--${architecture/_/-}" \
      --bin session-state --lambda-dir "../target/lambda-$architecture")
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
  done
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
    Description: The bucket that has the release's zips, in the region of the stack.
  CodeKeyPrefix:
    Type: String
    Default: ''
    Description: What stands before the zips' names in the bucket, with its slash; empty for nothing.
""", 1)
replaced(r"^    ParameterGroups:\n", """    ParameterGroups:
      - Label: { default: The release }
        Parameters: [CodeBucket, CodeKeyPrefix]
""", 1)
open(packaged, "w").write(text)
PYTHON
  (cd "$output" && sha256sum session-state-* >SHA256SUMS)
}

artifacts=$PWD/target/release-artifacts
build "$PWD" "$artifacts"
cat "$artifacts/SHA256SUMS"

if [ "${1-}" = --check ]; then
  again=$PWD/target/release-again
  rm -rf "$again" && mkdir -p "$again/somewhere/else"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 cp --parents -t "$again/somewhere/else"
  build "$again/somewhere/else" "$again/artifacts"
  (cd "$again/artifacts" && sha256sum --check --quiet "$artifacts/SHA256SUMS")
  rm -rf "$again"
  echo "made twice, the same bytes"
fi
