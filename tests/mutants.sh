#!/usr/bin/env bash
# Usage: tests/mutants.sh [ARGUMENTS OF CARGO-MUTANTS], for example -j2, --re shared/src/operations/lock,
# or --shard 0/8.
# Puts mutants (small mistakes) into the store, the HTTP contract and the handlers, one at a time, with
# cargo-mutants. .cargo/mutants.toml says into which files. The run fails if no test detects a mutant and
# tests/mutants.md does not explain it. The results are in target/mutants/mutants.out. A run takes two to
# three hours on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/mutants/tools
out=target/mutants
export PATH=$tools/bin:$PATH
# install TOOL VERSION [ARGUMENTS OF CARGO INSTALL]
install() {
  [[ "$(cargo "${1#cargo-}" --version 2>/dev/null)" == "$1 $2"* ]] ||
    cargo install --quiet --locked --root "$tools" "$1@$2" "${@:3}"
}
install cargo-mutants 27.1.0
install cargo-nextest 0.9.151 --no-default-features --features default-no-update
mkdir -p "$out"

# ask TESTS [ARGUMENTS OF CARGO-MUTANTS]: runs the tests that the nextest expression selects. cargo-mutants
# exits with 2 if the tests missed mutants, and with 3 if tests ran into the timeout.
ask() {
  local tests=$1 code=0
  shift
  cargo mutants --output "$out" --timeout 300 "$@" -- -E "$tests" || code=$?
  case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
}

# First the quick tests, which detect most mutants. Then all tests for the remaining mutants, except the
# race tests: they detect a mistake only by luck.
ask 'not test(/^(race|replay|properties|contract)::|that_a_crowd_renews/)' "$@"
ask 'not test(/^race::/)' --iterate --baseline skip "$@"

# Line numbers change too often, so tests/mutants.md does not have them.
cat "$out"/mutants.out/{missed,timeout}.txt | sed -E 's/:[0-9]+:[0-9]+:/:/' | sort -u >"$out/missed"
explained=$(grep -oE '^- `[^`]+`' tests/mutants.md | sed -E 's/^- `(.*)`$/\1/')
unexplained=$(grep -vxFf <(printf '%s\n' "$explained") "$out/missed" || true)
if [ -n "$unexplained" ]; then
  printf 'No test detects these mutants, and tests/mutants.md does not explain them:\n%s\n' "$unexplained"
  exit 1
fi
echo "every mutant is detected by a test, or is explained in tests/mutants.md"
