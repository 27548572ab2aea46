#!/usr/bin/env bash
# Installs schemathesis below target/, for `run.sh`. Needs Python 3.10 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/python.sh tests/schemathesis/requirements.txt target/schemathesis
