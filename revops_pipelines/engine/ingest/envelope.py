"""A page's envelope: decoded once, its records kept as the raw bytes that the vendor sent.

Belongs here: JSON bytes to a source's page Struct, with the cap on nesting, and the rescue of a
page that holds a bad record. Does not: what the page's fields are (each source's `client.py`).

A `msgspec.Raw` slice costs a few microseconds a record; parsing and dumping it again five times
as much.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from revops_pipelines.engine.ingest.errors import ServerError

Page = TypeVar("Page")
# Called with the record's bytes and the rule that it breaks.
OnReject = Callable[[bytes, str], None]


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(
    body: bytes, kind: type[Page], depth: int = 100, on_reject: OnReject | None = None
) -> Page:
    """The body as `kind`. Raises ServerError: the page is not whole, and worth another try."""
    reason = ""
    try:
        page: Page = _decoder(kind).decode(body)  # type: ignore[arg-type]
    except RecursionError:
        reason = "nested too deep"
    except msgspec.ValidationError as error:
        reason = f"not the page expected: {error}"
    except msgspec.DecodeError as error:
        reason = f"not whole JSON: {error}"
    if reason:
        raise ServerError(f"the page is {reason}")
    return page
