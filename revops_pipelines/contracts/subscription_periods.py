"""The ledger that MRR reads: what each item was worth a month, and when. Half-open days."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Integer, Money, Quantity, Text
from revops_pipelines.contracts.contract import Contract, identity


class SubscriptionPeriods(Contract):
    """The ledger that MRR reads: what each item was worth a month, and when. Half-open days."""

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "subscription_periods"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("subscription_id", "item_id", "valid_from_on"),
            references={
                "subscription_id": "subscriptions",
                "customer_id": "customers",
            },
        )

    subscription_id: Text = col.key("Subscription.")
    customer_id: Text = col.key("Customer.")
    item_id: Text = col.key("Item within the subscription.")
    product: Text = col.text("Product or plan.")
    quantity: Quantity = col.quantity("Seats or units.")
    status: Text = col.text(
        "Status during these days.",
        nullable=False,
        one_of=("trialing", "active", "past_due", "unpaid", "paused", "free"),
    )
    monthly_amount: Money = col.money(
        "Worth of one month after discounts, before tax, rounded half up to the cent.",
        nullable=False,
        ge=0,
    )
    list_monthly_amount: Money = col.money(
        "As monthly_amount, before any discount; null where the source does not tell.", ge=0
    )
    recurring_monthly_amount: Money = col.money(
        "As monthly_amount, after those discounts only that go on beyond one bill, for some "
        "months or forever; null where the source does not tell.",
        ge=0,
    )
    lasting_monthly_amount: Money = col.money(
        "As monthly_amount, after those discounts only that last forever; null where the source "
        "does not tell.",
        ge=0,
    )
    billing_interval: Text = col.text(
        "Unit of the time that one price is for; null where the source does not tell.",
        one_of=("day", "week", "month", "year"),
    )
    billing_interval_count: Integer = col.integer(
        "How many of these units one price is for: a quarter is 3 months.", ge=1
    )
    currency: Text = col.currency()
    valid_from_on: Day = col.day("First day.", nullable=False)
    valid_to_on: Day = col.day("First day after; null while open.")

    @pa.dataframe_check
    @classmethod
    def ends_after_it_starts(cls, rows: pd.DataFrame) -> pd.Series[bool]:
        """A period covers at least one day."""
        return rows["valid_to_on"].isna() | (rows["valid_to_on"] > rows["valid_from_on"])

    @pa.dataframe_check
    @classmethod
    def no_money_in_trial(cls, rows: pd.DataFrame) -> pd.Series[bool]:
        """A trial or a free plan is worth nothing."""
        return ~rows["status"].isin(["trialing", "free"]) | (rows["monthly_amount"] == 0)
