"""What HubSpot holds: streams, their keys and typed columns.

Belongs here: which streams there are, and one declaration per small table. Does not: types of CRM
records (`kinds.py`), how streams are pulled (`pull.py`, `tables.py`) or what they mean to us
(`offers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from revops_pipelines.engine.declarations import Column, Stream
from revops_pipelines.resources.sources.hubspot import tables
from revops_pipelines.resources.sources.hubspot.kinds import FORECASTS, KINDS, Kind, object_stream
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

OBJECT_KINDS = tuple(kind.pulled.name for kind in (*KINDS, FORECASTS))

# First of all streams: what it shares, the others wait for.
_PIPELINES = Stream(
    "pipelines",
    "Pipelines of deals and their stages.",
    ("id",),
    (
        Column("id", "VARCHAR", "/id", "Identifier of the pipeline."),
        Column("label", "VARCHAR", "/label", "What people call it."),
        Column("display_order", "INTEGER", "/displayOrder", "Position among pipelines."),
        Column("stages", "JSON", "/stages", "Its stages."),
    ),
    tables.pull_pipelines,
    scopes=("crm.schemas.deals.read",),
)

_TABLES = (
    Stream(
        "owners",
        "Users to whom records can belong, also those who left.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier used in hubspot_owner_id."),
            Column("user_id", "VARCHAR", "/userIdIncludingInactive", "Identifier of the user."),
            Column("email", "VARCHAR", "/email", "E-mail address."),
            Column("firstname", "VARCHAR", "/firstName", "First name."),
            Column("lastname", "VARCHAR", "/lastName", "Last name."),
            Column("archived", "BOOLEAN", "/archived", "True once the user was deactivated."),
            Column("created_at", "TIMESTAMP", "/createdAt", "When the owner was made."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When the owner last changed."),
        ),
        tables.pull_owners,
        updated="updated_at",
        pulse=True,
        scopes=("crm.objects.owners.read",),
    ),
    Stream(
        "exchange_rates",
        "Rates of exchange into the account's currency.",
        ("id",),
        (
            Column("id", "VARCHAR", "/id", "Identifier of the rate."),
            Column("from_currency", "VARCHAR", "/fromCurrencyCode", "Currency converted from."),
            Column("to_currency", "VARCHAR", "/toCurrencyCode", "Currency converted to."),
            Column("rate", "VARCHAR", "/conversionRate", "Units of the one for one of the other."),
            Column("effective_at", "TIMESTAMP", "/effectiveAt", "From when it holds."),
            Column("updated_at", "TIMESTAMP", "/updatedAt", "When it last changed."),
        ),
        tables.pull_exchange_rates,
        updated="updated_at",
        scopes=("settings.currencies.read",),
    ),
)


ACCOUNT = Stream(
    "account",
    "The account itself: for links to its records.",
    ("portal_id",),
    (
        Column("portal_id", "VARCHAR", "/portalId", "Identifier of the account."),
        Column("ui_domain", "VARCHAR", "/uiDomain", "Host of its user interface."),
        Column("currency", "VARCHAR", "/companyCurrency", "Currency of the company."),
        Column("time_zone", "VARCHAR", "/timeZone", "Time zone of the company."),
    ),
    tables.pull_account,
    pulse=True,
)

# The types whose fields have a scope of their own.
_WITH_SCHEMA = ("contacts", "companies", "deals")


def properties_of(kinds: Sequence[str]) -> Stream:
    """The stream of the fields of those types of record."""
    return Stream(
        "properties",
        "Fields of every type of record, HubSpot's and the account's own.",
        ("object_type", "name"),
        (
            Column("object_type", "VARCHAR", "/objectType", "Type of record it belongs to."),
            Column("name", "VARCHAR", "/name", "Name in the API."),
            Column("label", "VARCHAR", "/label", "What people call it."),
            Column("type", "VARCHAR", "/type", "Type of its values."),
            Column("hubspot_defined", "BOOLEAN", "/hubspotDefined", "False: the account's own."),
        ),
        tables.property_puller(kinds),
        scopes=tuple(f"crm.schemas.{kind}.read" for kind in kinds if kind in _WITH_SCHEMA),
    )


def streams(options: HubSpotOptions) -> tuple[Stream, ...]:
    """Every stream; forecasts where the options say that the account has them."""
    kinds: tuple[Kind, ...] = (*KINDS, FORECASTS) if options.with_forecasts else KINDS
    records = tuple(object_stream(kind, _named_in) for kind in kinds)
    fields = properties_of([kind.pulled.name for kind in KINDS])
    return (_PIPELINES, *records, *_TABLES, fields, ACCOUNT)


def _named_in(options: Any) -> tuple[str, ...]:
    """Properties that the options name; asked for even where only needed ones are."""
    named = [name for wanted in options.excluded_when.values() for name in wanted]
    return (*named, options.region_property) if options.region_property else tuple(named)
