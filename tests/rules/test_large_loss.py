"""large_loss: one customer who left or shrank, if it shows in the total."""

from __future__ import annotations

from rule_house import NOON, RuleHouse

from revops_pipelines.sensors.rules.large_loss import RULE


def paid(house: RuleHouse, month: str, customer: str, amount: int, currency: str = "USD") -> None:
    rate = 2 if currency == "EUR" else 1
    house.connection.execute(
        "INSERT INTO metrics.mrr VALUES (?, ?, ?, ?, ?, ?)",
        [f"{month}-01", customer, currency, amount, rate, amount * rate],
    )


def base(house: RuleHouse) -> None:
    house.put("users", user_id="crm:owner", name="Sam Seller", team="emea")
    house.put("accounts", account_id="crm:acme", name="Acme", owner_id="crm:owner")
    house.put("customers", customer_id="b:1", account_id="crm:acme")
    for month in ("2026-05", "2026-06"):
        paid(house, month, "b:rest", 10_000)


def test_a_customer_who_left_is_told_with_share_and_owner(house: RuleHouse) -> None:
    base(house)
    paid(house, "2026-05", "b:1", 500, "EUR")
    assert house.evaluate(RULE).fired == 1
    notice = house.notice("b:1/2026-06")
    assert notice["headline"] == "Acme left: 1,000.00 USD a month lost in June 2026"
    assert notice["observed"] == (
        "1,000.00 USD of 1,000.00 USD a month, 9.1 % of all recurring revenue"
    )
    assert (notice["owner"], notice["team"]) == ("Sam Seller", "emea")


def test_a_contraction_and_its_severity(house: RuleHouse) -> None:
    base(house)
    paid(house, "2026-05", "b:1", 4000)
    paid(house, "2026-06", "b:1", 1000)
    assert house.evaluate(RULE).fired == 1
    assert house.notice("b:1/2026-06")["headline"].startswith("Acme pays less: 3,000.00 USD")
    assert house.rows("SELECT severity FROM ops.alert_events") == [("critical",)]


def test_small_losses_and_exchange_alone_are_none(house: RuleHouse) -> None:
    base(house)
    paid(house, "2026-05", "b:small", 100)
    paid(house, "2026-05", "b:euro", 3000, "EUR")
    house.connection.execute(
        "INSERT INTO metrics.mrr VALUES ('2026-06-01', 'b:euro', 'EUR', 3000, 1, 3000)"
    )
    assert house.evaluate(RULE).fired == 0


def test_what_is_regained_ends_and_an_empty_ledger_ends_nothing(house: RuleHouse) -> None:
    base(house)
    paid(house, "2026-05", "b:1", 1000)
    assert house.evaluate(RULE).fired == 1
    house.connection.execute("CREATE TABLE kept AS FROM metrics.mrr; DELETE FROM metrics.mrr")
    assert house.evaluate(RULE, NOON, keep_minutes=0).resolved == 0
    house.connection.execute("INSERT INTO metrics.mrr FROM kept")
    paid(house, "2026-06", "b:1", 1000)
    paid(house, "2026-05", "b:lost", 700)
    house.evaluate(RULE, NOON, keep_minutes=0)
    told = [event for event in house.told() if event[0] != "(rule)"]
    assert told == [
        ("b:1/2026-06", "fired"),
        ("b:1/2026-06", "resolved"),
        ("b:lost/2026-06", "fired"),
    ]


def test_a_segments_own_limit(house: RuleHouse) -> None:
    base(house)
    house.connection.execute("UPDATE conformed.accounts SET segment = 'SMB'")
    paid(house, "2026-05", "b:1", 1000)
    overrides = {"segment": {"SMB": {"share": 0.5}}}
    assert house.evaluate(RULE, overrides=overrides).fired == 0
    overrides = {"segment": {"ENT": {"share": 0.5}}}
    assert house.evaluate(RULE, overrides=overrides).fired == 1
