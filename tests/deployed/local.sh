#!/usr/bin/env bash
# Runs the smoke test of a deployed stack against `local --iam`, and checks that the smoke test can fail,
# cleans up, and prints no secret. Needs Python 3.9 or later with botocore: it uses the tools that
# `tests/amazon/setup.sh` installs, if they are there.
set -euo pipefail
cd "$(dirname "$0")/../.."
# LOCAL: a `local` that is built already.
[ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local
[ ! -e target/tools/installed ] || export PATH="$PWD/target/tools/bin:$PATH"
export PYTHONDONTWRITEBYTECODE=1
export AWS_ACCESS_KEY_ID=SMOKEKEYID AWS_SECRET_ACCESS_KEY=smoke-test-key-0f7a AWS_SESSION_TOKEN=smoke-test-token-93c1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION AWS_DEFAULT_REGION

work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; rm -r "$work"' EXIT

# start OPTIONS: starts a service, and sets `url` and `dynamodb` to its URLs.
start() {
  exec {service}< <(AWS_LAMBDA_LOG_LEVEL=error exec "${LOCAL:-target/debug/local}" --port 0 --dynamodb-port 0 \
    --sweep-every 0 "$@")
  started+=($!)
  read -r -u "$service" _ url
  read -r -u "$service" _ dynamodb _
}
smoke() { python3 tests/deployed/smoke.py --region eu-central-1 "$@"; }

# expect STATUS TEXT COMMAND: runs the command. Its exit status and a line of its output must be these.
expect() {
  local status=$1 text=$2 came=0
  shift 2
  "$@" >"$work/output" 2>&1 || came=$?
  cat "$work/output" >>"$work/all"
  if [ "$came" -ne "$status" ] || ! grep -qF -- "$text" "$work/output"; then
    cat "$work/output"
    echo "expected exit status $status and the text '$text'; the exit status is $came"
    exit 1
  fi
}

# No session may be left in the table of the service that was started last.
no_session_left() {
  local count
  count=$(python3 - "$dynamodb" <<'PYTHON'
import sys
import botocore.session
client = botocore.session.Session().create_client("dynamodb", "eu-central-1", endpoint_url=sys.argv[1])
print(client.scan(TableName="ASP.NET_SessionState", Select="COUNT")["Count"])
PYTHON
  )
  [ "$count" -eq 0 ] || { echo "expected no session in the table, got $count"; exit 1; }
}

start --iam "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
smoke --url "$url" --rounds 10 | tee "$work/all"
no_session_left

# The smoke test fails where it must.
export AWS_SECRET_ACCESS_KEY=smoke-test-key-wrong
expect 1 "expected 404 urn:session-state:not-found, got 403 with the message 'Forbidden'" smoke --url "$url"
export AWS_SECRET_ACCESS_KEY=smoke-test-key-0f7a
expect 1 "FAIL  a signed request is accepted, and finds no session: expected 404 urn:session-state:not-found, got 404" \
  smoke --url "$url/no-stage"
# `local` checks no permissions, so it lets this application through.
expect 1 "FAIL  create for the application bank is refused: expected 403, got 201" \
  smoke --url "$url" --rounds 0 --other-application bank
no_session_left

# A run that is ended removes its sessions.
expect 1 "FAIL  the run was interrupted" timeout --preserve-status 8 \
  python3 tests/deployed/smoke.py --url "$url" --region eu-central-1 --rounds 100000
no_session_left

# A service that accepts every request, and lets no request wait.
start --max-wait 0
expect 1 "FAIL  create with a wrong signature is refused: expected 403, got 201" smoke --url "$url" --rounds 0
grep -q "^FAIL  a lock waits until the holder releases: expected no answer before the release" "$work/output" ||
  { echo "the smoke test did not see that no request waits"; exit 1; }
expect 1 "skip  a lock waits until the holder releases" smoke --url "$url" --rounds 0 --no-waiting
no_session_left

# A server that quotes the request in its answer, like an API of the type REST.
exec {service}< <(exec python3 - <<'PYTHON'
import http.server
import json
class Quote(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"message": f"No: {self.path} {dict(self.headers)}"}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Quote)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
PYTHON
)
started+=($!)
read -r -u "$service" quoting
expect 1 "Signature=[hidden]'" smoke --url "$quoting"

# It says in one line why it cannot start.
expect 2 "must begin with https://" smoke --url http://example.com
expect 2 "the region is not in the URL" python3 tests/deployed/smoke.py --url https://sessions.example.com
echo 'raise ImportError' >"$work/botocore.py"
PYTHONPATH=$work expect 2 "python3 -m pip install botocore" smoke --url "$url"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
expect 2 "no credentials were found" smoke --url "$url"

# Session ids, lock ids, signatures and the credentials.
uuid='[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-'
if grep -nE "smoke[0-9a-f]{32}|Signature=[0-9a-f]|$uuid|SMOKEKEYID|smoke-test-(key|token)" "$work/all"; then
  echo "expected no secret in the output of the smoke test, got the lines above"
  exit 1
fi
echo "the smoke test fails where it must, leaves no session, and prints no secret"
