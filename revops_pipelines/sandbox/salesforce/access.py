"""Who may call Salesforce, and how often: tokens and the day's calls.

Belongs here: the OAuth endpoint and the manners of the frame. Does not: answers to good calls.

Two ways in: client credentials, and a JWT bearer assertion signed with `keypair.private_key()`.
Tokens live two hours of the sandbox's clock, as a session does, and nothing in the answer says so.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Manners, Options
from revops_pipelines.sandbox.salesforce.errors import invalid_session, too_many_requests
from revops_pipelines.sandbox.salesforce.keypair import public_key
from revops_pipelines.sandbox.salesforce.staff import INTEGRATION, ORGANIZATION
from revops_pipelines.sandbox.salesforce.story import epoch_ms

CLIENT_ID, CLIENT_SECRET = "sandbox-salesforce-id", "sandbox-salesforce-secret"
USERNAME = "cloudintegrationuser@northbeam.example"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SESSION = timedelta(hours=2)
# "API Request Limits": Enterprise Edition, 100,000 and 1,000 for each licence.
DAILY_CALLS = 100_000
DAY = timedelta(hours=24)
# "URI and header length": longer ones are refused with 414.
MOST_BYTES = 16_384
OPEN_PATHS = r"^/services/oauth2/|^/services/data/?$"


class Access:
    """Tokens given out and calls counted."""

    def __init__(self, clock: SandboxClock, options: Options) -> None:
        self._clock = clock
        self._options = options
        self._expires: dict[str, datetime] = {}
        self._calls: deque[datetime] = deque()
        self.allowed = int(options.rates.get("salesforce.daily", DAILY_CALLS))

    def manners(self) -> Manners:
        """Salesforce's manners: no calls a second, but so many in 24 hours."""
        return Manners(authenticate=self._authenticate, open_paths=OPEN_PATHS)

    def used(self) -> int:
        """Calls of the last 24 hours."""
        since = self._clock.now() - DAY
        while self._calls and self._calls[0] <= since:
            self._calls.popleft()
        return len(self._calls)

    async def token(self, request: Request) -> Response:
        """POST /services/oauth2/token."""
        given = dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))
        refusal = self._refusal(given, request)
        if refusal is not None:
            error, description = refusal
            return JSONResponse({"error": error, "error_description": description}, 400)
        now = self._clock.now()
        token = f"{ORGANIZATION[:15]}!AQ.sandbox-token-{len(self._expires) + 1}"
        self._expires[token] = now + SESSION
        return JSONResponse(
            {
                "access_token": token,
                "signature": "c2FuZGJveA==",
                "scope": "api",
                "instance_url": f"{request.url.scheme}://{request.headers['host']}",
                "id": f"https://login.salesforce.com/id/{ORGANIZATION}/{INTEGRATION}",
                "token_type": "Bearer",
                "issued_at": str(epoch_ms(now)),
            }
        )

    def _refusal(self, given: Mapping[str, str], request: Request) -> tuple[str, str] | None:
        grant = given.get("grant_type")
        if grant == JWT_BEARER:
            return self._of_assertion(given.get("assertion", ""), request)
        if grant != "client_credentials":
            return "unsupported_grant_type", "grant type not supported"
        name, secret = _basic(request) or (given.get("client_id"), given.get("client_secret"))
        if name != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        return None if secret == CLIENT_SECRET else ("invalid_client", "invalid client credentials")

    def _of_assertion(self, assertion: str, request: Request) -> tuple[str, str] | None:
        import jwt

        audiences = [*AUDIENCES, f"{request.url.scheme}://{request.headers['host']}"]
        try:
            claims = jwt.decode(
                assertion,
                public_key(),
                ["RS256"],
                audience=audiences,
                # Its end is judged by the sandbox's clock.
                options={"verify_exp": False, "require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError:
            return "invalid_grant", "audience is invalid"
        except jwt.PyJWTError:
            return "invalid_grant", "invalid assertion"
        if claims["iss"] != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        if claims["sub"] != USERNAME:
            return "invalid_grant", "user hasn't approved this consumer"
        if float(claims["exp"]) <= self._clock.now().timestamp():
            return "invalid_grant", "expired authorization code"
        return None

    def _authenticate(self, call: Call) -> Reply | None:
        refusal = too_long(call)
        if refusal is not None:
            return refusal
        scheme, _, token = call.header("authorization").partition(" ")
        now = self._clock.now()
        if scheme.lower() not in ("bearer", "oauth") or self._expires.get(token, now) <= now:
            return invalid_session().reply()
        if self._options.limits and self.used() >= self.allowed:
            return too_many_requests().reply()
        self._calls.append(now)
        return None


def too_long(call: Call) -> Reply | None:
    """The refusal of a call whose address and headers are too long together."""
    scope = call.scope
    length = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    length += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if length <= MOST_BYTES:
        return None
    body = b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"
    return Reply(414, body, media_type="text/html;charset=iso-8859-1")


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value).decode("utf-8").partition(":")
    except ValueError:
        return "", ""
    return name, secret
