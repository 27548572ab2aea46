#!/usr/bin/env bash
# Fuzzes the event parser and the item reader on the stable toolchain, for so many seconds each (60).
# With a second argument only that target. A crash ends it and leaves its input in target/fuzz/artifacts;
# inputs that found something new stay in target/fuzz/corpus. Needs a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=${2:-event item}
work=target/fuzz

version=0.13.2
if [ "$("$work/tools/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
  cargo install --quiet --locked --root "$work/tools" "cargo-fuzz@$version"
fi
export PATH="$PWD/$work/tools/bin:$PATH"

rm -rf "$work/seeds"
mkdir -p "$work"/{corpus,seeds,artifacts}/{event,item}
cp events/*.json fuzz/seeds/event/* "$work/seeds/event"
cp fuzz/seeds/item/* "$work/seeds/item"
# The recorded items as DynamoDB answers them; and once more with an end that is yet to come.
python3 - tests/fixtures/legacy-items "$work/seeds/item" <<'PYTHON'
import json, pathlib, sys
recorded, seeds = map(pathlib.Path, sys.argv[1:])
for file in recorded.glob("[0-9]*.json"):
    item = json.loads(file.read_text())["item"]
    (seeds / f"ended-{file.name}").write_text(json.dumps(item))
    item["Expires"] = {"S": "9999-01-01T00:00:00.000Z"}
    (seeds / f"living-{file.name}").write_text(json.dumps(item))
PYTHON

# No address sanitizer, which is for unsafe code and needs nightly; and no `--cfg fuzzing`, by which
# dependencies would be others than those that are deployed.
for target in $targets; do
  printf '\n== %s, %s s\n' "$target" "$seconds"
  cargo fuzz run --sanitizer none --no-cfg-fuzzing --target-dir "$work/build" "$target" \
    "$work/corpus/$target" "$work/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=8192 -timeout=10 -dict=fuzz/dictionary.txt \
    -artifact_prefix="$work/artifacts/$target/" -print_final_stats=1
done
