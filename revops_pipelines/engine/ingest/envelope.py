"""A page's envelope: decoded once, its records kept as the raw bytes that the vendor sent.

Belongs here: JSON bytes to a source's page Struct, whole or not at all, with the cap on nesting.
Does not: what the page's fields are (each source's `client.py`), saving a page that holds a bad
record (`rescue.py`).

A `msgspec.Raw` slice costs a few microseconds a record; parsing and dumping it again five times
as much.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from revops_pipelines.engine.ingest.errors import ServerError
from revops_pipelines.engine.ingest.rescue import is_deeper, without_bad_records

Page = TypeVar("Page")
# Called with the record's bytes and the rule that it breaks.
OnReject = Callable[[bytes, str], None]

# What a record is put aside for when nothing identifies it; the loader says the same.
NO_KEY = "null key"

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(
    body: bytes, kind: type[Page], depth: int = 100, on_reject: OnReject | None = None
) -> Page:
    """The body as `kind`: whole, or none of it.

    With `on_reject`, records (objects in a list that is the page or one of its fields) that are no
    proper JSON or nested deeper than `depth` are handed to it and left out; so are those that are
    not as the page's class says by a class attribute `RECORD` (a Struct of what identifies one).
    Raises ServerError: the page is not whole, and worth another try.
    """
    page, reason = _attempt(body, kind, depth)
    if page is None and on_reject is not None:
        saved = without_bad_records(body, depth)
        if saved is not None and saved.rejected:
            page, reason = _attempt(saved.body, kind, depth)
            if page is not None:
                for record, rule in saved.rejected:
                    on_reject(record, rule)
    if page is None:
        raise ServerError(f"the page is {reason}")
    shape = getattr(kind, "RECORD", None)
    if shape is not None and on_reject is not None:
        _put_aside(page, _decoder(shape), on_reject)
    return page


def _put_aside(page: Any, decoder: msgspec.json.Decoder[Any], on_reject: OnReject) -> None:
    """Hand over the records that have no key, and leave the others."""
    for name in page.__struct_fields__:
        records = getattr(page, name)
        if not isinstance(records, list):
            continue
        try:
            for record in records:
                decoder.decode(record)
        except msgspec.ValidationError:
            setattr(page, name, [each for each in records if _has_key(each, decoder, on_reject)])


def _has_key(record: Any, decoder: msgspec.json.Decoder[Any], on_reject: OnReject) -> bool:
    try:
        decoder.decode(record)
    except msgspec.ValidationError:
        on_reject(bytes(record), NO_KEY)
        return False
    return True


def _attempt(body: bytes, kind: type[Page], depth: int) -> tuple[Page | None, str]:
    if not _is_shallow(body, depth):
        return None, f"nested deeper than {depth}"
    try:
        page: Page = _decoder(kind).decode(body)  # type: ignore[arg-type]
    except RecursionError:
        return None, "nested too deep"
    except msgspec.ValidationError as error:
        return None, f"not the page expected: {error}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, f"not whole JSON: {error}"
    return page, ""


def _is_shallow(body: bytes, depth: int) -> bool:
    """Whether nesting stays within `depth`; exact, and cheap for ordinary pages.

    Only the brackets are kept and innermost pairs struck out, a level at a time: so many rounds,
    plus what is left over (from brackets inside of text), bound the depth from above.
    """
    brackets = body.translate(None, _NOT_BRACKETS)
    if len(brackets) <= depth:
        return True
    for rounds in range(1, depth + 1):
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        # One round may strike out two levels ("[{}]"), hence twice.
        if 2 * rounds + len(fewer) <= depth:
            return True
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return not is_deeper(body, depth)
