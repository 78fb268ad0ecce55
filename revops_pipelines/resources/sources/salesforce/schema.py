"""What the org has: objects, their fields, and what of them this user may see.

Belongs here: describing an object, and why one cannot be read. Does not: reading records
(`reading.py`).

An object may be missing because a feature is off, or because the user lacks the permission;
Salesforce words both alike. Fields that the user may not see are missing from the description.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from revops_pipelines.engine.ingest.errors import PermissionMissingError, RequestRefusedError
from revops_pipelines.resources.sources.salesforce.client import Salesforce

# What a description, a query or a job answers where the object is not for us.
ABSENT_CODES = frozenset(
    {
        "NOT_FOUND",
        "INVALID_TYPE",
        "INVALID_TYPE_FOR_OPERATION",
        "INVALID_SOBJECT",
        "FUNCTIONALITY_NOT_ENABLED",
    }
)
# A refusal that is about this object; any other (the API is off, an address is not allowed) is
# about all of them, and no gap.
_HIDDEN_CODES = frozenset(
    {"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "FUNCTIONALITY_NOT_ENABLED"}
)
# Compound fields repeat their parts and Bulk refuses them; the others are files.
_UNREADABLE_TYPES = frozenset({"address", "location", "base64"})


class Field(msgspec.Struct, frozen=True, rename="camel"):
    """A field of an object: its name in the API, Salesforce's type, whether the org added it."""

    name: str
    type: str
    custom: bool = False
    label: str = ""


class Described(msgspec.Struct, frozen=True):
    """An object as this user may read it."""

    name: str
    fields: tuple[Field, ...]
    queryable: bool = True
    replicateable: bool = False

    def has(self, field: str) -> bool:
        """Whether there is such a field that this user may see."""
        return any(each.name == field for each in self.fields)


@dataclass(frozen=True, slots=True)
class Gap:
    """Why an object cannot be read."""

    reason: str


def describe(api: Salesforce, name: str) -> Described | Gap:
    """The object, or why it cannot be read; asked once in a connection's life.

    Raises IngestError where nothing could be read: a refused login is no gap of an object.
    """
    # Two threads may ask at once; both get the same answer.
    known: Described | Gap | None = api.described.get(name)
    if known is None:
        known = api.described[name] = _asked(api, name)
    return known


def _asked(api: Salesforce, name: str) -> Described | Gap:
    try:
        described = api.get(Described, api.path(f"sobjects/{name}/describe"))
    except RequestRefusedError as error:
        gap = gap_of(name, error)
        if gap is None:
            raise
        return gap
    except PermissionMissingError as error:
        if error.code not in _HIDDEN_CODES:
            raise
        return Gap(f"{name}: {error}")
    if not described.queryable:
        return Gap(f"{name} cannot be queried by this user")
    return described


def gap_of(name: str, error: RequestRefusedError) -> Gap | None:
    """The gap that a refusal stands for; None for any other refusal."""
    if error.code not in ABSENT_CODES and error.status != 404:
        return None
    return Gap(
        f"the org has no {name}, or this user may not read it ({error.code or error.status})"
    )


def readable_fields(described: Described, skipped: Iterable[str]) -> tuple[Field, ...]:
    """The fields to read: all, without compound ones, files and those to be skipped."""
    without = set(skipped)
    return tuple(
        each
        for each in described.fields
        if each.type not in _UNREADABLE_TYPES and each.name not in without
    )


def hidden_fields(described: Described, needed: Sequence[str]) -> list[str]:
    """Fields that we need and this user does not see."""
    return [name for name in needed if not described.has(name)]
