"""Does what docs/sam-local.md says: runs the functions in containers, with DynamoDB Local.

`sam_local.sh` starts the container engine and runs these tests. The variable SAM_LOCAL_HOST is the
address at which a container reaches this machine.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shlex
import socket
import subprocess
import tempfile

import pytest

import dynamodb
import stack
from test_functions import KEY, STATUS, TABLE, locked

PAGE = (stack.ROOT / "docs/sam-local.md").read_text()
BUILD = stack.ROOT / "target/sam-local/build/template.yaml"
# The ports of the page and of the tour in the README.
DYNAMODB_PORT, API_PORT = 8000, 3000
# As a new user without an AWS account. With credentials, SAM would ask AWS for the account number.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
}


def sam(command):
    """The arguments of a command of the page, and those that only the tests need."""
    assert f"\n{command}\n" in PAGE, f"docs/sam-local.md does not have the command {command}"
    return shlex.split(command) + [
        # SAM looks for the file beside the template of the build.
        *("--config-file", stack.ROOT / "samconfig.toml", "--template", BUILD),
        *("--parameter-overrides", "Architecture=x86_64", "--skip-pull-image"),
    ]


def invoke(operation):
    """Sends the event of an operation to its function, in a new container. Returns the answer."""
    command = sam("sam local invoke LockFunction -e events/lock.json")
    replaced = {
        "LockFunction": f"{operation.capitalize()}Function",
        "events/lock.json": f"events/{operation}.json",
    }
    ended = subprocess.run(
        [replaced.get(argument, argument) for argument in command],
        cwd=stack.ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Mounting" in ended.stderr and "SAM_CONTAINER_ID" in ended.stderr, ended.stderr
    return json.loads(ended.stdout)


def check_free(port):
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0, f"another program has the port {port}"


@pytest.fixture(scope="module")
def amazon():
    check_free(DYNAMODB_PORT)
    # Without -sharedDb, each access key and region would have tables of its own.
    with dynamodb.local(DYNAMODB_PORT, ["-sharedDb"]) as port:
        yield port


@pytest.fixture
def table(amazon):
    with dynamodb.table(amazon, TABLE) as client:
        yield client


@contextlib.contextmanager
def running(command, port):
    """Runs a program until the end of the block. Yields the file with its output."""
    check_free(port)
    with tempfile.NamedTemporaryFile() as file:
        output = pathlib.Path(file.name)
        process = subprocess.Popen(
            command, cwd=stack.ROOT, env=ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            dynamodb.wait_for(port, process)
            yield output
        finally:
            # Not SIGINT: a script that runs in the background ignores it, and so do its children.
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()
                # pytest shows this if the test fails.
                print(output.read_text())


def test_a_function_in_a_container_reaches_the_dynamodb_of_local_only_if_local_listens_there():
    """This test comes first: DynamoDB Local has the same port in the other tests."""
    host = os.environ["SAM_LOCAL_HOST"]
    for options, status in [((), 503), (("--dynamodb-host", host), 201)]:
        command = [dynamodb.LOCAL, "--port", str(dynamodb.free_port()), *options]
        assert "cargo run -p local -- --dynamodb-host" in PAGE
        with running(command, int(command[2])):
            assert invoke("create")["statusCode"] == status, options


def test_every_file_in_events_is_sent_by_these_tests():
    files = {path.stem for path in (stack.ROOT / "events").glob("*")}
    assert files == set(STATUS) | {"sweep"}


@pytest.mark.parametrize("operation", STATUS)
def test_sam_local_invoke_runs_the_function_with_its_event(table, operation):
    if operation != "create":
        locked(table)

    answer = invoke(operation)

    assert answer["statusCode"] == STATUS[operation], answer
    item = table.get_item(TableName=TABLE, Key=KEY).get("Item")
    assert (item is None) == (operation == "remove"), item


def test_sam_local_invoke_runs_the_sweep(table):
    locked(table)
    expired = {"S": "2020-11-20T22:13:58.273Z"}
    item = {"SessionId": {"S": "gone"}, "CreateDate": expired, "Expires": expired}
    table.put_item(TableName=TABLE, Item=item)

    report = invoke("sweep")

    assert (report["scanned"], report["expired"], report["deleted"]) == (2, 1, 1), report
    assert "Item" in table.get_item(TableName=TABLE, Key=KEY)


def test_the_tour_of_the_readme_runs_against_sam_local_start_api(table):
    with running(sam("sam local start-api") + ["--debug"], API_PORT) as output:
        url = f"http://127.0.0.1:{API_PORT}"
        ended = subprocess.run(
            ["tests/tour.sh", url], cwd=stack.ROOT, capture_output=True, text=True, timeout=300
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr
        # The template also has a REST API, with the same routes. SAM must serve the HTTP API.
        assert "Constructed Event Version 2.0" in output.read_text()
        assert "Constructed Event 1.0" not in output.read_text()


def test_sam_local_start_api_passes_every_byte_in_both_directions(table):
    locked(table)
    event = json.loads((stack.ROOT / "events/store.json").read_text())
    session = {"Session-Id": event["headers"]["session-id"]}
    lock = {"Lock-Id": event["headers"]["lock-id"], "Content-Type": "application/octet-stream"}

    def ask(method, headers, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=120)
        connection.request(method, "/apps/shop/session", body, session | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    with running(sam("sam local start-api"), API_PORT):
        assert ask("PUT", lock, bytes(range(256))) == (204, b"")
        assert ask("GET", {}) == (200, bytes(range(256)))
