"""Logins that threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from revops_pipelines.engine.ingest.errors import CredentialsRefusedError, IngestError, ServerError
from revops_pipelines.engine.ingest.login import Tokens


class Vendor:
    """Grants a new token each time; fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: IngestError | None = None

    def ask(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return f"token-{self.asked}"


def test_asked_for_once_by_many_threads_and_renewed() -> None:
    vendor = Vendor()
    tokens = Tokens(vendor.ask)
    assert vendor.asked == 0
    with ThreadPoolExecutor(8) as threads:
        headers = set(threads.map(lambda _: tokens.headers()["Authorization"], range(50)))
    assert (headers, vendor.asked) == ({"Bearer token-1"}, 1)
    tokens.renew()
    assert tokens.headers() == {"Authorization": "Bearer token-2"}
    assert "token" not in repr(tokens)


@pytest.mark.parametrize("error", [CredentialsRefusedError("who?"), ServerError("down", 2.0)])
def test_a_login_that_failed_stays_failed(error: IngestError) -> None:
    vendor = Vendor()
    vendor.error = error
    tokens = Tokens(vendor.ask)
    for _ in range(5):
        with pytest.raises(type(error), match=str(error)):
            tokens.headers()
        with pytest.raises(type(error)):
            tokens.renew()
    assert vendor.asked == 1
