#!/usr/bin/env bash
# Usage: tests/tour.sh [URL]
# Runs the commands of the tour in the README, and compares their output with the output in the README.
# Without a URL, the script starts `local`. With a URL, the tour asks the service that runs there, for example
# under `sam local start-api`.
set -euo pipefail
cd "$(dirname "$0")/.."
here=http://127.0.0.1:3000
url=${1-$here}
if [ "$#" -eq 0 ]; then
  # LOCAL: a `local` that is built already.
  [ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local
  "${LOCAL:-target/debug/local}" &
  service=$!
  trap 'kill $service' EXIT
fi
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null "$url/"

block() { awk -v kind="\`\`\`$1" '/^## /{tour = /^## Tour/} tour && $0 == kind {on = 1; next} /^```$/{on = 0} on' README.md; }
commands=$(block sh)
[ "${commands/$here/}" != "$commands" ] || { echo "the tour in the README does not ask $here"; exit 1; }
diff <(block text) <(bash -c "${commands//$here/$url}") ||
  { echo "the output of the tour differs from the README"; exit 1; }
echo "the output of the tour is the same as in the README"
