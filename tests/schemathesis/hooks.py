"""The parts of the contract that OpenAPI cannot express: signatures, and rules across headers."""

import urllib.parse

import requests.auth
import schemathesis
from hypothesis import strategies
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signed(requests.auth.AuthBase):
    """Signs a request with Signature Version 4 when it is sent. The check `ignored_auth` omits this."""

    def __call__(self, request):
        # Signs no other header, because botocore and AWS sign header values with tabs differently.
        host = {"Host": urllib.parse.urlsplit(request.url).netloc}
        signed = AWSRequest(request.method, request.url, headers=host, data=request.body or b"")
        SigV4Auth(Credentials("AKID", "secret"), "execute-api", "eu-central-1").add_auth(signed)
        for name in ("Authorization", "X-Amz-Date"):
            request.headers[name] = signed.headers[name]
        return request


schemathesis.auth.set_from_requests(Signed())

# Values for the formats of openapi.yaml that schemathesis does not know, as their descriptions say.
schemathesis.openapi.format(
    "lock-id",
    strategies.builds(
        "{}.{}".format,
        # Another program may have written the UUID in capitals.
        strategies.uuids().map(str) | strategies.uuids().map(lambda key: str(key).upper()),
        strategies.integers(0, 2**64 - 1),
    ),
)
schemathesis.openapi.format(
    "session-id",
    strategies.text(strategies.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
    .filter(lambda id: units(id) <= 80)
    .map(lambda id: urllib.parse.quote(id, safe="!$&'()*+/:;=?@~")),
)


@schemathesis.deserializer("application/octet-stream")
def items(_, response):
    """The session items are any bytes. As text, they can be checked against `type: string`."""
    return response.content.decode("latin-1")


@schemathesis.hook
def filter_case(_, case):
    """Omits requests in which every header fits the contract, but which break a rule that OpenAPI cannot
    express. Each of these rules of the service has a test in `tests/refusals.rs`."""
    headers = {name.lower(): value for name, value in (case.headers or {}).items()}
    # Schemathesis may have percent-encoded the application already.
    application = decoded((case.path_parameters or {}).get("application", ""))
    return all(
        (
            # The limit of the contract is in UTF-16 units.
            units(application) <= 255,
            # The gateway itself decodes the path and finds no route for these applications, so its 404 is
            # not an answer of the service.
            not set("/?") & set(application),
            # By default, session ids may have dashes and applications may not. Without an application,
            # whose path has `-`, session ids may not, either.
            "-" not in (decoded(headers.get("session-id", "")) if application == "-" else application),
            # The gateway itself refuses a header that is not ASCII, so its 400 is not an answer of the service.
            all(str(value).isascii() for value in headers.values()),
            # The service ignores unknown headers, because every proxy adds some.
            "x-schemathesis-unknown-property" not in headers,
            # A request may have only one of a lock id and the two preconditions.
            sum(name in headers for name in ("if-match", "if-none-match", "lock-id")) <= 1,
            # A touch with a lease needs a lock id.
            case.operation.definition.raw.get("operationId") != "touch"
            or "lock-lease" not in headers
            or "lock-id" in headers,
        )
    )


def decoded(text):
    """The text before it was percent-encoded."""
    return urllib.parse.unquote(str(text))


def units(text):
    """The length of a text in UTF-16 units."""
    return len(str(text).encode("utf-16-le", errors="surrogatepass")) // 2
