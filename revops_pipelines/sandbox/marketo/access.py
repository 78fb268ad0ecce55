"""Who may call Marketo, and how often: tokens, the day's quota, limits.

Belongs here: the identity service and the manners of the frame. Does not: answers to good calls.

Tokens live 3,600 seconds of the sandbox's clock and are shared by all callers: asking again gives
the same one with what is left of its life. The query parameter `access_token` counts only under the
switch `marketo.token_in_query`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.frame import Limit, Manners, Options
from revops_pipelines.sandbox.marketo.answers import failure

CLIENT_ID, CLIENT_SECRET = "sandbox-marketo-id", "sandbox-marketo-secret"
TOKEN_SECONDS = 3_600
DAILY_CALLS = 50_000
# The vendor's quotas start anew at midnight there.
QUOTA_ZONE = ZoneInfo("America/Chicago")
QUERY_TOKEN_SWITCH = "marketo.token_in_query"  # noqa: S105 - a switch's name


class Access:
    """Tokens given out and calls counted."""

    def __init__(self, clock: SandboxClock, options: Options) -> None:
        self._clock = clock
        self._options = options
        self._expires: dict[str, datetime] = {}
        self._current = ""
        self._day = ""
        self._calls = 0
        self._allowed = options.rates.get("marketo.daily", DAILY_CALLS)

    def manners(self) -> Manners:
        """Marketo's manners: 100 calls in 20 seconds, 10 at once, all refusals inside HTTP 200."""
        return Manners(
            authenticate=self._authenticate,
            limits=(Limit("calls", 100, 20.0, _too_many, path="^/(rest|bulk)/"),),
            open_paths="^/identity/",
            at_once=10,
            too_many_at_once=lambda call: failure("615", "Concurrent access limit reached"),
        )

    async def token(self, request: Request) -> Response:
        """GET or POST /identity/oauth/token."""
        given: Mapping[str, str] = request.query_params
        if request.method == "POST":
            given = dict(given) | dict(parse_qsl((await request.body()).decode("latin-1")))
        if given.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "Unsupported grant type")
        if given.get("client_id") != CLIENT_ID:
            return _refused("unauthorized", "No client with requested id")
        if given.get("client_secret") != CLIENT_SECRET:
            return _refused("invalid_client", "Bad client credentials")
        now = self._clock.now()
        left = self._left(self._current, now)
        if left <= 0:
            self._current = f"sandbox-marketo-token-{len(self._expires) + 1}:ab"
            self._expires[self._current] = datetime.fromtimestamp(
                now.timestamp() + TOKEN_SECONDS, tz=now.tzinfo
            )
            left = TOKEN_SECONDS
        return JSONResponse(
            {
                "access_token": self._current,
                "token_type": "bearer",
                "expires_in": left,
                "scope": "api@northbeam.example",
            }
        )

    def _authenticate(self, call: Call) -> Reply | None:
        scheme, _, token = call.header("authorization").partition(" ")
        if scheme.lower() != "bearer":
            token = ""
        if not token and self._options.on(QUERY_TOKEN_SWITCH):
            token = call.query.get("access_token", "")
        if not token:
            return failure("600", "Access token not specified")
        if token not in self._expires:
            return failure("601", "Access token invalid")
        if self._left(token, self._clock.now()) <= 0:
            return failure("602", "Access token expired")
        return self._over_quota()

    def _over_quota(self) -> Reply | None:
        if not self._options.limits:
            return None
        day = self._clock.now().astimezone(QUOTA_ZONE).date().isoformat()
        if day != self._day:
            self._day, self._calls = day, 0
        self._calls += 1
        return failure("607", "Daily quota reached") if self._calls > self._allowed else None

    def _left(self, token: str, now: datetime) -> int:
        expires = self._expires.get(token)
        return 0 if expires is None else int((expires - now).total_seconds())


def _too_many(_call: Call, _wait: float) -> Reply:
    return failure("606", "Max rate limit '100' exceeded with in '20' secs")


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=401)
