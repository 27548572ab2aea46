#!/usr/bin/env bash
# Installs the tools that `run.sh` needs into target/: SAM, cargo-lambda, cfn-lint, moto, checkov and
# DynamoDB Local.
# Needs Python 3.10 or later, Java 17 or later, Maven and rustup.
set -euo pipefail
cd "$(dirname "$0")/../.."

for command in python3 java mvn rustup; do
  command -v "$command" >/dev/null || { echo "$command is missing" >&2; exit 1; }
done

tests/python.sh tests/amazon/requirements.txt target/tools
tests/python.sh tests/amazon/checkov.txt target/checkov

if ! cmp -s tests/amazon/pom.xml target/dynamodb-local/installed; then
  rm -rf target/dynamodb-local
  mvn --quiet --batch-mode -f tests/amazon/pom.xml dependency:copy-dependencies \
    -DoutputDirectory="$PWD/target/dynamodb-local"
  cp tests/amazon/pom.xml target/dynamodb-local/installed
fi

rustup target list --installed | grep -q '^aarch64-unknown-linux-gnu$' || rustup target add aarch64-unknown-linux-gnu
