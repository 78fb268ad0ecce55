"""Accounts as Salesforce shows them.

Belongs here: their fields, changed by what happens to companies. Does not: people or deals.
"""

from __future__ import annotations

from collections.abc import Sequence

from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.salesforce.names import COUNTRY_NAMES
from revops_pipelines.sandbox.salesforce.staff import AUTOMATED, INTEGRATION
from revops_pipelines.sandbox.salesforce.story import Change, epoch_ms, in_order, moments_of
from revops_pipelines.sandbox.world.world import World

TIERS = {"SMB": "Bronze", "MID": "Silver", "ENT": "Gold"}


class Accounts:
    """The Accounts, in order of id."""

    sobject = "Account"

    def __init__(self, world: World) -> None:
        self._accounts = world.accounts
        self._owners: dict[str, list[str]] = {}
        for user in world.users:
            self._owners.setdefault(user.team, []).append(ids.user_id(user.hubspot_id))

    def __len__(self) -> int:
        return len(self._accounts)

    def number(self, position: int) -> int:
        """The number in its id."""
        return position + 1

    def gone(self, position: int) -> int | None:
        """When it was deleted."""
        deleted = self._accounts[position].is_deleted_at
        return None if deleted is None else epoch_ms(deleted)

    def archived(self, position: int) -> int | None:
        """Never."""
        return None

    def moments(self, position: int) -> Sequence[int]:
        """When it appeared and changed."""
        return moments_of(self.story(position))

    def story(self, position: int) -> Sequence[Change]:
        """Its changes."""
        account = self._accounts[position]
        owners = self._owners[account.team]
        country = COUNTRY_NAMES[account.country]
        values = {
            "Name": account.name,
            "Type": "Prospect",
            "BillingCountry": country,
            "BillingCountryCode": account.country,
            "BillingAddress": {"country": country, "countryCode": account.country},
            "Website": f"https://www.{account.domain}",
            # One list of industries in all the company's systems.
            "Industry": account.industry,
            "NumberOfEmployees": account.employees,
            "OwnerId": owners[account.index % len(owners)],
            "CurrencyIsoCode": account.currency,
            "Time_Zone__c": account.time_zone,
        }
        story = [Change(epoch_ms(account.created_at), values, INTEGRATION)]
        if account.wins_at is not None:
            won = {"Type": "Customer", "Customer_Tier__c": TIERS[account.segment]}
            story.append(Change(epoch_ms(account.wins_at), won, AUTOMATED))
        return in_order(story)
