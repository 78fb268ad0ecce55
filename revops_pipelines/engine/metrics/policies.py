"""Whose recurring revenue: the conventions of several systems, each as a set of four rules.

Belongs here: the policies, what each rule says and where its maker publishes it, and the table
`ops.policies` that metric SQL reads. Does not: how a rule changes a row (`assets/metrics/_ledger`).

A policy says which statuses count, which discounts reduce MRR, how many weeks and days a month has,
and which month's rate of exchange holds. The four are the causes of a bridge, in this order. To add
a policy, add it to `POLICIES` and to the words that `billing.policy` knows; to add a kind of rule,
add a column here and what it does to a row there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

Cause = Literal["statuses", "discounts", "month_length", "exchange"]
# In the order in which a bridge replaces one policy's rules by another's.
CAUSES: tuple[Cause, ...] = ("statuses", "discounts", "month_length", "exchange")

# Until when a cancelled subscription counts: until it ended, or until somebody asked to end it.
Cancellations = Literal["ended", "asked"]
Discounts = Literal["all", "recurring", "lasting", "none"]
Exchange = Literal["month", "service_start", "purchase"]
# Days for which a past-due subscription counts: those of `billing.past_due_days`, or without limit.
Grace = Literal["setting", "unlimited"]

# Weeks and days of a year, by which amounts are monthly in the ledger.
WEEKS, DAYS = 52, 365


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy does about one cause, in words, and the public page that says so.

    `source` is empty where nobody else's word is needed (our own rules), `note` says what is not
    published or not followed.
    """

    says: str
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named set of conventions.

    `yearly_discounts` are the discounts that reduce what is billed by the year, where they differ.
    `weeks` and `days` are twelve times those that a month has.
    """

    name: str
    title: str
    rules: Mapping[Cause, Rule]
    grace: Grace = "setting"
    counts_paused: bool = False
    cancellations: Cancellations = "ended"
    discounts: Discounts = "all"
    yearly_discounts: Discounts | None = None
    weeks: int = WEEKS
    days: int = DAYS
    exchange: Exchange = "month"


POLICIES: tuple[Policy, ...] = (
    Policy(
        name="ours",
        title="Ours",
        rules={
            "statuses": Rule(
                "Active counts until it ends, past due for billing.past_due_days; paused and "
                "unpaid do not."
            ),
            "discounts": Rule("Every discount reduces MRR while it is in force."),
            "month_length": Rule("A month is 52/12 weeks or 365/12 days."),
            "exchange": Rule("The rate of the month that is valued."),
        },
    ),
    Policy(
        name="stripe",
        title="Stripe",
        grace="unlimited",
        counts_paused=True,
        cancellations="asked",
        discounts="lasting",
        rules={
            "statuses": Rule(
                "Active and past due count until somebody cancels, also at the period's end; while "
                "collection is paused the status stays as it is, so that it counts.",
                "docs.stripe.com/billing/subscriptions/analytics/glossary; "
                "support.stripe.com/questions/impact-of-subscription-cancellations-on-monthly-"
                "recurring-revenue-mrr-in-billing; "
                "docs.stripe.com/billing/subscriptions/pause-payment",
                "Stripe's own status `unpaid` ends it as well; `unpaid` in the ledger is by days, "
                "so that here it does not.",
            ),
            "discounts": Rule(
                "Coupons that last forever reduce MRR; those for once or for some months do not.",
                "support.stripe.com/questions/billing-analytics; "
                "learn.profitwell.com/article/gf9qqkyplu-profitwell-vs-stripe",
            ),
            "month_length": Rule(
                "As ours.", note="Stripe does not publish how it makes months of weeks and days."
            ),
            "exchange": Rule(
                "As ours.",
                "docs.stripe.com/billing/subscriptions/analytics/glossary",
                "Its movements have an own kind for rates of exchange.",
            ),
        },
    ),
    Policy(
        name="chartmogul",
        title="ChartMogul",
        grace="unlimited",
        counts_paused=True,
        exchange="service_start",
        rules={
            "statuses": Rule(
                "Past due stays active by default; so does what is paused. All end when the "
                "subscription does.",
                "help.chartmogul.com/hc/en-us/articles/15384089786524; "
                "help.chartmogul.com/article/303-handling-past-due-subscriptions; "
                "help.chartmogul.com/hc/en-us/articles/360015688860",
                "Settings there end past-due ones after so many days, and cancelled ones earlier; "
                "this is the default.",
            ),
            "discounts": Rule(
                "Every discount reduces MRR while it is in force.",
                "help.chartmogul.com/hc/en-us/articles/4416682609426",
            ),
            "month_length": Rule("As ours.", note="Not published."),
            "exchange": Rule(
                "The rate of the running service period's start; its effect has a row of its own.",
                "help.chartmogul.com/hc/en-us/articles/201520952",
                "ChartMogul takes the day's rate; ours are monthly.",
            ),
        },
    ),
    Policy(
        name="profitwell",
        title="ProfitWell",
        exchange="purchase",
        rules={
            "statuses": Rule(
                "Past due counts within the dunning window, billing.past_due_days; on hold is 0; "
                "what is cancelled counts until the billing cycle ends.",
                "www.paddle.com/help/profitwell-metrics/measure/compare/profitwell-vs-recurly",
            ),
            "discounts": Rule(
                "Discounts and credits are always subtracted.",
                "www.paddle.com/help/profitwell-metrics/measure/subscription-metrics/discounts",
                "Credits of account balances are not in the ledger.",
            ),
            "month_length": Rule("As ours.", note="Not published."),
            "exchange": Rule(
                "The rate of the date on which the customer purchased the subscription.",
                "learn.profitwell.com/article/ldosvdtpmm-why-is-my-mrr-in-profit-well-different-than-"
                "paddle",
                "Here the month in which it began and was no trial.",
            ),
        },
    ),
    Policy(
        name="chargebee",
        title="Chargebee",
        grace="unlimited",
        discounts="recurring",
        yearly_discounts="lasting",
        rules={
            "statuses": Rule(
                "Past due counts until dunning cancels it; paused does not.",
                "www.chargebee.com/docs/billing/2.0/reports-and-analytics/flexi-mrr-vs-regular-mrr",
                "What dunning does to MRR is not published in so many words: a subscription "
                "renews, and so counts, until dunning cancels it.",
            ),
            "discounts": Rule(
                "Coupons for one time do not reduce MRR, nor limited ones on yearly terms.",
                "www.chargebee.com/docs/billing/2.0/reports-and-analytics/flexi-mrr-vs-regular-mrr"
                "; www.chargebee.com/docs/billing/2.0/kb/reports-and-analytics/"
                "how-limited-coupons-are-calculated-for-yearly-subscriptions-mrr-calculations",
            ),
            "month_length": Rule("As ours.", note="Not published."),
            "exchange": Rule(
                "The rate of the month that is valued.",
                "support.chargebee.com/support/solutions/articles/256559",
            ),
        },
    ),
    Policy(
        name="revenuecat",
        title="RevenueCat",
        weeks=4 * 12,
        days=30 * 12,
        exchange="service_start",
        rules={
            "statuses": Rule(
                "Paid and not expired, also without renewal; past due within a grace period, "
                "here billing.past_due_days.",
                "www.revenuecat.com/docs/dashboard-and-metrics/charts/"
                "monthly-recurring-revenue-mrr-chart",
            ),
            "discounts": Rule(
                "The price as paid.",
                "www.revenuecat.com/docs/dashboard-and-metrics/charts/"
                "monthly-recurring-revenue-mrr-chart",
                "Taxes are part of a store's price there; the ledger is before tax.",
            ),
            "month_length": Rule(
                "A month is 4 weeks or 30 days.",
                "www.revenuecat.com/docs/dashboard-and-metrics/charts/"
                "monthly-recurring-revenue-mrr-chart",
            ),
            "exchange": Rule(
                "The rate of the purchase of each running term.",
                "www.revenuecat.com/docs/dashboard-and-metrics/display-currency",
            ),
        },
    ),
)
OURS = POLICIES[0].name

# column -> (DuckDB type, meaning) of `ops.policies`.
COLUMNS: dict[str, tuple[str, str]] = {
    "policy": ("VARCHAR", "Name, as in `billing.policy`."),
    "title": ("VARCHAR", "Whose conventions they are."),
    "place": ("INTEGER", "Place in lists; ours is 1."),
    "past_due_days": (
        "INTEGER",
        "Days for which a past-due subscription counts; null: until it ends, also when unpaid.",
    ),
    "counts_paused": ("BOOLEAN", "A paused subscription counts."),
    "cancellations": (
        "VARCHAR",
        "Until when a cancelled subscription counts: until it ended, or until it was asked to.",
    ),
    "discounts": (
        "VARCHAR",
        "Discounts that reduce MRR: all, recurring (beyond one bill), lasting (forever), none.",
    ),
    "yearly_discounts": ("VARCHAR", "The same of what is billed for a year or more at once."),
    "weeks_per_year": ("INTEGER", "Twelve times the weeks that a month has; the ledger's are 52."),
    "days_per_year": ("INTEGER", "Twelve times the days that a month has; the ledger's are 365."),
    "exchange": (
        "VARCHAR",
        "Whose month's rate holds: month (that is valued), service_start (in which the running "
        "term began), purchase (in which the subscription began).",
    ),
}
RULE_COLUMNS: dict[Cause, tuple[str, ...]] = {
    "statuses": ("past_due_days", "counts_paused", "cancellations"),
    "discounts": ("discounts", "yearly_discounts"),
    "month_length": ("weeks_per_year", "days_per_year"),
    "exchange": ("exchange",),
}


def write_policies(connection: duckdb.DuckDBPyConnection, past_due_days: int) -> None:
    """Write `ops.policies`, a row for each policy; `past_due_days` is the company's own grace."""
    listed = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TABLE ops.policies ({listed})")
    marks = ", ".join("?" for _ in COLUMNS)
    connection.executemany(
        f"INSERT INTO ops.policies VALUES ({marks})",
        [
            (
                policy.name,
                policy.title,
                place,
                past_due_days if policy.grace == "setting" else None,
                policy.counts_paused,
                policy.cancellations,
                policy.discounts,
                policy.yearly_discounts or policy.discounts,
                policy.weeks,
                policy.days,
                policy.exchange,
            )
            for place, policy in enumerate(POLICIES, 1)
        ],
    )
