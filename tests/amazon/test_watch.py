"""`cargo lambda watch` serves the routes of the HTTP API, and `cargo lambda invoke` sends the events."""

import http.client
import json
import os
import signal
import subprocess

import pytest

import dynamodb
import stack

# The first call of a function compiles it.
PATIENCE = 300


@pytest.fixture(scope="module")
def watch():
    here, there, table = dynamodb.free_port(), dynamodb.free_port(), dynamodb.free_port()
    local = subprocess.Popen(
        [dynamodb.LOCAL, "--port", str(there), "--dynamodb-port", str(table)],
        cwd=stack.ROOT,
        stdout=subprocess.DEVNULL,
    )
    environment = os.environ | {
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{table}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    try:
        dynamodb.wait_for(there, local)
        watching = subprocess.Popen(
            ["cargo", "lambda", "watch", "-A", "127.0.0.1", "-P", str(here), "--ignore-changes"],
            cwd=stack.ROOT,
            env=environment,
            start_new_session=True,
        )
        try:
            dynamodb.wait_for(here, watching)
            yield here
        finally:
            os.killpg(watching.pid, signal.SIGKILL)
    finally:
        local.kill()


def ask(port, method, below="", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Session-Id": "aiaeqbqafqboaeebkycyqgyb"} | (headers or {})
    connection.request(method, f"/apps/shop/session{below}", body, headers)
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


def test_an_event_can_be_sent_by_hand(watch):
    # A function that nobody serves would hang it for ever.
    sent = subprocess.run(
        ["cargo", "lambda", "invoke", "-A", "127.0.0.1", "-P", str(watch), "session-state"]
        + ["--data-file", "events/lock.json"],
        cwd=stack.ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["statusCode"] == 200, sent.stdout


def test_a_removed_session_is_gone(watch):
    lock = json.loads((stack.ROOT / "events/lock.json").read_text())["headers"]["idempotency-key"]
    status, headers, _ = ask(watch, "POST", "/lock", {"Idempotency-Key": lock})
    assert status == 200
    assert ask(watch, "DELETE", headers={"Lock-Id": headers["Lock-Id"]})[0] == 204
    assert ask(watch, "GET")[0] == 404
