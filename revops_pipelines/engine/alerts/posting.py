"""POSTs a message to a web address and reads the answer: five seconds in all, no redirects.

Belongs here: what every web channel needs. Does not: a channel's body, or what it says in a 200.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import requests
from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelOptions,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.ingest.address import check_base, origin_of
from revops_pipelines.engine.ingest.answers import server_date
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    BodyTooLargeError,
    NetworkError,
)
from revops_pipelines.engine.ingest.redaction import Redactor
from revops_pipelines.engine.ingest.retries import retry_after
from revops_pipelines.engine.ingest.transport import Caps, Response, Transport

_BODY_BYTES = 65536
_RETRIABLE = (408, 425, 429)
_REMEDIES = {
    400: "see that the address is one of this kind of channel",
    401: "the address or its secret is not accepted any more: make a new one",
    403: "the address or its secret is not accepted any more: make a new one",
    404: "nothing is at that address any more: make a new one",
    410: "nothing is at that address any more: make a new one",
    413: "the message is too large for the receiver",
}
_NETWORK = "see that the address is right and can be reached from here"
_LONGEST_WAIT_SECONDS = 3600.0


class WebOptions(ChannelOptions):
    """What every channel behind a web address may say."""

    allow_private: bool = Field(False, description="Let the address lead into a private network.")
    deadline_seconds: float = Field(
        5.0, gt=0, le=5, description="How long one send may take, from first to last byte."
    )


class Deadline:
    """The seconds that are left to a send of several exchanges."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds

    def left(self) -> float:
        """Seconds; none or less: nothing more may be begun."""
        return self._until - self._monotonic()


class Post:
    """One web address that takes messages. The address is a secret: it is in no repr or error."""

    def __init__(self, url: str, options: WebOptions) -> None:
        try:
            origin = origin_of(url)
            check_base(origin, allow_private=options.allow_private)
            requests.Request("POST", url).prepare()
        except AddressRefusedError as error:
            raise ValueError(str(error)) from None
        except requests.RequestException:
            raise ValueError("not a web address") from None
        self._url = url
        self._host = origin.host
        # The library's debug lines quote the path, which is where webhooks keep their secret.
        self._redactor = Redactor([url, url.split("/", 3)[-1]])
        self._origin = origin
        self._options = options

    def __repr__(self) -> str:
        return f"Post({self._host})"

    @property
    def place(self) -> str:
        """The address as it may be shown: what follows the host is secret."""
        return f"{self._origin.scheme}://{self._host}/***"

    def __call__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        now: datetime,
        deadline: Deadline | None = None,
    ) -> Response:
        """The answer, if it is a success. Raises UnreachableError or RejectedError.

        `deadline` is that of a send of several exchanges, of which this is one.
        """
        seconds = self._options.deadline_seconds
        if deadline is not None:
            seconds = min(seconds, deadline.left())
        if seconds <= 0:
            raise UnreachableError(f"{self._host}: total deadline passed")
        request = requests.Request(
            "POST",
            self._url,
            data=body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Accept-Encoding": "identity",
                "User-Agent": "revops-pipelines",
                **headers,
            },
        ).prepare()
        # Messages are rare: a connection kept would only be found dead at the next one.
        transport = Transport(
            self._origin,
            Caps(seconds, seconds, seconds, _BODY_BYTES),
            allow_private=self._options.allow_private,
        )
        problem: Exception | None = None
        try:
            answer = transport.send(request, seconds=seconds, body_bytes=_BODY_BYTES)
        except NetworkError as error:
            problem = UnreachableError(f"{self._host}: {error}", remedy=_NETWORK)
        except (AddressRefusedError, BodyTooLargeError) as error:
            problem = RejectedError(f"{self._host}: {error}")
        finally:
            transport.close()
        if problem is not None:
            raise problem
        _check(answer, self._host, now)
        return answer


def wait_asked(answer: Response, now: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone (Retry-After), an hour at most."""
    seconds = retry_after(answer.headers.get("retry-after"), server_date(answer) or now)
    return None if seconds is None else timedelta(seconds=min(seconds, _LONGEST_WAIT_SECONDS))


def _check(answer: Response, host: str, now: datetime) -> None:
    if 200 <= answer.status < 300:
        return
    if answer.status in _RETRIABLE or answer.status >= 500:
        wait = wait_asked(answer, now)
        after = f" in {wait.total_seconds():.0f} s" if wait else " later"
        raise UnreachableError(
            f"{host}: HTTP {answer.status}", wait, f"the receiver is busy: try again{after}"
        )
    if 300 <= answer.status < 400:
        raise RejectedError(
            f"{host}: HTTP {answer.status}; redirects are not followed",
            "give the address that it leads to",
        )
    raise RejectedError(f"{host}: HTTP {answer.status}", _REMEDIES.get(answer.status, ""))
