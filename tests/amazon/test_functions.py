"""Runs each function as deployed, in Amazon's Runtime Interface Emulator, with DynamoDB Local.

A function gets the environment variables of the template and of Lambda. From the environment of the
tests it gets only PATH. A guard in front of DynamoDB Local denies every call that the role of the
function does not allow.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest
import samcli

import dynamodb
import stack

EMULATOR = pathlib.Path(samcli.__file__).parent / "local/rapid/aws-lambda-rie-x86_64"
STATUS = {
    "create": 201,
    "fetch": 200,
    "inspect": 200,
    "lock": 200,
    "store": 204,
    "release": 204,
    "touch": 204,
    "remove": 204,
}
TABLE = "ASP.NET_SessionState"
KEY = {"SessionId": {"S": "shop-aiaeqbqafqboaeebkycyqgyb"}}


@pytest.fixture(scope="module")
def upstream():
    with dynamodb.local() as port:
        yield port


@pytest.fixture
def table(upstream):
    with dynamodb.table(upstream, TABLE) as client:
        yield client


def statements(operation):
    policies = stack.resolved()[f"{operation.capitalize()}FunctionRole"]["Properties"]["Policies"]
    return [
        statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]
    ]


@contextlib.contextmanager
def running(operation, upstream, role=None, variables=None):
    """Runs the function of an operation.

    `role` names another operation, whose role the function gets. `variables` replace environment
    variables.
    """
    properties = stack.resolved()[f"{operation.capitalize()}Function"]["Properties"]
    with dynamodb.guarded(upstream, statements(role or operation)) as (port, seen):
        environment = properties["Environment"]["Variables"] | {
            # Lambda sets these two from the logging configuration of the template.
            "AWS_LAMBDA_LOG_FORMAT": properties["LoggingConfig"]["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": properties["LoggingConfig"]["ApplicationLogLevel"],
            "_HANDLER": properties["Handler"],
            "AWS_LAMBDA_FUNCTION_NAME": operation,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": properties["MemorySize"],
            "AWS_REGION": stack.REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            # The SDK reads the address of DynamoDB from this variable.
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}",
            "PATH": os.environ["PATH"],
        } | (variables or {})
        invoke, runtime = dynamodb.free_port(), dynamodb.free_port()
        process = subprocess.Popen(
            [
                EMULATOR,
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{invoke}",
                "--runtime-api-address",
                f"127.0.0.1:{runtime}",
                stack.ROOT / "target/lambda-x86_64/session-state/bootstrap",
            ],
            env={name: str(value) for name, value in environment.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            dynamodb.wait_for(invoke, process)
            yield Function(invoke, seen, process)
        finally:
            process.kill()


class Function:
    def __init__(self, port, seen, process):
        self.port, self.seen, self.process = port, seen, process

    def send(self, operation, **headers):
        event = json.loads((stack.ROOT / f"events/{operation}.json").read_text())
        if headers:
            event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        event = json.dumps(event).encode()
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, event), timeout=60) as answer:
            return json.load(answer)

    def lines(self):
        """Stops the function, and returns the JSON lines of its log."""
        self.process.kill()
        lines = self.process.stdout.read().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def locked(table):
    """Puts the session of the events into the table, with the lock that the events name."""
    event = json.loads((stack.ROOT / "events/store.json").read_text())
    key, generation = event["headers"]["lock-id"].split(".")
    item = KEY | {
        "CreateDate": {"S": "2026-11-20T21:53:58.273Z"},
        "Expires": {"S": "2999-11-20T22:13:58.273Z"},
        "Locked": {"N": "1"},
        "LockId": {"S": key},
        "LockGeneration": {"N": generation},
        "LockDate": {"S": "2026-11-20T21:53:59.273Z"},
        "Flags": {"N": "0"},
    }
    table.put_item(TableName=TABLE, Item=item)


@pytest.mark.parametrize("operation", STATUS)
def test_a_function_answers_its_event_under_its_own_role(table, upstream, operation):
    if operation != "create":
        locked(table)
    with running(operation, upstream) as function:
        answer = function.send(operation)

        assert answer["statusCode"] == STATUS[operation], answer
        assert answer["headers"]["cache-control"] == "no-store"
        # The answer to a HEAD request has no body.
        assert operation != "inspect" or not answer.get("body"), answer
        assert function.seen[0] == "dynamodb:DescribeTable"
        [event] = [line for line in function.lines() if "_aws" in line]
    assert (event["Operation"], event["Outcome"]) == (operation, "ok")
    assert event["RequestId"]
    assert event["ColdStarts"] == 1


def test_a_function_refuses_the_event_of_another_operation(table, upstream):
    locked(table)
    with running("fetch", upstream) as function:
        answer = function.send("lock")

        assert "serves the operation fetch" in answer["errorMessage"], answer
        assert function.seen == ["dynamodb:DescribeTable"]
        lines = function.lines()
    [line] = [line for line in lines if line.get("message") == "event was refused"]
    assert (line["level"], line["operation"]) == ("ERROR", "fetch"), line
    # The first line of the log has the version and the operation.
    assert lines[0]["version"] == "0.1.0" and lines[0]["assignment"] == "fetch", lines[0]


def test_with_the_handler_bootstrap_the_route_of_the_event_names_the_operation(table, upstream):
    """`bootstrap` names no operation. Tools such as `cargo lambda` set this handler."""
    locked(table)
    with running("fetch", upstream, variables={"_HANDLER": "bootstrap"}) as function:
        assert "lock-id" not in function.send("fetch")["headers"]
        # The route of this event names the lock operation. The role of fetch allows its calls too.
        assert "lock-id" in function.send("lock")["headers"]


def test_a_function_with_an_unknown_handler_does_not_start(table, upstream):
    with running("fetch", upstream, variables={"_HANDLER": "fetsch"}) as function:
        with pytest.raises(Exception):
            function.send("fetch")
        lines = function.lines()
    assert any("_HANDLER" in line.get("error", "") for line in lines), lines


def test_the_role_of_lock_allows_a_waiter_to_read_the_lock(table, upstream):
    locked(table)
    other = "00000000-0000-4000-8000-000000000001"
    seen = json.loads((stack.ROOT / "events/store.json").read_text())["headers"]["lock-id"]
    with running("lock", upstream) as function:
        waited = function.send("lock", idempotency_key=other, prefer="wait=1")
        polled = function.send("lock", idempotency_key=other, lock_seen=seen)

        assert (waited["statusCode"], polled["statusCode"]) == (423, 423), (waited, polled)
        assert waited["headers"]["preference-applied"] == "wait=1"
        assert "dynamodb:GetItem" in function.seen


def test_the_sweep_answers_its_event_under_its_own_role(table, upstream):
    locked(table)
    table.put_item(
        TableName=TABLE,
        Item={
            "SessionId": {"S": "gone"},
            "CreateDate": {"S": "2020-11-20T21:53:58.273Z"},
            "Expires": {"S": "2020-11-20T22:13:58.273Z"},
        },
    )
    with running("sweep", upstream) as function:
        report = function.send("sweep")

    assert (report["scanned"], report["expired"], report["deleted"]) == (2, 1, 1), report
    assert report["complete"] and report["segments"] == 4 and report["pass_ended"], report
    assert "Item" not in table.get_item(TableName=TABLE, Key={"SessionId": {"S": "gone"}})


def test_the_default_role_of_the_sweep_cannot_mark_a_ghost_item(table, upstream):
    """The function tries to mark a ghost item. Only a stack that deletes ghosts allows this."""
    table.put_item(TableName=TABLE, Item={"SessionId": {"S": "ghost"}, "Flags": {"N": "0"}})
    variables = {"SWEEP_GHOSTS_AFTER_HOURS": "24"}
    with running("sweep", upstream, variables=variables) as function:
        answer = function.send("sweep")

    assert "AccessDenied" in answer["errorMessage"], answer
    assert set(table.get_item(TableName=TABLE, Key={"SessionId": {"S": "ghost"}})["Item"]) == {
        "SessionId",
        "Flags",
    }


@pytest.mark.parametrize(
    ("operation", "role"),
    [("create", "lock"), ("fetch", "remove"), ("inspect", "remove"), ("lock", "remove")]
    + [("store", "remove"), ("release", "create"), ("touch", "remove"), ("remove", "lock")],
)
def test_under_another_role_a_function_answers_500_and_logs_why(table, upstream, operation, role):
    """The guard enforces roles. A denied call is a failure, so the function does not answer 404."""
    locked(table)
    with running(operation, upstream, role) as function:
        answer = function.send(operation)

        assert answer["statusCode"] == 500, answer
        # A later send fails in the same way.
        assert "retry-after" not in answer["headers"], answer
        [line] = [line for line in function.lines() if line.get("level") == "ERROR"]
    assert "AccessDenied" in line["error"]
    assert line["span"]["requestId"]
