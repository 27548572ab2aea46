"""`local --iam` accepts requests that botocore has signed, and refuses all other requests."""

import contextlib
import datetime
import subprocess
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import dynamodb
import stack

GOOD = Credentials("AKID", "secret", "a session token")


@pytest.fixture(scope="module")
def url():
    port = dynamodb.free_port()
    process = subprocess.Popen(
        [dynamodb.LOCAL, "--port", str(port), "--dynamodb-port", "0"]
        + ["--iam", "AKID:secret"],
        stdout=subprocess.DEVNULL,
    )
    try:
        dynamodb.wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()


def send(request):
    prepared = request.prepare()
    sent = urllib.request.Request(
        prepared.url, prepared.body or None, dict(prepared.headers), method=prepared.method
    )
    with contextlib.suppress(urllib.error.HTTPError):
        with urllib.request.urlopen(sent) as answer:
            return answer.status
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(sent)
    return error.value.code


def request(url, path="/apps/shop/session", body=b""):
    headers = {"Session-Id": "s1", "Content-Type": "application/octet-stream"}
    return AWSRequest("PUT", url + path, headers=headers, data=body)


def sign(unsigned, credentials=GOOD, service="execute-api"):
    SigV4Auth(credentials, service, stack.REGION).add_auth(unsigned)
    return unsigned


def test_a_signed_request_is_accepted(url):
    assert send(sign(request(url, body=bytes(range(256))))) in (201, 204)
    assert send(sign(request(url, path="/apps/my%20sh%C3%B6p/session"))) in (201, 204)
    assert send(sign(request(url, path="/apps/shop/session?b=2&a=1%20"))) in (201, 204)


def test_an_unsigned_request_is_refused(url):
    assert send(request(url)) == 403


def test_a_wrongly_signed_request_is_refused(url):
    assert send(sign(request(url), Credentials("AKID", "other"))) == 403
    assert send(sign(request(url), Credentials("OTHER", "secret"))) == 403
    assert send(sign(request(url), service="s3")) == 403
    changed = sign(request(url, body=b"mine"))
    changed.data = b"theirs"
    assert send(changed) == 403


def test_a_request_that_was_signed_6_minutes_ago_is_refused(url, monkeypatch):
    class Past(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(minutes=6)

        @classmethod
        def utcnow(cls):
            return super().utcnow() - datetime.timedelta(minutes=6)

    import botocore.auth

    then = Past.now(datetime.timezone.utc)
    if hasattr(botocore.auth, "get_current_datetime"):
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    else:
        monkeypatch.setattr(botocore.auth.datetime, "datetime", Past)
    assert send(sign(request(url))) == 403
