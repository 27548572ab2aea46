#!/usr/bin/env bash
# Usage: fuzz/run.sh [SECONDS] [TARGET]
# Fuzzes the targets `event` and `item` on the stable toolchain, 60 seconds each by default, or only
# the given target. A crash ends the run, and its input is in target/fuzz/artifacts. Inputs that
# reached new code stay in target/fuzz/corpus. Needs a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=${2:-event item}
work=target/fuzz

rm -rf "$work/seeds"
mkdir -p "$work"/{corpus,seeds,artifacts}/{event,item}
cp events/*.json fuzz/seeds/event/* "$work/seeds/event"
cp fuzz/seeds/item/* "$work/seeds/item"
# The recorded items in the JSON of DynamoDB, once as recorded and once with Expires in the future.
python3 - tests/fixtures/legacy-items "$work/seeds/item" <<'PYTHON'
import json, pathlib, sys
recorded, seeds = map(pathlib.Path, sys.argv[1:])
for file in recorded.glob("[0-9]*.json"):
    item = json.loads(file.read_text())["item"]
    (seeds / f"expired-{file.name}").write_text(json.dumps(item))
    item["Expires"] = {"S": "9999-01-01T00:00:00.000Z"}
    (seeds / f"live-{file.name}").write_text(json.dumps(item))
PYTHON

# Builds with libFuzzer's coverage in all code, as cargo-fuzz does, because cargo-fuzz takes minutes
# to install. There is no address sanitizer, because it is for unsafe code and needs nightly. There is
# no `--cfg fuzzing`, because with it the dependencies would differ from the deployed ones. With
# --target, the flags do not apply to build scripts.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc --print host-tuple)
RUSTFLAGS="$coverage" cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir "$work/build" --bins

# All targets at the same time: each takes one core.
declare -A running
for target in $targets; do
  printf '== %s, %s s\n' "$target" "$seconds"
  "$work/build/$host/release/$target" \
    "$work/corpus/$target" "$work/seeds/$target" \
    -max_total_time="$seconds" -max_len=8192 -timeout=10 -dict=fuzz/dictionary.txt \
    -artifact_prefix="$work/artifacts/$target/" -print_final_stats=1 >"$work/$target.log" 2>&1 &
  running[$target]=$!
done
failed=
for target in $targets; do
  wait "${running[$target]}" || failed="$failed $target"
  printf '\n== %s\n' "$target"
  tail -n 12 "$work/$target.log"
done
[ -z "$failed" ] || { echo "failed:$failed; the whole output is in $work/*.log"; exit 1; }
