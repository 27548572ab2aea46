"""What the contract needs that OpenAPI has no words for: signatures, and rules across headers."""

import urllib.parse

import requests.auth
import schemathesis
from hypothesis import strategies
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signed(requests.auth.AuthBase):
    """Signs a request as it is sent, with Signature Version 4: `ignored_auth` leaves it out."""

    def __call__(self, request):
        # No other header: of those that have tabs, botocore and AWS sign different spellings.
        host = {"Host": urllib.parse.urlsplit(request.url).netloc}
        signed = AWSRequest(request.method, request.url, headers=host, data=request.body or b"")
        SigV4Auth(Credentials("AKID", "secret"), "execute-api", "eu-central-1").add_auth(signed)
        for name in ("Authorization", "X-Amz-Date"):
            request.headers[name] = signed.headers[name]
        return request


schemathesis.auth.set_from_requests(Signed())

# The formats that OpenAPI does not know, each as its description says.
schemathesis.openapi.format(
    "lock-id",
    strategies.builds("{}.{}".format, strategies.uuids(), strategies.integers(0, 2**64 - 1)),
)
schemathesis.openapi.format(
    "session-id",
    strategies.text(strategies.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
    .filter(lambda id: units(id) <= 80 and "-" not in id)
    .map(lambda id: urllib.parse.quote(id, safe="!$&'()*+/:;=?@~")),
)


@schemathesis.deserializer("application/octet-stream")
def items(_, response):
    """The caller's bytes have no form; as text they can be held against `type: string`."""
    return response.content.decode("latin-1")


@schemathesis.hook
def filter_case(_, case):
    """Leaves out what fits the contract header by header and breaks a rule that OpenAPI cannot say.
    Each of these has a test of its own, in `tests/refusals.rs`."""
    headers = {name.lower(): value for name, value in (case.headers or {}).items()}
    return all(
        (
            # Lengths are in UTF-16 units.
            units((case.path_parameters or {}).get("application", "")) <= 255,
            # Every proxy adds headers that nobody here knows.
            "x-schemathesis-unknown-property" not in headers,
            # A lock excludes preconditions, and these exclude each other.
            sum(name in headers for name in ("if-match", "if-none-match", "lock-id")) <= 1,
            # A lease is renewed for a lock.
            case.operation.definition.raw.get("operationId") != "touch"
            or "lock-lease" not in headers
            or "lock-id" in headers,
        )
    )


def units(text):
    """UTF-16 units."""
    return len(str(text).encode("utf-16-le", errors="surrogatepass")) // 2
