#!/usr/bin/env python3
"""Checks a deployed stack: sends signed requests to it, and compares each answer with the contract.

It needs Python 3.9 or later and botocore. It creates sessions with random ids in an application that no
web tier should use, and removes them at the end, also after a failure. It prints neither session ids, nor
lock ids, nor credentials. The exit status is 0 if every check held, 1 if one failed, and 2 if it could
not start.
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import re
import signal
import socket
import sys
import time
import urllib.parse
import uuid

try:
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies
except ImportError:
    print("smoke.py needs botocore. Install it with: python3 -m pip install botocore", file=sys.stderr)
    sys.exit(2)

EXAMPLES = """\
examples:
  smoke.py --url https://abcdefghij.execute-api.eu-central-1.amazonaws.com
  smoke.py --url https://sessions.example.com --region eu-central-1 --profile web
  smoke.py --url https://... --application smoketest --other-application bank

The credentials come from the environment, a profile or the role of the machine, as for the command line
tool of AWS. They need the permission to call the application of --application. With the default number of
rounds, a run sends about 530 requests.
"""

ROUTES = {
    "create": ("POST", "session"),
    "fetch": ("GET", "session"),
    "inspect": ("HEAD", "session"),
    "lock": ("POST", "session/lock"),
    "store": ("PUT", "session"),
    "release": ("DELETE", "session/lock"),
    "touch": ("POST", "session/touch"),
    "remove": ("DELETE", "session"),
}

# A session that this script could not remove expires after this many minutes.
TIMEOUT = {"Session-Timeout": "5"}
# A function waits 15 seconds at most and then has ten seconds for DynamoDB.
ANSWER_SECONDS = 30
# How long the holder keeps its lock while another request waits for it.
HELD_SECONDS = 2
KB = 1024
SIZES = {"0 bytes": 0, "1 byte": 1, "20 KB": 20 * KB, "290 KB": 290 * KB}
# The largest session has about 299 KB.
TOO_LARGE = 310 * KB
LATENCY_BYTES = 2 * KB

Session = collections.namedtuple("Session", "application id")


class Failed(Exception):
    """A check failed. The text says what was expected and what came."""


class Report:
    """Prints the results and counts them."""

    def __init__(self):
        self.held = self.failed = self.skipped = 0
        self.secrets = set()

    def hide(self, *secrets):
        self.secrets.update(secret for secret in secrets if secret)

    def say(self, text):
        # An API of the type REST quotes the whole request in its answer to a wrong signature. So every
        # line is searched for secrets, whatever it is about. The longest go first, because one secret
        # may contain another.
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        print(text, flush=True)

    def ok(self, rule):
        self.held += 1
        self.say(f"ok    {rule}")

    def skip(self, text):
        self.skipped += 1
        self.say(f"skip  {text}")

    def fail(self, text):
        self.failed += 1
        self.say(f"FAIL  {text}")


class Answer:
    def __init__(self, response, seconds):
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.seconds = seconds

    def header(self, name):
        return self.headers.get(name)

    def member(self, *names):
        """A member of a JSON body, or None."""
        if "json" not in (self.header("Content-Type") or ""):
            return None
        try:
            body = json.loads(self.body)
        except ValueError:
            return None
        return next((body[name] for name in names if name in body), None)

    def __str__(self):
        parts = [str(self.status)]
        if self.member("type"):
            parts += [self.member("type"), f"({self.member('detail')})"]
        elif message := self.member("message", "Message"):
            # What follows these words quotes the request.
            message = str(message).split("The Canonical String")[0].strip()
            parts.append(f"with the message {message!r}")
        elif self.body:
            parts.append(f"with {len(self.body)} bytes of {self.header('Content-Type')}")
        # The access log of the API has this id.
        if request := self.header("apigw-requestid") or self.header("x-amzn-requestid"):
            parts.append(f"(request {request})")
        return " ".join(parts)


class Service:
    def __init__(self, url, region, credentials, http, report):
        self.url = url.rstrip("/")
        self.region = region
        self.credentials = credentials
        self.http = http
        self.report = report
        # Sessions that may exist.
        self.sessions = set()
        # The duration of the first request of each operation, in seconds.
        self.first = {}

    def new_session(self, application):
        # Neither name has a dash, so both are valid whatever the setting of dashes is.
        session = Session(application, f"smoke{uuid.uuid4().hex}")
        self.report.hide(session.id)
        return session

    def send(self, operation, session, headers=None, body=None, secret=None, signed=True):
        """Sends one request. `secret` replaces the secret key of the credentials."""
        method, path = ROUTES[operation]
        url = f"{self.url}/apps/{urllib.parse.quote(session.application, safe='')}/{path}"
        headers = {"Session-Id": session.id, **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/octet-stream"
        request = AWSRequest(method, url, headers=headers, data=body)
        if signed:
            # Credentials of a role change while the script runs.
            frozen = self.credentials.get_frozen_credentials()
            self.report.hide(frozen.access_key, frozen.secret_key, frozen.token)
            key = Credentials(frozen.access_key, secret or frozen.secret_key, frozen.token)
            SigV4Auth(key, "execute-api", self.region).add_auth(request)
            # Whoever has the signature can send the same request again for five minutes.
            self.report.hide(request.headers["Authorization"].partition("Signature=")[2])

        new = operation in ("create", "store") and session not in self.sessions
        if new:
            self.sessions.add(session)
        start = time.monotonic()
        try:
            response = self.http.send(request.prepare())
        except BotoCoreError as error:
            raise Failed(f"{operation}: expected an answer, got {type(error).__name__}: {error}") from None
        answer = Answer(response, time.monotonic() - start)
        self.report.hide(answer.header("Lock-Id"))
        self.first.setdefault(operation, answer.seconds)
        if new and answer.status == 403 or operation == "remove" and answer.status == 204:
            self.sessions.discard(session)
        return answer

    def clean_up(self):
        """Removes the sessions that may exist. Returns how many could not be removed."""
        try:
            for session in list(self.sessions):
                self.remove(session)
        except (Failed, BotoCoreError):
            pass  # No answer: the other sessions would get none either.
        return len(self.sessions)

    def remove(self, session):
        for _ in range(5):
            answer = self.send("remove", session)
            if answer.status == 204:
                return
            if answer.status == 423:
                self.send("release", session, {"Lock-Id": answer.header("Lock-Id") or ""})
            else:
                time.sleep(0.5)


class Smoke:
    def __init__(self, service, options, report):
        self.service = service
        self.options = options
        self.report = report

    def session(self):
        return self.service.new_session(self.options.application)

    def check(self, rule, answer, status, kind=None, body=None, headers=None, quiet=False):
        """Compares an answer with the contract. A header with the value None must be absent, and one
        with the value True must be present."""
        wrong = []
        if answer.status != status or kind and answer.member("type") != f"urn:session-state:{kind}":
            wrong.append((f"{status} {f'urn:session-state:{kind}' if kind else ''}".strip(), str(answer)))
        if not wrong and body is not None and answer.body != body:
            wrong.append((f"the {len(body)} bytes that were stored", f"{len(answer.body)} other bytes"))
        for name, value in {} if wrong else (headers or {}).items():
            came = answer.header(name)
            if value is None and came is not None:
                wrong.append((f"no header {name}", repr(came)))
            elif value is True and came is None:
                wrong.append((f"the header {name}", "none"))
            elif isinstance(value, str) and came != value:
                wrong.append((f"{name}: {value}", repr(came)))
        if wrong:
            raise Failed(f"{rule}: expected {wrong[0][0]}, got {wrong[0][1]}")
        if not quiet:
            self.report.ok(rule)
        return answer

    def locked(self, session, rule="a lock succeeds", **more):
        answer = self.service.send("lock", session)
        self.check(rule, answer, 200, headers={"Lock-Id": True}, **more)
        return {"Lock-Id": answer.header("Lock-Id")}

    def tour(self):
        send, check, session = self.service.send, self.check, self.session()
        first, second = b"first", b"second"

        check("create makes a session", send("create", session, TIMEOUT), 201)
        check("a second create finds it", send("create", session, TIMEOUT), 200)
        empty = {"Session-Actions": "initialize", "Cache-Control": "no-store", **TIMEOUT}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        check("the first fetch is told to initialize", send("fetch", session, key), 200, None, b"", empty)
        untold = {"Session-Actions": None, "Session-Expires": True, "Lock-Age": None}
        check("the next fetch is not", send("fetch", session), 200, None, b"", untold)
        free = {"Session-Expires": True, "Lock-Age": None, **TIMEOUT}
        check("inspect finds the session free", send("inspect", session), 200, None, b"", free)

        lock = self.locked(session, body=b"")
        held = {"Lock-Age": True, "Retry-After": True, **lock}
        check("a second lock is refused, and the answer names the holder's lock", send("lock", session),
              423, "locked", headers=held)
        check("inspect finds the session locked", send("inspect", session), 200, headers={"Lock-Age": True})
        check("a store without the lock is refused", send("store", session, TIMEOUT, second), 423, "locked")
        check("the holder stores", send("store", session, {**lock, **TIMEOUT}, first), 204)
        check("the store released the lock", send("fetch", session), 200, None, first, {"Lock-Age": None})

        newer = self.locked(session, "the session can be locked again", body=first)
        check("a store under the lost lock is refused", send("store", session, lock, second),
              409, "lock-lost")
        check("a touch keeps the lock", send("touch", session, TIMEOUT), 204)
        check("the holder releases its lock", send("release", session, {**newer, **TIMEOUT}), 204)
        check("a fetch finds it free and unchanged", send("fetch", session), 200, None, first,
              {"Lock-Age": None})

        key = {"Idempotency-Key": str(uuid.uuid4()), **TIMEOUT}
        check("a store without a lock succeeds", send("store", session, key, second), 204)
        check("a resend of it succeeds, too", send("store", session, key, second), 204)
        check("its key is refused for other bytes", send("store", session, key, first), 422, "key-reused")
        check("the refused store wrote nothing", send("fetch", session), 200, None, second)

        check("remove ends the session", send("remove", session), 204)
        check("a fetch no longer finds it", send("fetch", session), 404, "not-found")
        check("inspect no longer finds it", send("inspect", session), 404, None, b"")

    def waiting(self):
        rule = "a lock waits until the holder releases"
        if self.options.no_waiting:
            self.report.skip(f"{rule}: --no-waiting")
            return
        send, session = self.service.send, self.session()
        self.check("create before waiting", send("create", session, TIMEOUT), 201, quiet=True)
        lock = self.locked(session, "lock before waiting", quiet=True)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiter = pool.submit(send, "lock", session, {"Prefer": "wait=10"})
            time.sleep(HELD_SECONDS)
            early = waiter.done()
            self.check("the holder releases while another request waits", send("release", session, lock), 204)
            answer = waiter.result()
        if early:
            raise Failed(f"{rule}: expected no answer before the release, got one after {answer.seconds:.1f} s: "
                         f"{answer}. If MaxWaitSeconds of the stack is less than {HELD_SECONDS + 1}, use "
                         "--no-waiting")
        self.check(rule, answer, 200, headers={"Lock-Id": True, "Preference-Applied": True})
        lock = {"Lock-Id": answer.header("Lock-Id")}
        self.check("the waiter holds the lock and removes the session", send("remove", session, lock), 204)

    def sizes(self):
        send, check = self.service.send, self.check
        for name, size in SIZES.items():
            session, body = self.session(), os.urandom(size)
            key = {"Idempotency-Key": str(uuid.uuid4()), **TIMEOUT}
            check(f"a store of {name} makes a session", send("store", session, key, body), 201)
            check(f"a fetch returns these {name}", send("fetch", session), 200, None, body)
            lock = self.locked(session, f"a lock of {name} returns them", body=body)
            check(f"the holder stores {name}", send("store", session, {**lock, **TIMEOUT}, body[::-1]), 204)
            check(f"a fetch returns the new {name}", send("fetch", session), 200, None, body[::-1])
            check(f"remove ends a session of {name}", send("remove", session), 204)

        session, body = self.session(), b"small"
        check("store before a store that is too large", send("store", session, TIMEOUT, body), 201, quiet=True)
        lock = self.locked(session, "lock before a store that is too large", quiet=True)
        check(f"a store of {TOO_LARGE // KB} KB is refused",
              send("store", session, lock, os.urandom(TOO_LARGE)), 413, "too-large")
        check("it left the session as it was, and released the lock", send("fetch", session), 200, None,
              body, {"Lock-Age": None})

    def refusals(self):
        send, session = self.service.send, self.session()
        # Some of these operations would create the session if the API let them through.
        for operation in ROUTES:
            self.check(f"{operation} with a wrong signature is refused",
                       self.crafted(operation, session, secret="wrong" * 8), 403)
            self.check(f"{operation} without a signature is refused",
                       self.crafted(operation, session, signed=False), 403)
        self.check("the refused requests created nothing", send("inspect", session), 404)

        other = self.options.other_application
        if other is None:
            self.report.skip("another application is refused: name one that the policy of your credentials "
                             "does not allow, with --other-application")
            return
        session = self.service.new_session(other)
        for operation in ROUTES:
            self.check(f"{operation} for the application {other} is refused",
                       self.crafted(operation, session), 403)

    def crafted(self, operation, session, **how):
        """A request that the functions would accept, with every header that its operation requires."""
        headers = {"release": {"Lock-Id": f"{uuid.uuid4()}.1"}, "create": TIMEOUT, "store": TIMEOUT}
        return self.service.send(operation, session, headers.get(operation),
                                 b"x" if operation == "store" else None, **how)

    def latencies(self):
        send = self.service.send
        seconds = {operation: [] for operation in ROUTES}
        body = os.urandom(LATENCY_BYTES)

        def step(operation, status, headers=None, body=None):
            answer = send(operation, session, headers, body)
            self.check(f"{operation} in a round", answer, status, quiet=True)
            seconds[operation].append(answer.seconds)
            return {"Lock-Id": answer.header("Lock-Id"), **TIMEOUT}

        for _ in range(self.options.rounds):
            session = self.session()
            step("create", 201, TIMEOUT)
            step("store", 204, step("lock", 200), body)
            step("fetch", 200)
            step("inspect", 200)
            step("release", 204, step("lock", 200))
            step("touch", 204, TIMEOUT)
            step("remove", 204)
        if self.options.rounds:
            self.report.ok(f"{self.options.rounds} rounds, one request after the other, with {LATENCY_BYTES // KB} KB")
            self.table(seconds)

    def table(self, seconds):
        columns = "{:<9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}"
        say = self.report.say
        say("\nMilliseconds from here to the answer. `first` is the first request of this run: it may include")
        say("the start of a function. The others are the rounds.\n")
        say(columns.format("operation", "first", "requests", "p50", "p90", "p99", "slowest"))
        for operation, values in seconds.items():
            values.sort()
            ranks = [values[math.ceil(len(values) * part) - 1] for part in (0.5, 0.9, 0.99, 1)]
            milliseconds = [f"{value * 1000:.1f}" for value in [self.service.first[operation], *ranks]]
            say(columns.format(operation, milliseconds[0], len(values), *milliseconds[1:]))
        say("")

    def run(self):
        # If this request fails, all others fail, too.
        answer = self.service.send("fetch", self.session())
        try:
            self.check("a signed request is accepted, and finds no session", answer, 404, "not-found")
        except Failed as failed:
            self.report.fail(str(failed))
            if answer.status == 403:
                self.report.say("      Check the credentials, the region, and that the policy of the caller "
                                f"allows the application {self.options.application}.")
            elif answer.status == 404:
                self.report.say("      No function has answered. Check the URL.")
            return
        for part in (self.tour, self.waiting, self.sizes, self.refusals, self.latencies):
            try:
                part()
            except Failed as failed:
                self.report.fail(str(failed))


def url(text):
    parts = urllib.parse.urlsplit(text)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise argparse.ArgumentTypeError("must begin with https://, or be an http:// URL of this machine")
    if parts.username or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("must have no user, no query and no fragment")
    return text


def rounds(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a number, 0 or more")
    return int(text)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, type=url,
                        help="the URL of the service: the output Url of the stack")
    parser.add_argument("--region", help="the region of the stack (default: the region in the URL, else that "
                        "of the environment or the profile)")
    parser.add_argument("--profile", help="the profile with the credentials")
    parser.add_argument("--application", default="smoketest", metavar="NAME",
                        help="the application of the sessions (default: %(default)s)")
    parser.add_argument("--other-application", metavar="NAME", help="an application that the policy of the "
                        "credentials does not allow: every operation must be refused for it")
    parser.add_argument("--no-waiting", action="store_true", help="do not check that a lock waits: for a stack "
                        f"whose MaxWaitSeconds is less than {HELD_SECONDS + 1}")
    parser.add_argument("--rounds", type=rounds, default=50, metavar="N", help="how many rounds measure the "
                        "latency; below 100, p99 is the slowest request (default: %(default)s)")
    return parser.parse_args()


def connect(options, report):
    session = botocore.session.Session(profile=options.profile)
    credentials = session.get_credentials()
    if credentials is None:
        raise LookupError("no credentials were found: set AWS_PROFILE, or use --profile")
    in_url = re.search(r"\.execute-api\.([a-z0-9-]+)\.", options.url)
    region = (options.region or in_url and in_url[1] or os.environ.get("AWS_REGION")
              or session.get_config_variable("region"))
    if not region:
        raise LookupError("the region is not in the URL: use --region")
    # It verifies TLS with the certificates of botocore or of AWS_CA_BUNDLE, uses the proxy of the
    # environment, keeps connections, and sends nothing a second time. Without TCP_NODELAY, the body of a
    # store waits up to 40 ms for an acknowledgement of its headers.
    http = URLLib3Session(verify=session.get_config_variable("ca_bundle") or True,
                          proxies=get_environ_proxies(options.url), timeout=ANSWER_SECONDS,
                          socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])
    frozen = credentials.get_frozen_credentials()
    report.hide(frozen.access_key, frozen.secret_key, frozen.token)
    return Service(options.url, region, credentials, http, report)


def stop(*_):
    # The clean-up follows. A second signal must not end it; `timeout` sends two.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    options, report = parse_options(), Report()
    try:
        service = connect(options, report)
    except (BotoCoreError, LookupError) as error:
        print(f"smoke.py: {error}", file=sys.stderr)
        return 2

    report.say(f"{service.url}, region {service.region}, application {options.application}\n")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        Smoke(service, options, report).run()
    except KeyboardInterrupt:
        report.fail("the run was interrupted")
    except Failed as failed:
        report.fail(str(failed))
    except Exception as error:  # A traceback could quote a request.
        report.fail(f"{type(error).__name__}: {error}")
    finally:
        left = service.clean_up()
    if left:
        report.fail(f"clean-up: expected no session left, got {left}, which expire by themselves in "
                    f"{TIMEOUT['Session-Timeout']} minutes")
    report.say(f"{report.held} checks held, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
