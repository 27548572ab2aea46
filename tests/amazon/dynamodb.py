"""Runs Amazon's DynamoDB Local, and a guard in front of it that enforces the policy of a role."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

import boto3
from moto.iam.access_control import IAMPolicy, PermissionResult

import stack

# The binary of `local`. Without the variable LOCAL, it is the debug build.
LOCAL = pathlib.Path(os.environ.get("LOCAL", stack.ROOT / "target/debug/local"))
JARS = pathlib.Path(os.environ.get("DYNAMODB_LOCAL", stack.ROOT / "target/dynamodb-local"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    """Waits until the process listens on the port, for about a minute at most."""
    for _ in range(600):
        assert process.poll() is None, f"the process ended before it listened on port {port}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"no process listens on port {port}")


@contextlib.contextmanager
def local(port=None, options=()):
    """Runs DynamoDB Local, and yields its port. The default is any free port."""
    port = port or free_port()
    main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
    command = ["java", f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*", main]
    process = subprocess.Popen(
        command + ["-inMemory", "-port", str(port), *options],
        # DynamoDB Local writes a file into its working directory.
        cwd=JARS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def table(port, name):
    """Makes a table in the DynamoDB Local on this port, and yields a client."""
    client = boto3.client(
        "dynamodb",
        stack.REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "SessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "SessionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName=name)


def permitted(statements, action, arn, request):
    """Whether the statements of a role allow the action on the table.

    moto does not support the condition key LeadingKeys, so this function checks it. As in IAM,
    ForAllValues is true for a call without a key, and the operator Null can demand a key.
    """
    key = [value["S"] for value in request.get("Key", {}).values()]

    def applies(statement):
        condition = statement.get("Condition", {})
        keys = condition.get("ForAllValues:StringEquals", {}).get("dynamodb:LeadingKeys")
        absent = condition.get("Null", {}).get("dynamodb:LeadingKeys")
        if absent is not None and (absent == "true") != (not key):
            return False
        return keys is None or set(key) <= set(keys)

    kept = [
        {name: value for name, value in statement.items() if name != "Condition"}
        for statement in statements
        if applies(statement)
    ]
    policy = IAMPolicy(json.dumps({"Version": "2012-10-17", "Statement": kept}))
    return policy.is_action_permitted(action, arn) == PermissionResult.PERMITTED


@contextlib.contextmanager
def guarded(upstream, statements):
    """Runs a guard in front of the DynamoDB Local on port `upstream`.

    The guard forwards the calls that the statements allow. It answers all other calls as DynamoDB
    does, with AccessDeniedException. Yields the port of the guard and the list of the actions that
    it has received.
    """
    seen = []

    class Guard(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            action = "dynamodb:" + self.headers["X-Amz-Target"].rsplit(".", 1)[-1]
            request = json.loads(body)
            table = request.get("TableName", "")
            arn = f"arn:aws:dynamodb:{stack.REGION}:{stack.ACCOUNT}:table/{table}"
            seen.append(action)
            if permitted(statements, action, arn, request):
                connection = http.client.HTTPConnection("127.0.0.1", upstream)
                connection.request("POST", "/", body, dict(self.headers))
                answer = connection.getresponse()
                self.answer(answer.status, answer.read())
            else:
                kind = "com.amazon.coral.service#AccessDeniedException"
                self.answer(400, json.dumps({"__type": kind, "message": action}).encode())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
