#!/usr/bin/env bash
# Pastes the README's tour into a shell, and compares what it prints with what the README says it prints.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet -p local
target/debug/local &
service=$!
trap 'kill $service' EXIT
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:3000/

block() { awk -v kind="\`\`\`$1" '/^## /{tour = /^## Tour/} tour && $0 == kind {on = 1; next} /^```$/{on = 0} on' README.md; }
diff <(block text) <(bash -c "$(block sh)") || { echo "the README's tour prints something else"; exit 1; }
echo "the README's tour prints what the README says"
