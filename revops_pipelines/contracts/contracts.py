"""Terms of agreements, one row each, with their renewal and notice dates."""

from __future__ import annotations

from typing import Any, ClassVar

from revops_pipelines.contracts import columns as col
from revops_pipelines.contracts.columns import Day, Flag, Moment, Money, Text
from revops_pipelines.contracts.contract import Contract, identity


class Contracts(Contract):
    """Terms of agreements, one row each, with their renewal and notice dates.

    Every renewal of an agreement makes a new row. An agreement without an end has none here but
    for what is signed and not started; a subscription billed by the month is such a one.
    """

    class Config:
        """What names a row, and what its identifiers point at."""

        name = "contracts"
        metadata: ClassVar[dict[str, Any]] = identity(
            ("contract_id",),
            references={
                "customer_id": "customers",
                "account_id": "accounts",
                "subscription_id": "subscriptions",
            },
        )

    contract_id: Text = col.key("The term's identifier, `source:source_id`.")
    customer_id: Text = col.text("Customer.")
    account_id: Text = col.text("Company.")
    subscription_id: Text = col.text(
        "Subscription that is the agreement; null where the billing system does not know it."
    )
    signed_at: Moment = col.moment("When it was signed; null where nobody says.")
    starts_on: Day = col.day("First day.", nullable=False)
    ends_on: Day = col.day("First day after; null if it has no end.")
    ended_on: Day = col.day("First day without it, where it ended before `ends_on`; else null.")
    renewal_on: Day = col.day("Day on which it renews; null if it will not.")
    notice_on: Day = col.day("Last day on which notice can be given.")
    annual_amount: Money = col.money("Worth of one year, as agreed at its start.")
    currency: Text = col.currency(nullable=True)
    auto_renews: Flag = col.flag("Renews by itself.", nullable=True)
