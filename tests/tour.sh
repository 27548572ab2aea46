#!/usr/bin/env bash
# Runs the commands of the tour in the README, and compares their output with the output in the README.
set -euo pipefail
cd "$(dirname "$0")/.."
# LOCAL: a `local` that is built already.
[ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local
"${LOCAL:-target/debug/local}" &
service=$!
trap 'kill $service' EXIT
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:3000/

block() { awk -v kind="\`\`\`$1" '/^## /{tour = /^## Tour/} tour && $0 == kind {on = 1; next} /^```$/{on = 0} on' README.md; }
diff <(block text) <(bash -c "$(block sh)") || { echo "the output of the tour differs from the README"; exit 1; }
echo "the output of the tour is the same as in the README"
