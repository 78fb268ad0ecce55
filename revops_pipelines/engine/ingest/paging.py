"""Walking through pages without end-less loops or silent gaps.

Belongs here: loops over cursors and over (value, id) keysets, with their guards. Does not: how a
page is asked for, which each source passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from revops_pipelines.engine.ingest.errors import CursorLoopError

Page = TypeVar("Page")
Item = TypeVar("Item")
# Fivetran gives up after ten; a vendor that filters after paging rarely sends more than a few.
EMPTY_PAGES = 10


def follow(
    fetch: Callable[[Any], Page],
    next_of: Callable[[Page], Any],
    size_of: Callable[[Page], int],
    first: Any = None,
    *,
    empty_pages: int = EMPTY_PAGES,
) -> Iterator[Page]:
    """Pages from `fetch(cursor)` until `next_of(page)` is None (or empty).

    An empty page with a next one is no end, but only `empty_pages` in a row are believed. A cursor
    that was followed before would lead round for ever. Raises CursorLoopError for both.
    """
    seen = {first}
    cursor, empties = first, 0
    while True:
        page = fetch(cursor)
        cursor, size = next_of(page), size_of(page)
        yield page
        # Not to be held while the next is fetched.
        del page
        if cursor is None or cursor == "":
            return
        if cursor in seen:
            raise CursorLoopError("the server sent a page's cursor for the second time")
        seen.add(cursor)
        empties = empties + 1 if size == 0 else 0
        if empties >= empty_pages:
            raise CursorLoopError(f"{empties} empty pages in a row, each with a next one")


def keyset(
    fetch: Callable[[Any], Sequence[Item]], key_of: Callable[[Item], Any], first: Any = None
) -> Iterator[Sequence[Item]]:
    """Pages from `fetch(after)` until one is empty; `after` is the greatest key seen.

    For lists sorted by a key that is unique: an id, or (timestamp, id) where many records share a
    timestamp. Keys must grow from page to page, or the list is not what we believe it to be.
    Raises CursorLoopError.
    """
    after = first
    while items := fetch(after):
        greatest = max(key_of(item) for item in items)
        if after is not None and not greatest > after:
            raise CursorLoopError("a page after a key holds nothing beyond that key")
        yield items
        after = greatest
