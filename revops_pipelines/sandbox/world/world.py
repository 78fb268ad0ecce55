"""The whole simulated company, put together from its parts.

Belongs here: the order in which the parts are made and the record that holds them. Does not: any
part's own rules. Everything through anchor + horizon is made at once; the servers show what has
happened up to the sandbox clock's now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from revops_pipelines.sandbox.world.company import (
    Account,
    Person,
    User,
    simulate_accounts,
    simulate_users,
)
from revops_pipelines.sandbox.world.fx import Fx


@dataclass(frozen=True, slots=True)
class World:
    """One simulated company; the same seed, anchor and scale give the same world."""

    seed: int
    anchor: date
    scale: float
    start: datetime
    anchor_at: datetime
    end: datetime
    fx: Fx
    users: tuple[User, ...]
    accounts: tuple[Account, ...]
    people: tuple[Person, ...]
    billing: Any
    marketing: Any


def build_world(
    seed: int,
    anchor: date,
    scale: float = 1,
    history_months: int = 24,
    horizon_days: int = 60,
) -> World:
    """Simulate from `history_months` before the anchor's month start to `horizon_days` after it."""
    months = anchor.year * 12 + anchor.month - 1 - history_months
    start = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    anchor_at = datetime.combine(anchor, time(12), tzinfo=UTC)
    end = anchor_at + timedelta(days=horizon_days)
    fx = Fx(seed)
    users = simulate_users(seed, scale, start, end)
    accounts = simulate_accounts(seed, scale, start, anchor_at, end)
    people: tuple[Person, ...] = ()
    return World(
        seed,
        anchor,
        scale,
        start,
        anchor_at,
        end,
        fx,
        users,
        accounts,
        people,
        _billing(seed, accounts, start, end, fx),
        _marketing(seed, people, start, end),
    )


def _billing(
    seed: int, accounts: tuple[Account, ...], start: datetime, end: datetime, fx: Fx
) -> Any:
    from revops_pipelines.sandbox.world.billing import simulate_billing

    return simulate_billing(seed, accounts, start, end, fx)


def _marketing(seed: int, people: tuple[Person, ...], start: datetime, end: datetime) -> Any:
    from revops_pipelines.sandbox.world.marketing import simulate_marketing

    return simulate_marketing(seed, people, start, end)
