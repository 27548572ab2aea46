#!/usr/bin/env bash
# What can be proven of a deployment without an AWS account, with Amazon's own tools.
# With arguments, only the steps that they name: lint, stack, release, sam, functions, store, watch,
# signatures.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/amazon/setup.sh

# cargo-lambda finds zig by the python3 that comes first.
export PATH="$PWD/target/tools/bin:$PATH"
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1
steps="${*:-lint stack release sam functions store watch signatures}"
# LOCAL: a `local` that is built already.
build_local() { [ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local; }
pytest() { python3 -m pytest -q -p no:cacheprovider -W ignore "$@"; }

# Amazon Linux 2023 has glibc 2.34. A bootstrap is under 7 MB, because size is cold start.
check_bootstrap() {
  local file=$1 machine=$2 newest
  readelf -h "$file" | grep -q "$machine" || { echo "$file is not for $machine"; exit 1; }
  newest=$(readelf -V "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  [ "$(printf '%s\n' GLIBC_2.34 "$newest" | sort -V | tail -1)" = GLIBC_2.34 ] ||
    { echo "$file needs $newest"; exit 1; }
  [ "$(stat -c %s "$file")" -lt 7000000 ] || { echo "$file is too large: $(stat -c %s "$file")"; exit 1; }
  echo "$file: $machine, $(stat -c %s "$file") bytes, needs $newest"
}

# The artifact for x86-64 of the release.
x86_64=target/lambda-x86_64/session-state/bootstrap

for step in $steps; do
  printf '\n== amazon: %s\n' "$step"
  case $step in
    lint)
      sam validate --lint
      cfn-lint template.yaml
      ;;
    stack) pytest tests/amazon/test_template.py ;;
    release)
      # RELEASE: the release is made already, and checked.
      [ -n "${RELEASE-}" ] || ./release.sh --check x86_64
      check_bootstrap "$x86_64" X86-64
      check_bootstrap target/lambda-arm64/session-state/bootstrap AArch64
      pytest tests/amazon/test_release.py
      ;;
    sam)
      # With the flags of the release, whose build it then is.
      RUSTFLAGS=$(./release.sh --rustflags) sam build
      count=$(find .aws-sam/build -name bootstrap | wc -l)
      [ "$count" -eq 8 ] || { echo "$count functions, not 8"; exit 1; }
      for function in .aws-sam/build/*Function; do
        cmp "$function/bootstrap" .aws-sam/build/LockFunction/bootstrap
      done
      check_bootstrap .aws-sam/build/LockFunction/bootstrap AArch64
      ;;
    functions)
      [ -e "$x86_64" ] || ./release.sh
      pytest tests/amazon/test_functions.py
      ;;
    store) python3 tests/amazon/store.py ;;
    watch)
      build_local
      pytest tests/amazon/test_watch.py
      ;;
    signatures)
      build_local
      pytest tests/amazon/test_signatures.py
      ;;
    *) echo "no such step: $step" >&2; exit 2 ;;
  esac
done
