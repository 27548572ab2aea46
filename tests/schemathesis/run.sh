#!/usr/bin/env bash
# Tries the contract with somebody else's client: schemathesis reads openapi.yaml and asks `local`, with
# all checks on, requests that fit and requests that do not. The seed is fixed, so that a run can be
# repeated; arguments come after ours: `--seed 7 --max-examples 1000`. Needs Python 3.10 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$PWD/target/schemathesis
if ! cmp -s tests/schemathesis/requirements.txt "$tools/installed"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r tests/schemathesis/requirements.txt
  cp tests/schemathesis/requirements.txt "$tools/installed"
fi
cargo build --quiet --locked -p local

# A lock that is waited for comes back within a second; signatures are asked for, as deployed.
exec {service}< <(AWS_LAMBDA_LOG_LEVEL=warn exec target/debug/local --port 0 --dynamodb-port 0 --sweep-every 0 --max-wait 1 \
  --iam AKID:secret)
trap "kill $!" EXIT
read -r -u "$service" _ url

# What it keeps of a run, for `st replay`, stays there.
cd "$tools"
export PYTHONPATH=$OLDPWD/tests/schemathesis SCHEMATHESIS_HOOKS=hooks PYTHONDONTWRITEBYTECODE=1
bin/st --config-file "$PYTHONPATH/schemathesis.toml" run "$OLDPWD/openapi.yaml" --url "$url" --seed 1 "$@"
