"""The ledger that MRR reads."""

from __future__ import annotations

from revops_pipelines.contracts.subscription_periods import SubscriptionPeriods
from revops_pipelines.engine.conform.declaration import Entity

ENTITY = Entity(
    name="subscription_periods",
    contract=SubscriptionPeriods,
    owner="finance",
)
