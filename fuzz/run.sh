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

# What cargo-fuzz does on the stable toolchain, without the minutes that cargo-fuzz takes to install.
# There is no address sanitizer: it is for unsafe code and needs nightly. There is no `--cfg fuzzing`:
# with it, the dependencies would differ from the deployed ones. With --target, no coverage is in what
# the build itself runs.
host=$(rustc --print host-tuple)
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml \
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
