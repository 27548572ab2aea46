#!/usr/bin/env bash
# Usage: tests/schemathesis/run.sh [ARGUMENTS OF SCHEMATHESIS], for example --seed 7 --max-examples 1000.
# Checks the contract with an independent client: schemathesis reads openapi.yaml and sends requests to
# `local`, both requests that fit the contract and requests that do not. The default seed is 1, so a run
# can be repeated. Needs Python 3.10 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."

tests/schemathesis/setup.sh
tools=$PWD/target/schemathesis
# LOCAL: a `local` that is built already.
[ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local

# A waiting lock returns within a second. Requests must be signed, as in the deployed service.
exec {service}< <(AWS_LAMBDA_LOG_LEVEL=warn exec "${LOCAL:-target/debug/local}" --port 0 --dynamodb-port 0 --sweep-every 0 --max-wait 1 \
  --iam AKID:secret)
trap "kill $!" EXIT
read -r -u "$service" _ url

# Schemathesis writes its files for `st replay` into this directory.
cd "$tools"
export PYTHONPATH=$OLDPWD/tests/schemathesis SCHEMATHESIS_HOOKS=hooks PYTHONDONTWRITEBYTECODE=1
bin/st --config-file "$PYTHONPATH/schemathesis.toml" run "$OLDPWD/openapi.yaml" --url "$url" --seed 1 "$@"
