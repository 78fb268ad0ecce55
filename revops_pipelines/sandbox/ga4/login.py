"""Google's token address: a service account's signed assertion for an access token.

Belongs here: judging assertions, and the tokens that were given out. Does not: what they open.

Time is the sandbox's: an assertion must have been signed by its clock. Tokens live an hour.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.ga4.answers import refusal
from revops_pipelines.sandbox.ga4.keys import CLIENT_EMAIL, PUBLIC_KEY

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = frozenset(
    f"https://www.googleapis.com/auth/analytics{ending}" for ending in ("", ".readonly")
)
TOKEN_SECONDS = 3_600
# How far a signer's clock may be off.
_SKEW_SECONDS = 600


class Login:
    """Tokens given out."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._expires: dict[str, datetime] = {}

    async def token(self, request: Request) -> Response:
        """POST /token."""
        given = dict(parse_qsl((await request.body()).decode("latin-1")))
        if given.get("grant_type") != GRANT:
            return _refused("unsupported_grant_type", f"Invalid grant_type: {GRANT} is expected")
        said = self._judged(given.get("assertion", ""), str(request.url))
        if said is not None:
            return _refused(*said)
        now = self._clock.now()
        token = f"sandbox-ga4-token-{len(self._expires) + 1}"
        self._expires[token] = datetime.fromtimestamp(now.timestamp() + TOKEN_SECONDS, now.tzinfo)
        return JSONResponse(
            {"access_token": token, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"}
        )

    def authenticate(self, call: Call) -> Reply | None:
        """The refusal for a call without a good token."""
        scheme, _, token = call.header("authorization").partition(" ")
        expires = self._expires.get(token)
        if scheme.lower() == "bearer" and expires is not None and self._clock.now() < expires:
            return None
        return refusal(
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
            "cookie or other valid authentication credential.",
        )

    def _judged(self, assertion: str, address: str) -> tuple[str, str] | None:
        """What is wrong with an assertion, as error and description."""
        try:
            claims = jwt.decode(
                assertion,
                PUBLIC_KEY,
                algorithms=["RS256"],
                audience=[address, "https://oauth2.googleapis.com/token"],
                # By our own clock, below.
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidAudienceError:
            return "invalid_grant", "Invalid JWT: Failed audience check."
        except jwt.PyJWTError:
            return "invalid_grant", "Invalid JWT Signature."
        if claims.get("iss") != CLIENT_EMAIL:
            return "invalid_grant", "Invalid grant: account not found"
        if not SCOPES & set(str(claims.get("scope", "")).split()):
            return "invalid_scope", "Invalid OAuth scope or ID token audience provided."
        issued, expires = int(claims.get("iat", 0)), int(claims.get("exp", 0))
        now = self._clock.now().timestamp()
        is_short = issued < expires <= issued + TOKEN_SECONDS
        if not is_short or not issued - _SKEW_SECONDS <= now <= expires + _SKEW_SECONDS:
            return (
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )
        return None


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=400)
