"""Three metrics of the same rows in pandas: recurring revenue's movements, win rate, speed to lead.

Belongs here: pandas as a competent analyst writes it, vectorised and without DuckDB, and comparing
its results with ours. Does not: anything of the engine's.

Each reads the columns that it needs from Parquet, which is not what is measured of DuckDB either:
`export` writes the files beforehand. It computes monthly totals (and of movements every customer's
row); ours publishes weeks, quarters and every breakdown besides.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost import measured
from bench.volume import peak
from bench.volume_company import AS_OF, opened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NEEDED = {
    "subscription_periods": (
        "customer_id, currency, status, monthly_amount, valid_from_on, valid_to_on, _deleted_at"
    ),
    "customers": "customer_id, _deleted_at",
    "fx_rates": "currency, base_currency, rate, valid_on, _deleted_at",
    "opportunities": "kind, amount, is_closed, is_won, closed_at, lost_reason, _deleted_at",
    "leads": "lead_id, is_inbound, raised_at, excluded_reason, _deleted_at",
    "activities": "lead_id, kind, direction, is_human, outcome, occurred_at, _deleted_at",
}
READS = {
    "mrr_movements": ("subscription_periods", "customers", "fx_rates"),
    "win_rate": ("opportunities",),
    "speed_to_lead": ("leads", "activities"),
}
# Ours to compare with: the same columns as the frames below.
OURS = {
    "mrr_movements": (
        "SELECT customer_id, CAST(period_start_on AS TIMESTAMP) AS month, movement, "
        "CAST(amount * 100 AS BIGINT) AS amount FROM metrics.mrr_movements WHERE movement <> 'none'"
    ),
    "win_rate": (
        "SELECT CAST(period_start_on AS TIMESTAMP) AS month, CAST(numerator AS BIGINT) AS won, "
        "CAST(denominator AS BIGINT) AS decided FROM metrics.metric_values WHERE metric = "
        "'win_rate' AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' "
        "AND denominator IS NOT NULL"
    ),
    "speed_to_lead": (
        "SELECT CAST(period_start_on AS TIMESTAMP) AS month, "
        "CAST(round(value * 120) AS BIGINT) AS half_seconds FROM metrics.metric_values WHERE "
        "metric = 'speed_to_lead' AND grain = 'month' AND CAST(dimensions AS VARCHAR) = '{}' "
        "AND value IS NOT NULL"
    ),
}
# What must be built for ours: the metric and what it reads.
BUILDS = {
    "mrr_movements": ("mrr", "mrr_movements"),
    "win_rate": ("win_rate",),
    "speed_to_lead": ("speed_to_lead",),
}
_PAST_DUE_DAYS = 30
_RATE_UNITS = 10**10
_DAY = 86_400


def export(warehouse: str, folder: str) -> None:
    """Write the columns that pandas needs as Parquet."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    connection = opened(warehouse)
    for entity, columns in NEEDED.items():
        connection.execute(
            f"COPY (SELECT {columns} FROM conformed.{entity}) "
            f"TO '{folder}/{entity}.parquet' (FORMAT parquet)"
        )
    connection.close()


def in_pandas(metric: str, folder: str) -> dict[str, Any]:
    """One metric, read and computed; its result is left in the folder."""
    import pandas as pd

    work = {"mrr_movements": mrr_movements, "win_rate": win_rate, "speed_to_lead": speed_to_lead}
    with measured() as cost:
        frames = {
            name: pd.read_parquet(f"{folder}/{name}.parquet", dtype_backend="pyarrow")
            for name in READS[metric]
        }
        found = work[metric](frames)
    found.to_parquet(f"{folder}/{metric}.result.parquet")
    return {**asdict(cost), "peak": peak(), "rows": len(found)}


def compare(metric: str, warehouse: str, folder: str) -> int:
    """How many rows are in one result and not in the other."""
    connection = opened(warehouse)
    ours = OURS[metric]
    columns = ", ".join(row[0] for row in connection.execute(f"DESCRIBE {ours}").fetchall())
    theirs = f"SELECT {columns} FROM '{folder}/{metric}.result.parquet'"
    row = connection.execute(
        f"SELECT count(*) FROM (({ours} EXCEPT ALL {theirs}) UNION ALL "
        f"({theirs} EXCEPT ALL {ours}))"
    ).fetchone()
    connection.close()
    return int(row[0]) if row else 0


