#!/usr/bin/env bash
# Makes the release artifacts in target/release-artifacts:
#
#   session-state-VERSION-arm64.zip, session-state-VERSION-x86_64.zip   the Lambda artifact
#   session-state-VERSION.yaml                                          the template that uses them
#   SHA256SUMS
#
# The build is reproducible: the same source, toolchain and cargo-lambda make the same bytes in any folder.
# `--check` builds the artifacts a second time in another folder and compares the bytes.
# `--check x86_64` and `--check arm64` build only this architecture a second time.
# Needs cargo-lambda with zig, rustup and Python 3. docs/deploy.md says how to deploy the artifacts.
set -euo pipefail
cd "$(dirname "$0")"
# flags SOURCE: prints the compiler flags that keep the paths of this machine out of the artifacts.
flags() {
  printf -- '--remap-path-prefix=%s=/cargo --remap-path-prefix=%s=/source' "${CARGO_HOME:-$HOME/.cargo}" "$1"
}
case "${*:-}" in
  "" | --check | "--check arm64" | "--check x86_64") ;;
  # With these flags, another command such as `sam build` can reuse what this script compiles.
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

# compile SOURCE OUTPUT ARCHITECTURE: makes the zip of the tree SOURCE in the folder OUTPUT.
compile() {
  local source=$1 output=$2 architecture=$3
  # As `sam build` does it, in the folder that the template names.
  (cd "$source/functions" && RUSTFLAGS=$(flags "$source") \
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

# package SOURCE OUTPUT: writes the template that takes the zips from a bucket.
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
# Removes the instructions for SAM's build.
replaced(r"^    Metadata:\n      BuildMethod: .*\n      BuildProperties:\n        Binary: .*\n", "", 9)
replaced(r"^Parameters:\n", """Parameters:
  CodeBucket:
    Type: String
    AllowedPattern: '[a-z0-9.-]{3,63}'
    Description: The bucket with the zips of the release. It must be in the region of the stack.
  CodeKeyPrefix:
    Type: String
    Default: ''
    Description: The prefix of the zips in the bucket, with a slash at its end. Leave it empty if there is no prefix.
""", 1)
replaced(r"^    ParameterGroups:\n", """    ParameterGroups:
      - Label: { default: The release }
        Parameters: [CodeBucket, CodeKeyPrefix]
""", 1)
open(packaged, "w").write(text)
PYTHON
}

# build SOURCE OUTPUT ARCHITECTURE...: makes the artifacts for these architectures.
build() {
  local source=$1 output=$2 architecture
  rm -rf "$output" && mkdir -p "$output"
  for architecture in "${@:3}"; do
    compile "$source" "$output" "$architecture"
  done
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
  echo "both builds made the same bytes: ${2:-$architectures}"
fi
