#!/usr/bin/env bash
# The compiler of `fuzz/run.sh` (RUSTC_WRAPPER): adds libFuzzer's coverage to the code that reads the
# fuzzer's bytes, and leaves all other dependencies as they are. With coverage in everything, the build
# takes twice as long, and the fuzzer runs more slowly.
set -euo pipefail
covered=" functions session_store fuzz event item lambda_http aws_lambda_events aws_sdk_dynamodb
  aws_smithy_json aws_smithy_types serde_json http percent_encoding base64 jiff uuid "
crate=
next=
for argument in "$@"; do
  [ "$next" != 1 ] || { crate=$argument; break; }
  [ "$argument" != --crate-name ] || next=1
done
# The names of build scripts and macros are not among them.
if [[ " ${covered//$'\n'/ } " == *" $crate "* ]]; then
  set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
fi
exec "$@"
