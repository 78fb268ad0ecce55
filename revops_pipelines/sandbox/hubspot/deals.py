"""Deals as HubSpot shows them.

Belongs here: a deal's properties, changed as it moves. Does not: how deals are served, or the
pipelines' own endpoint (`settings_api.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

from revops_pipelines.sandbox.hubspot.contacts import ANALYTICS, TEAM_IDS
from revops_pipelines.sandbox.hubspot.story import Change, epoch_ms, in_order, moment_text
from revops_pipelines.sandbox.world.deal_paths import StageChange
from revops_pipelines.sandbox.world.deals import Deal
from revops_pipelines.sandbox.world.world import World

DEAL_TYPES = {"new": "newbusiness", "expansion": "existingbusiness", "renewal": "renewal"}


class Deals:
    """The deals, in order of id."""

    name = "deals"
    modified = "hs_lastmodifieddate"
    created = "createdate"

    def __init__(self, world: World) -> None:
        self._world = world

    def __len__(self) -> int:
        return len(self._world.deals)

    def id(self, position: int) -> int:
        """The record's identifier."""
        return int(self._world.deals[position].hubspot_id)

    def gone(self, position: int) -> tuple[int | None, bool]:
        """When it was archived."""
        deleted = self._world.deals[position].deleted_at
        return (epoch_ms(deleted), True) if deleted else (None, False)

    def born(self, position: int) -> int:
        """When the record appeared, epoch milliseconds."""
        return epoch_ms(self._world.deals[position].created_at)

    made = born

    def moments(self, position: int) -> list[int]:
        """When the record appeared and changed."""
        return [change.at for change in self.story(position)]

    def story(self, position: int) -> list[Change]:
        """All its changes."""
        return in_order(self._changes(self._world.deals[position]))

    def _changes(self, deal: Deal) -> Iterator[Change]:
        account = self._world.accounts[deal.account_index]
        channel = self._world.people[deal.people[0]].channel if deal.people else "offline"
        values: dict[str, str | None] = {
            "hs_object_id": deal.hubspot_id,
            "createdate": moment_text(deal.created_at),
            "dealname": deal.name,
            "dealtype": DEAL_TYPES[deal.kind],
            "deal_currency_code": deal.currency,
            "contract_term_months": str(deal.term_months),
            "hs_object_source": "CRM_UI",
            "hs_object_source_label": "CRM_UI",
            "hs_analytics_source": ANALYTICS.get(channel, "OFFLINE"),
            "hs_primary_associated_company": account.hubspot_id,
            "num_associated_contacts": str(len(deal.people)),
        }
        yield Change(epoch_ms(deal.created_at), values, "CRM_UI")
        for change in deal.stages:
            yield Change(epoch_ms(change.at), _stage(change, deal), "CRM_UI")
        for at, amount in deal.amounts:
            yield Change(epoch_ms(at), self._amount(deal, at, amount), "CRM_UI")
        yield from self._dates_and_owners(deal)

    def _dates_and_owners(self, deal: Deal) -> Iterator[Change]:
        closed = {change.at for change in deal.stages if change.stage.is_closed}
        for at, expected in deal.close_dates:
            when = at if at in closed else datetime(*_ymd(expected), tzinfo=UTC)
            yield Change(epoch_ms(at), {"closedate": moment_text(when)}, "CRM_UI")
        for at, index in deal.owners:
            user = self._world.users[index]
            owner = {
                "hubspot_owner_id": user.hubspot_id,
                "hubspot_team_id": TEAM_IDS[user.team],
                "hubspot_owner_assigneddate": moment_text(at),
            }
            yield Change(epoch_ms(at), owner, "CRM_UI")

    def _amount(self, deal: Deal, at: datetime, amount: Decimal | None) -> dict[str, str | None]:
        if amount is None:
            return {"amount": None, "amount_in_home_currency": None}
        rate = self._world.fx.monthly_rate(deal.currency, at.date())
        home = (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return {"amount": plain(amount), "amount_in_home_currency": plain(home)}


def plain(amount: Decimal) -> str:
    """A number as HubSpot shows it: no exponent, no needless zeros.

    >>> plain(Decimal("1200.00")), plain(Decimal("0.50"))
    ('1200', '0.5')
    """
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _stage(change: StageChange, deal: Deal) -> dict[str, str | None]:
    stage = change.stage
    forecast = {"0.8": "BEST_CASE", "0.9": "COMMIT"}.get(stage.probability, "PIPELINE")
    return {
        "pipeline": change.pipeline.id,
        "dealstage": stage.id,
        "hs_deal_stage_probability": stage.probability,
        "hs_is_closed": str(stage.is_closed).lower(),
        "hs_is_closed_won": str(stage.is_won).lower(),
        "hs_closed_won_date": moment_text(change.at) if stage.is_won else None,
        "hs_manual_forecast_category": None if stage.is_closed else forecast,
        "closed_lost_reason": deal.lost_reason if stage.is_closed and not stage.is_won else None,
    }


def _ymd(day: date) -> tuple[int, int, int]:
    return day.year, day.month, day.day
