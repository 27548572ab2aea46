#!/usr/bin/env bash
# Puts one small mistake at a time into the store, the HTTP contract and the handlers (cargo-mutants;
# .cargo/mutants.toml says where), and asks that a test sees it. Those that none sees must be explained
# in tests/mutants.md. Takes two to three hours on two cores; arguments go to cargo-mutants: `-j2`,
# `--re shared/src/lock`, `--shard 0/8`. What it found is in target/mutants/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/mutants/tools
out=target/mutants
export PATH=$tools/bin:$PATH
# install TOOL VERSION, with more for `cargo install`.
install() {
  [[ "$(cargo "${1#cargo-}" --version 2>/dev/null)" == "$1 $2"* ]] ||
    cargo install --quiet --locked --root "$tools" "$1@$2" "${@:3}"
}
install cargo-mutants 27.1.0
install cargo-nextest 0.9.151 --no-default-features --features default-no-update
mkdir -p "$out"

# Asks the tests that an expression of nextest names; arguments after it go to cargo-mutants. It says by 2
# that some were missed, and by 3 that some did not end.
ask() {
  local tests=$1 code=0
  shift
  cargo mutants --output "$out" --timeout 300 "$@" -- -E "$tests" || code=$?
  case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
}

# The quick tests see most. The rest meets all tests, but those that need luck to see anything.
ask 'not test(/^(race|replay|properties|contract)::|that_a_crowd_renews/)' "$@"
ask 'not test(/^race::/)' --iterate --baseline skip "$@"

# Where it is in a file changes too often to be told.
cat "$out"/mutants.out/{missed,timeout}.txt | sed -E 's/:[0-9]+:[0-9]+:/:/' | sort -u >"$out/missed"
explained=$(grep -oE '^- `[^`]+`' tests/mutants.md | sed -E 's/^- `(.*)`$/\1/')
unexplained=$(grep -vxFf <(printf '%s\n' "$explained") "$out/missed" || true)
if [ -n "$unexplained" ]; then
  printf 'No test saw these, and tests/mutants.md does not explain them:\n%s\n' "$unexplained"
  exit 1
fi
echo "every mutant was seen, or is explained in tests/mutants.md"
