"""Logging in to Salesforce: the two OAuth flows that need no person, and the session they give.

Belongs here: what is asked of the token endpoint, and where the org's API is. Does not: requests
for data, or how errors are read (`client.py`).

A consumer secret means the client credentials flow, a private key (PEM) the JWT bearer flow.
https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm
https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from revops_pipelines.engine.ingest.address import origin_of
from revops_pipelines.engine.ingest.errors import AddressRefusedError, CredentialsRefusedError
from revops_pipelines.engine.ingest.login import Login

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path, no secret
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce takes an assertion for at most three minutes.
_ASSERTION_LIVES = timedelta(minutes=3)
# Where an org may live; another host in an answer is not followed.
_SALESFORCE_HOSTS = (".salesforce.com", ".salesforce.mil", ".force.com", ".cloudforce.com")


@dataclass(frozen=True, slots=True)
class Session:
    """An access token and the address of the org that it is for."""

    token: str = field(repr=False)
    instance_url: str


class Sessions(Login[Session]):
    """A login that grants a session; one at another address than before is not followed."""

    def __init__(self, ask: Callable[[], Session]) -> None:
        self._logs_in = ask
        self._address: str | None = None
        super().__init__(self._checked)

    def headers(self) -> Mapping[str, str]:
        """The Authorization header. Raises IngestError."""
        return {"Authorization": f"Bearer {self.current().token}"}

    def _checked(self) -> Session:
        session = self._logs_in()
        if self._address not in (None, session.instance_url):
            raise AddressRefusedError("the org moved to another address; the next run goes there")
        self._address = session.instance_url
        return session


def is_private_key(secret: str) -> bool:
    """Whether the secret is a private key in PEM, not a consumer secret.

    >>> is_private_key("-----BEGIN PRIVATE KEY-----"), is_private_key("1955279925675241571")
    (True, False)
    """
    return secret.lstrip().startswith("-----BEGIN")


def token_request(
    client_id: str, secret: str, username: str, audience: str, now: datetime
) -> dict[str, str]:
    """The form for the token endpoint. Raises CredentialsRefusedError for a key that is none."""
    if not is_private_key(secret):
        return {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
        }
    return {
        "grant_type": _JWT_GRANT,
        "assertion": _assertion(client_id, secret, username, audience, now),
    }


def _assertion(client_id: str, key: str, username: str, audience: str, now: datetime) -> str:
    # Heavy, and only this flow needs it.
    import jwt

    # Environment files often hold a key on one line, its line ends written out.
    key = key.replace("\\n", "\n")
    claims = {"iss": client_id, "sub": username, "aud": audience, "exp": now + _ASSERTION_LIVES}
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        pass
    # Outside of the handler: the library's text may quote the key.
    raise CredentialsRefusedError("the private key cannot be read; it must be RSA in PEM")


def trusted_instance(instance_url: str, base_url: str) -> str:
    """The org's address in an answer, if it is where we asked or at Salesforce's.

    Raises AddressRefusedError: a token must not be sent anywhere else.

    >>> trusted_instance("https://acme.my.salesforce.com", "https://login.salesforce.com")
    'https://acme.my.salesforce.com'
    """
    origin = origin_of(instance_url)
    if origin == origin_of(base_url):
        return instance_url.rstrip("/")
    if origin.scheme == "https" and origin.host.endswith(_SALESFORCE_HOSTS):
        return instance_url.rstrip("/")
    raise AddressRefusedError("the login's answer names an instance that is not Salesforce's")
