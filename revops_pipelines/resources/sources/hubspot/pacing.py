"""Which list may ask next while many are read: none gets ahead of the longest.

Belongs here: the order among lists of one account. Does not: how often the account may be asked at
all (`engine.ingest.limits`).

A list is one chain of pages, each known by the one before, and all lists share the account's rate.
Read turn by turn, short lists end early and leave the longest to be walked alone, at one page an
answer. So each list goes on only when its share of pages read is no larger than the longest one's:
then all end together, and the rate is used to the last page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from revops_pipelines.engine.ingest import stopping

# So many pages of the longest list others may be ahead; and how long they wait to look again.
_AHEAD, _LOOK_SECONDS = 2, 0.05


@dataclass(slots=True, eq=False)
class _List:
    pages: int
    done: int = 0


class Pace:
    """The lists of one account that are being read; safe across threads."""

    def __init__(self, sleep: Callable[[float], None] = stopping.sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._lists: list[_List] = []

    @contextmanager
    def reading(self, pages: int) -> Iterator[Callable[[], None]]:
        """A list of about so many pages is read; what is yielded is to be called after each page.

        It waits while the list is ahead of the longest. Raises StoppedError.
        """
        own = _List(max(1, pages))
        with self._lock:
            self._lists.append(own)

        def read() -> None:
            own.done += 1
            while self._is_ahead(own):
                self._sleep(_LOOK_SECONDS)

        try:
            yield read
        finally:
            with self._lock:
                self._lists.remove(own)

    def _is_ahead(self, own: _List) -> bool:
        with self._lock:
            longest = max(self._lists, key=lambda each: each.pages)
        # Beyond what was expected of it, a list waits for nobody.
        if own is longest or own.done >= own.pages:
            return False
        return own.done * longest.pages > (longest.done + _AHEAD) * own.pages
