"""Logins that many threads share: what was granted, asked for once and renewed when refused.

Belongs here: when to ask. Does not: how a vendor is asked.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from revops_pipelines.engine.ingest.errors import IngestError

Granted = TypeVar("Granted")


class Login(Generic[Granted]):
    """What a vendor grants for credentials, such as a token or a session.

    It is asked for when first needed, and anew by `renew`. A login that failed for good, after the
    client's own tries, stays failed as long as the connection lives: threads and streams do not ask
    one after the other.
    """

    def __init__(self, ask: Callable[[], Granted]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._granted: Granted | None = None
        self._failed: IngestError | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def current(self) -> Granted:
        """What holds now. Raises IngestError."""
        with self._lock:
            return self._renewed() if self._granted is None else self._granted

    def renew(self) -> None:
        """Ask again: what was granted is no longer taken. Raises IngestError."""
        with self._lock:
            self._renewed()

    def _renewed(self) -> Granted:
        if self._failed is not None:
            raise copy.copy(self._failed)
        try:
            granted = self._ask()
        except IngestError as error:
            self._failed = error
            raise
        self._granted = granted
        return granted


class Tokens(Login[str]):
    """A login that grants a bearer token."""

    def headers(self) -> Mapping[str, str]:
        """The Authorization header. Raises IngestError."""
        return {"Authorization": f"Bearer {self.current()}"}
