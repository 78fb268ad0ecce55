"""Who may call, and how often: Entra's token endpoint, privileges, service protection limits.

Belongs here: the token endpoint and the manners of the frame. Does not: answers to good calls.

Tokens live an hour of the sandbox's clock. A refusal for too many requests names a Retry-After
that grows with every further request.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.dynamics import errors
from revops_pipelines.sandbox.dynamics.tables import BY_SET
from revops_pipelines.sandbox.frame import Limit, Manners, Options

CLIENT_ID, CLIENT_SECRET = "sandbox-dynamics-client", "sandbox-dynamics-secret"
TENANT = "11111111-2222-4333-8444-northbeam"
TOKEN_SECONDS = 3_600
# learn.microsoft.com, "Service protection API limits", per user and web server.
CALLS, PERIOD_SECONDS, AT_ONCE = 6_000, 300.0, 52
# After so long without a refusal the pause is short again.
_CALM_SECONDS = 30.0
_SET = re.compile(r"/api/data/v[0-9.]+/([a-z]+)")


class Access:
    """Tokens given out and refusals in a row."""

    def __init__(self, clock: SandboxClock, options: Options) -> None:
        self._clock = clock
        self._options = options
        self._expires: dict[str, datetime] = {}
        self._refusals = 0
        self._refused_at = -math.inf
        self._taken = {
            switch.partition(":")[2]
            for switch in options.switches
            if switch.startswith("dynamics.without:")
        }

    def manners(self) -> Manners:
        """The limits of one application user on one web server."""
        return Manners(
            authenticate=self._authenticate,
            limits=(Limit("calls", CALLS, PERIOD_SECONDS, self._too_many, path="^/api/"),),
            open_paths="/oauth2/v2.0/token$",
            at_once=AT_ONCE,
            too_many_at_once=lambda call: self._later(errors.too_many_at_once(AT_ONCE), 1.0),
        )

    async def token(self, request: Request) -> Response:
        """POST /{tenant}/oauth2/v2.0/token: client credentials, in a form."""
        form = dict(parse_qsl((await request.body()).decode("latin-1")))
        tenant = request.path_params["tenant"]
        refusal = _refusal(tenant, form)
        if refusal is not None:
            status, error, code, text = refusal
            return JSONResponse(
                {
                    "error": error,
                    "error_description": f"AADSTS{code}: {text}",
                    "error_codes": [code],
                },
                status_code=status,
            )
        token = f"sandbox-dynamics-token-{len(self._expires) + 1}"
        self._expires[token] = self._clock.now() + timedelta(seconds=TOKEN_SECONDS)
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS - 1,
                "ext_expires_in": TOKEN_SECONDS - 1,
                "access_token": token,
            }
        )

    def _authenticate(self, call: Call) -> Reply | None:
        scheme, _, token = call.header("authorization").partition(" ")
        expires = self._expires.get(token) if scheme == "Bearer" else None
        if expires is None or expires <= self._clock.now():
            # Dataverse answers without a body here.
            uri = f"Bearer authorization_uri=https://login.example/{TENANT}/oauth2/authorize"
            return Reply(401, b"", (("www-authenticate", uri),))
        found = _SET.match(call.path)
        table = BY_SET.get(found.group(1)) if found else None
        if table is not None and table.privilege in self._taken:
            return Reply.json(403, errors.missing_privilege(table))
        return None

    def _too_many(self, _call: Call, wait: float) -> Reply:
        return self._later(errors.too_many(CALLS), wait)

    def _later(self, body: errors.Body, wait: float) -> Reply:
        now = monotonic()
        self._refusals = self._refusals + 1 if now - self._refused_at < _CALM_SECONDS else 0
        self._refused_at = now
        seconds = math.ceil(wait) + self._refusals
        return Reply.json(429, body, (("retry-after", str(seconds)),))


def _refusal(tenant: str, form: dict[str, str]) -> tuple[int, str, int, str] | None:
    """Status, error, number and text of Entra's refusal; None for good credentials."""
    if tenant != TENANT:
        return 400, "invalid_request", 90002, f"Tenant '{tenant}' not found."
    if form.get("grant_type") != "client_credentials":
        return 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
    if not form.get("scope", "").endswith("/.default"):
        return 400, "invalid_scope", 1002012, "The provided value for scope is not valid."
    if form.get("client_id") != CLIENT_ID:
        text = f"Application with identifier '{form.get('client_id')}' was not found."
        return 400, "unauthorized_client", 700016, text
    if form.get("client_secret") != CLIENT_SECRET:
        return 401, "invalid_client", 7000215, "Invalid client secret provided."
    return None
