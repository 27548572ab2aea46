#!/usr/bin/env bash
# `fuzz/run.sh` sets this script as RUSTC_WRAPPER: cargo calls it instead of the compiler. The script adds
# libFuzzer's coverage to the crates that read the fuzzer's bytes. It does not change how other crates are
# compiled. With coverage in all crates, the build takes twice as long, and the fuzzer runs more slowly.
set -euo pipefail
covered=" functions session_store fuzz event item lambda_http aws_lambda_events aws_sdk_dynamodb
  aws_smithy_json aws_smithy_types serde_json http percent_encoding base64 jiff uuid "
crate=
next=
for argument in "$@"; do
  [ "$next" != 1 ] || { crate=$argument; break; }
  [ "$argument" != --crate-name ] || next=1
done
# Build scripts and macros have other crate names, so they get no coverage.
if [[ " ${covered//$'\n'/ } " == *" $crate "* ]]; then
  set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
fi
exec "$@"
