"""Calls a dead man's address: a service outside that alarms when the calls stop.

Belongs here: one bounded GET. Does not: when it is called (`commands/heartbeat`). A GET is what all
such services take (Healthchecks, Uptime Kuma, Cronitor, Better Stack, Dead Man's Snitch).
"""

from __future__ import annotations

import requests

from revops_pipelines.engine.ingest.address import check_base, origin_of
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    BodyTooLargeError,
    NetworkError,
)
from revops_pipelines.engine.ingest.transport import Caps, Transport

_SECONDS = 5.0
_BODY_BYTES = 65536


class PingError(Exception):
    """The call did not arrive; the text never holds the address, which is a secret."""


def ping(url: str, *, seconds: float = _SECONDS) -> None:
    """Call the address: five seconds in all, no redirect followed. Raises PingError."""
    problem = ""
    try:
        origin = origin_of(url)
        # One's own Uptime Kuma stands in one's own network; the address is the installer's word.
        check_base(origin, allow_private=True)
        request = requests.Request("GET", url, headers={"User-Agent": "revops-pipelines"}).prepare()
        transport = Transport(
            origin, Caps(seconds, seconds, seconds, _BODY_BYTES), allow_private=True
        )
        answer = transport.send(request, seconds=seconds, body_bytes=_BODY_BYTES)
        transport.close()
        if not 200 <= answer.status < 300:
            problem = f"HTTP {answer.status}"
    except (AddressRefusedError, NetworkError, BodyTooLargeError) as error:
        problem = str(error)
    except requests.RequestException:
        problem = "not a web address"
    if problem:
        raise PingError(problem)
