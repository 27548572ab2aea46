#!/usr/bin/env bash
# Usage: tests/amazon/run.sh [STEP...]
# Tests the deployment with Amazon's own tools, but without an AWS account.
# The steps are lint, policy, stack, release, sam, functions, store, watch and signatures. Default: all steps.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/amazon/setup.sh

# cargo-lambda looks for zig with the first python3 on PATH.
export PATH="$PWD/target/tools/bin:$PATH"
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1
steps="${*:-lint policy stack release sam functions store watch signatures}"
# The variable LOCAL is the path of a `local` that is already built.
build_local() { [ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local; }
pytest() { python3 -m pytest -q -p no:cacheprovider -W ignore "$@"; }

# A bootstrap must run with glibc 2.34, which Amazon Linux 2023 has. It must be smaller than 7 MB,
# because a larger file makes cold starts slower.
check_bootstrap() {
  local file=$1 machine=$2 newest
  readelf -h "$file" | grep -q "$machine" || { echo "$file is not for $machine"; exit 1; }
  newest=$(readelf -V "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  [ "$(printf '%s\n' GLIBC_2.34 "$newest" | sort -V | tail -1)" = GLIBC_2.34 ] ||
    { echo "$file needs $newest, but Amazon Linux 2023 has GLIBC_2.34"; exit 1; }
  [ "$(stat -c %s "$file")" -lt 7000000 ] ||
    { echo "$file has $(stat -c %s "$file") bytes; the limit is 7000000"; exit 1; }
  echo "$file: $machine, $(stat -c %s "$file") bytes, needs $newest"
}

# The bootstrap of the release for x86-64.
x86_64=target/lambda-x86_64/session-state/bootstrap

for step in $steps; do
  printf '\n== amazon: %s\n' "$step"
  case $step in
    lint)
      sam validate --lint
      cfn-lint template.yaml
      ;;
    # Compares the template with rules for secure deployments.
    policy) target/checkov/bin/checkov -f template.yaml --config-file tests/amazon/checkov.yaml ;;
    stack) pytest tests/amazon/test_template.py tests/amazon/test_deployer.py ;;
    release)
      # If the variable RELEASE is set, `release.sh` has already made and checked the artifacts.
      [ -n "${RELEASE-}" ] || ./release.sh --check x86_64
      check_bootstrap "$x86_64" X86-64
      check_bootstrap target/lambda-arm64/session-state/bootstrap AArch64
      pytest tests/amazon/test_release.py
      ;;
    sam)
      # With the same compiler flags, cargo reuses the build of the release.
      RUSTFLAGS=$(./release.sh --rustflags) sam build
      count=$(find .aws-sam/build -name bootstrap | wc -l)
      [ "$count" -eq 9 ] || { echo "sam build made $count bootstrap files; expected 9"; exit 1; }
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
