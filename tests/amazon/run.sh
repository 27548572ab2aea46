#!/usr/bin/env bash
# What can be proven of a deployment without an AWS account, with Amazon's own tools.
# With arguments, only the steps that they name: lint, stack, sam, functions, store, watch, signatures.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/amazon/setup.sh

# cargo-lambda finds zig by the python3 that comes first.
export PATH="$PWD/target/tools/bin:$PATH"
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1
steps="${*:-lint stack sam functions store watch signatures}"
pytest() { python3 -m pytest -q -p no:cacheprovider -W ignore "$@"; }

# Amazon Linux 2023 has glibc 2.34; a bootstrap is under 7 MB, because size is cold start.
check_bootstraps() {
  local count=0 file newest
  for file in "$@"; do
    newest=$(readelf -V "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    [ "$(printf '%s\n' GLIBC_2.34 "$newest" | sort -V | tail -1)" = GLIBC_2.34 ] ||
      { echo "$file needs $newest"; exit 1; }
    [ "$(stat -c %s "$file")" -lt 7000000 ] || { echo "$file is too large: $(stat -c %s "$file")"; exit 1; }
    count=$((count + 1))
  done
  [ "$count" -eq 8 ] || { echo "$count functions, not 8"; exit 1; }
  echo "8 functions, the last of $(stat -c %s "$file") bytes, needs $newest"
}

for step in $steps; do
  printf '\n== amazon: %s\n' "$step"
  case $step in
    lint)
      sam validate --lint
      cfn-lint template.yaml
      ;;
    stack) pytest tests/amazon/test_template.py ;;
    sam)
      sam build
      readelf -h .aws-sam/build/LockFunction/bootstrap | grep -q AArch64
      check_bootstraps .aws-sam/build/*Function/bootstrap
      ;;
    functions)
      cargo lambda build --release --x86-64 --locked -p functions --lambda-dir target/lambda-x86_64
      check_bootstraps target/lambda-x86_64/*/bootstrap
      pytest tests/amazon/test_functions.py
      ;;
    store) python3 tests/amazon/store.py ;;
    watch) pytest tests/amazon/test_watch.py ;;
    signatures)
      cargo build --quiet --locked -p local
      pytest tests/amazon/test_signatures.py
      ;;
    *) echo "no such step: $step" >&2; exit 2 ;;
  esac
done