def mrr_movements(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Customer, month, movement and amount in cents."""
    import numpy as np
    import pandas as pd

    periods, customers = frames["subscription_periods"], frames["customers"]
    counts = periods["status"].isin(["active", "past_due", "free"]) & (
        periods["monthly_amount"] > 0
    )
    periods = periods[counts].merge(
        customers.rename(columns={"_deleted_at": "customer_deleted_at"}), on="customer_id"
    )
    begins = _days(periods["valid_from_on"])
    ends = np.minimum.reduce(
        [
            _days(periods["valid_to_on"]),
            _days(periods["_deleted_at"]),
            _days(periods["customer_deleted_at"]),
            np.where(periods["status"] == "past_due", begins + _PAST_DUE_DAYS, _FAR),
        ]
    )
    this_month = np.datetime64(AS_OF.date(), "M")
    first = begins.astype("datetime64[D]").min().astype("datetime64[M]")
    months = np.arange(first, this_month)
    # A period is in force at the ends of the months from its own up to that before its end's.
    since = (begins.astype("datetime64[D]").astype("datetime64[M]") - first).astype(int)
    until = (ends.astype("datetime64[D]").astype("datetime64[M]") - first).astype(int)
    lines, keys = pd.factorize(
        pd.MultiIndex.from_frame(periods[["customer_id", "currency"]].astype(object))
    )
    cents = (periods["monthly_amount"].astype("float64") * 100).round().to_numpy(np.int64)
    cents = np.where(ends > begins, cents, 0)
    change = np.zeros((len(keys), len(months) + 1), dtype=np.int64)
    np.add.at(change, (lines, np.minimum(since, len(months))), cents)
    np.add.at(change, (lines, np.clip(until, 0, len(months))), -cents)
    local = change[:, :-1].cumsum(axis=1)
    rates = _rates(frames["fx_rates"], keys.get_level_values(1), months)
    amount = _half_up(local * rates)
    before = np.hstack([np.zeros((len(keys), 1), np.int64), local[:, :-1]])
    opening = np.hstack([np.zeros((len(keys), 1), np.int64), amount[:, :-1]])
    carried = np.where((before > 0) & (local > 0), _half_up(before * rates) - opening, 0)
    people, names = pd.factorize(keys.get_level_values(0))
    closing, carried = (_summed(each, people, len(names)) for each in (amount, carried))
    return _classified(closing, carried, names, months)


def win_rate(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Won and decided deals by the month in which they were closed."""
    import pandas as pd

    deals = frames["opportunities"]
    now = AS_OF.replace(tzinfo=None)
    said = deals["lost_reason"].fillna("").str.lower().str.replace("[_-]", " ", regex=True)
    deals = deals[
        deals["is_closed"]
        & (deals["closed_at"] <= now)
        & ~(deals["_deleted_at"] <= now).fillna(False)
        & (deals["kind"] != "renewal")
        & (deals["amount"] != 0).fillna(True)
        & (deals["is_won"] | ~said.str.contains("no decision"))
    ]
    months = deals["closed_at"].astype("datetime64[us]").dt.to_period("M").dt.to_timestamp()
    won = pd.DataFrame({"month": months, "is_won": deals["is_won"].astype("int64")})
    found = won.groupby("month")["is_won"].agg(["sum", "count"])
    return found.rename(columns={"sum": "won", "count": "decided"}).reset_index()


def speed_to_lead(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The median of working time to the first human touch, by month, in half seconds."""
    import pandas as pd

    leads, touches = frames["leads"], frames["activities"]
    now = AS_OF.replace(tzinfo=None)
    leads = leads[
        leads["is_inbound"]
        & (leads["raised_at"] <= now)
        & leads["excluded_reason"].isna()
        & ~(leads["_deleted_at"] <= now).fillna(False)
    ]
    touches = touches[
        touches["is_human"]
        & (touches["direction"] == "outbound")
        & touches["kind"].isin(["call", "email", "meeting", "message"])
        & (touches["outcome"].fillna("").str.lower() != "bounced")
        & (touches["occurred_at"] <= now)
        & ~(touches["_deleted_at"] <= now).fillna(False)
    ][["lead_id", "occurred_at"]]
    both = touches.merge(leads[["lead_id", "raised_at"]], on="lead_id")
    both = both[both["occurred_at"] >= both["raised_at"]]
    first = both.groupby("lead_id")["occurred_at"].min().rename("first_touch_at")
    leads = leads.merge(first, on="lead_id", how="left")
    raised = leads["raised_at"].astype("datetime64[us]")
    touched = leads["first_touch_at"].astype("datetime64[us]")
    waited = _worked(touched.fillna(pd.Timestamp(now))) - _worked(raised)
    cohorts = pd.DataFrame(
        {
            "month": raised.dt.to_period("M").dt.to_timestamp(),
            "waited": waited,
            "is_answered": touched.notna(),
        }
    )
    medians = cohorts.groupby("month")[["waited", "is_answered"]].apply(_median)
    return medians.dropna().astype("int64").rename("half_seconds").reset_index()


_FAR = 10**6


def _days(dates: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Days since 1970; far ahead where there is none."""
    import numpy as np

    days = dates.astype("datetime64[us]").to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), _FAR, days.astype(np.int64))


