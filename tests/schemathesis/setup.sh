#!/usr/bin/env bash
# Installs schemathesis below target/, for `run.sh`. Needs Python 3.10 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$PWD/target/schemathesis
if ! cmp -s tests/schemathesis/requirements.txt "$tools/installed"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r tests/schemathesis/requirements.txt
  cp tests/schemathesis/requirements.txt "$tools/installed"
fi
