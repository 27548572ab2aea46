"""`cargo lambda watch` serves the routes of the HTTP API. `cargo lambda invoke` sends an event."""

import http.client
import json
import os
import signal
import subprocess

import pytest

import dynamodb
import stack

# So long because the first call of a function compiles it.
TIMEOUT_SECONDS = 300


@pytest.fixture(scope="module")
def watch():
    watch_port, local_port, dynamodb_port = (
        dynamodb.free_port(),
        dynamodb.free_port(),
        dynamodb.free_port(),
    )
    local = subprocess.Popen(
        [dynamodb.LOCAL, "--port", str(local_port), "--dynamodb-port", str(dynamodb_port)],
        cwd=stack.ROOT,
        stdout=subprocess.DEVNULL,
    )
    environment = os.environ | {
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{dynamodb_port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    try:
        dynamodb.wait_for(local_port, local)
        watching = subprocess.Popen(
            ["cargo", "lambda", "watch", "-A", "127.0.0.1", "-P", str(watch_port)]
            + ["--ignore-changes"],
            cwd=stack.ROOT,
            env=environment,
            start_new_session=True,
        )
        try:
            dynamodb.wait_for(watch_port, watching)
            yield watch_port
        finally:
            os.killpg(watching.pid, signal.SIGKILL)
    finally:
        local.kill()


def ask(port, method, suffix="", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    headers = {"Session-Id": "aiaeqbqafqboaeebkycyqgyb"} | (headers or {})
    connection.request(method, f"/apps/shop/session{suffix}", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_the_router_serves_every_route(watch):
    assert ask(watch, "POST")[0] == 201
    assert ask(watch, "POST", "/touch")[0] == 204
    status, headers, _ = ask(watch, "POST", "/lock")
    assert status == 200
    lock = {"Lock-Id": headers["Lock-Id"], "Content-Type": "application/octet-stream"}
    assert ask(watch, "DELETE", "/lock", lock)[0] == 204
    assert ask(watch, "PUT", headers=lock, body=bytes(range(256)))[0] == 204
    status, _, body = ask(watch, "GET")
    assert (status, body) == (200, bytes(range(256)))
    status, headers, body = ask(watch, "HEAD")
    assert (status, headers["Session-Timeout"], body) == (200, "20", b"")


def test_cargo_lambda_invoke_sends_an_event(watch):
    # `cargo lambda invoke` waits forever if no server runs the function, so the test has a timeout.
    sent = subprocess.run(
        ["cargo", "lambda", "invoke", "-A", "127.0.0.1", "-P", str(watch), "session-state"]
        + ["--data-file", "events/lock.json"],
        cwd=stack.ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["statusCode"] == 200, sent.stdout


def test_a_removed_session_is_not_found(watch):
    lock = json.loads((stack.ROOT / "events/lock.json").read_text())["headers"]["idempotency-key"]
    status, headers, _ = ask(watch, "POST", "/lock", {"Idempotency-Key": lock})
    assert status == 200
    assert ask(watch, "DELETE", headers={"Lock-Id": headers["Lock-Id"]})[0] == 204
    assert ask(watch, "GET")[0] == 404