def _rates(
    rates: pd.DataFrame, currencies: pd.Index[Any], months: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Whole ten-billionths of the base currency, a row per line and a column per month."""
    import numpy as np
    import pandas as pd

    rates = rates[(rates["base_currency"] == "USD") & rates["_deleted_at"].isna()]
    table = rates.pivot_table(
        index="currency",
        columns=rates["valid_on"].astype("datetime64[us]"),
        values="rate",
        aggfunc="last",
    )
    held = table.reindex(columns=pd.DatetimeIndex(months.astype("datetime64[us]")))
    units = (held.astype("float64") * _RATE_UNITS).round().astype(np.int64)
    units.loc["USD"] = _RATE_UNITS
    return units.loc[currencies.astype(str)].to_numpy()


def _half_up(units: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rounded: np.ndarray[Any, Any] = (units + _RATE_UNITS // 2) // _RATE_UNITS
    return rounded


def _summed(
    lines: np.ndarray[Any, Any], people: np.ndarray[Any, Any], count: int
) -> np.ndarray[Any, Any]:
    import numpy as np

    total = np.zeros((count, lines.shape[1]), dtype=np.int64)
    np.add.at(total, people, lines)
    return total


def _classified(
    closing: np.ndarray[Any, Any],
    carried: np.ndarray[Any, Any],
    names: pd.Index[Any],
    months: np.ndarray[Any, Any],
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    opening = np.hstack([np.zeros((len(names), 1), np.int64), closing[:, :-1]])
    is_first = (opening == 0) & (closing > 0) & (closing > 0).cumsum(axis=1).__eq__(1)
    fx = np.where((opening > 0) & (closing > 0), carried, 0)
    rest = closing - opening - fx
    kinds = np.select(
        [is_first, opening == 0, closing == 0, rest > 0],
        ["new", "reactivation", "churn", "expansion"],
        "contraction",
    )
    parts = []
    for amount, kind in ((rest, kinds), (fx, np.full(fx.shape, "fx"))):
        who, when = np.nonzero(amount)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": names.to_numpy()[who],
                    "month": months.astype("datetime64[us]")[when],
                    "movement": kind[who, when],
                    "amount": amount[who, when],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _worked(moments: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Working seconds since 1970 up to each moment: Monday to Friday, nine to five, UTC."""
    import numpy as np

    days = moments.to_numpy().astype("datetime64[D]")
    seconds = (moments.to_numpy() - days) / np.timedelta64(1, "s")
    today = np.clip(seconds, 9 * 3600, 17 * 3600) - 9 * 3600
    whole = np.busday_count(np.datetime64("1970-01-01"), days)
    worked: np.ndarray[Any, Any] = whole * 8 * 3600 + np.where(np.is_busday(days), today, 0)
    return worked


def _median(cohort: pd.DataFrame) -> float:
    """Kaplan-Meier's median in half seconds: the middle, where the curve rests on one half."""
    import numpy as np

    times, places = np.unique(cohort["waited"].to_numpy(), return_inverse=True)
    leaving = np.bincount(places)
    events = np.bincount(places, weights=cohort["is_answered"].to_numpy())
    at_risk = leaving[::-1].cumsum()[::-1]
    share = np.cumprod(1 - events / at_risk)
    reached, passed = times[share <= 0.5 + 1e-9], times[share < 0.5 - 1e-9]
    if not len(reached):
        return float("nan")
    return float(reached[0] + (passed[0] if len(passed) else reached[0]))
