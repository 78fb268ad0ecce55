"""Signing in as a service account: a signed assertion is exchanged for an access token.

Belongs here: the assertion and the exchange. Does not: what the token opens (`client.py`).

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from revops_pipelines.engine.ingest.errors import CredentialsRefusedError
from revops_pipelines.engine.ingest.http import HttpClient

SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# The longest life that Google allows an assertion, and gives a token.
_LIFE_SECONDS = 3600


class _Token(msgspec.Struct):
    access_token: str


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who signs in, with which key, at which address."""

    client_email: str = field(repr=False)
    private_key: str = field(repr=False)
    token_url: str = ""

    def assertion(self, now: datetime) -> str:
        """The signed claim that lives for an hour. Raises CredentialsRefusedError."""
        # Signing pulls in a library that nothing else of a run needs.
        import jwt

        issued = int(now.timestamp())
        claims = {
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_url,
            "iat": issued,
            "exp": issued + _LIFE_SECONDS,
        }
        try:
            return jwt.encode(claims, pem(self.private_key), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise CredentialsRefusedError(
                f"the private key cannot be read ({type(error).__name__})"
            ) from None


def asked(account: ServiceAccount, http: HttpClient, now: datetime) -> str:
    """An access token. Raises those of `errors.py`."""
    form = {"grant_type": _GRANT, "assertion": account.assertion(now)}
    return http.read(
        _Token, account.token_url, method="POST", data=form, authenticated=False
    ).access_token


def pem(key: str) -> str:
    r"""A private key as PEM; variables often hold its line ends written out, as the JSON file does.

    >>> pem("-----BEGIN-----\\nab\\n-----END-----\\n").splitlines()
    ['-----BEGIN-----', 'ab', '-----END-----']
    """
    return key.replace("\\n", "\n")
