"""Who and what the company consists of: its organization, users, teams, currencies, accounts.

Belongs here: these rows, and pointers to them. Does not: people who may buy (`people.py`).

Three application users stand for machines: one that writes what comes by web form and chat, one
that writes bookings, one that sends sequences. New leads belong to the team "Inbound queue" until
somebody is assigned.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from revops_pipelines.sandbox.dynamics.ids import guid
from revops_pipelines.sandbox.dynamics.shapes import OWN
from revops_pipelines.sandbox.dynamics.shelf import Row
from revops_pipelines.sandbox.dynamics.story import Change, Ref, epoch_ms, in_order
from revops_pipelines.sandbox.world.company import INDUSTRIES, TEAMS, Account, User
from revops_pipelines.sandbox.world.fx import BASE_CURRENCY, LEVELS
from revops_pipelines.sandbox.world.world import World

WEB, BOOKINGS, SEQUENCES = 101, 102, 103
MACHINES = {WEB: "# Web Forms", BOOKINGS: "# Bookings", SEQUENCES: "# Sales Sequences"}
INBOUND_QUEUE, EVERYBODY = 41_099, 41_000
CURRENCIES = {
    BASE_CURRENCY: ("US Dollar", "$", 2),
    "EUR": ("Euro", "€", 2),
    "GBP": ("Pound Sterling", "£", 2),
    "JPY": ("Yen", "¥", 0),
}
COUNTRY_NAMES = {
    "US": "United States",
    "CA": "Canada",
    "BR": "Brazil",
    "MX": "Mexico",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "DE": "Germany",
    "FR": "France",
    "NL": "Netherlands",
    "ES": "Spain",
    "JP": "Japan",
    "AU": "Australia",
    "IN": "India",
}
_RATE = Decimal("0.0000000001")
_CENT = Decimal("0.01")


class Company:
    """The company's own rows, and what others need to point at them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = epoch_ms(world.start - timedelta(days=30))
        self._teams = {
            team.name: Ref("team", guid("team", int(team.hubspot_id)), team.name) for team in TEAMS
        }
        self._sellers = {
            team.name: [user for user in world.users if user.team == team.name] for team in TEAMS
        }
        self._users = [_user_ref(user) for user in world.users]
        self.accounts = [
            Ref("account", guid("account", int(each.hubspot_id)), each.name)
            for each in world.accounts
        ]
        self.unit = Ref("businessunit", guid("businessunit", 1), "Northbeam")
        self.queue = Ref("team", guid("team", INBOUND_QUEUE), "Inbound queue")

    def user(self, index: int) -> Ref:
        """One of our own people."""
        return self._users[index]

    def machine(self, number: int) -> Ref:
        """An application user."""
        return Ref("systemuser", guid("systemuser", number), MACHINES[number])

    def currency(self, code: str) -> Ref:
        """A currency."""
        place = list(CURRENCIES).index(code)
        name = CURRENCIES[code][0]
        return Ref("transactioncurrency", guid("transactioncurrency", 1 + place), name)

    def exchange_rate(self, code: str, day: date) -> Decimal:
        """Units of the currency for one of the base currency, as Dynamics writes rates."""
        rate = self.world.fx.monthly_rate(code, day)
        return (1 / rate).quantize(_RATE, ROUND_HALF_UP)

    def priced(self, code: str, day: date, **amounts: Decimal | None) -> dict[str, object]:
        """Amounts with their values in the base currency at the day's rate."""
        rate = self.exchange_rate(code, day)
        values: dict[str, object] = {
            "transactioncurrencyid": self.currency(code),
            "exchangerate": rate,
        }
        for name, amount in amounts.items():
            values[name] = amount
            values[f"{name}_base"] = None if amount is None else (amount / rate).quantize(_CENT)
        return values

    def tables(self) -> dict[str, list[Row]]:
        """All rows of the company's own tables."""
        return {
            "organization": [self._row(1, self._organization())],
            "businessunit": [self._row(1, {"name": self.unit.name, "isdisabled": False})],
            "systemuser": list(self._user_rows()),
            "team": list(self._team_rows()),
            "teammembership": list(self._memberships()),
            "transactioncurrency": list(self._currency_rows()),
            "account": [self._account(each) for each in self.world.accounts],
        }

    def _row(self, number: int, values: dict[str, object]) -> Row:
        return Row(number, [Change(self.made, values)])

    def _organization(self) -> dict[str, object]:
        return {
            "name": "Northbeam",
            "isauditenabled": True,
            "expirechangetrackingindays": 7,
            "localeid": 1033,
            "basecurrencyid": self.currency(BASE_CURRENCY),
        }

    def _user_rows(self) -> Iterator[Row]:
        for number, name in MACHINES.items():
            yield self._row(
                number,
                {
                    "fullname": name,
                    "firstname": "#",
                    "lastname": name[2:],
                    "accessmode": 4,
                    "applicationid": guid("metric", number),
                    "isdisabled": False,
                    "businessunitid": self.unit,
                },
            )
        for user in self.world.users:
            first, last = user.name.split(" ", 1)
            values: dict[str, object] = {
                "fullname": user.name,
                "firstname": first,
                "lastname": last,
                "internalemailaddress": user.email,
                "domainname": user.email,
                "accessmode": 0,
                "isdisabled": False,
                "businessunitid": self.unit,
            }
            story = [Change(self.made, values)]
            if user.left_at is not None:
                story.append(Change(epoch_ms(user.left_at), {"isdisabled": True}))
            yield Row(int(user.hubspot_id), story)

    def _team_rows(self) -> Iterator[Row]:
        named = [(int(team.hubspot_id), team.name, False) for team in TEAMS]
        named += [(INBOUND_QUEUE, self.queue.name, False), (EVERYBODY, self.unit.name, True)]
        for number, name, is_default in named:
            yield self._row(
                number,
                {
                    "name": name,
                    "isdefault": is_default,
                    "teamtype": 0,
                    "businessunitid": self.unit,
                },
            )

    def _memberships(self) -> Iterator[Row]:
        for user in self.world.users:
            teams = (self._teams[user.team].id, guid("team", EVERYBODY))
            for place, team in enumerate(teams):
                yield self._row(
                    int(user.hubspot_id) * 2 + place,
                    {"systemuserid": self._users[user.index].id, "teamid": team},
                )

    def _currency_rows(self) -> Iterator[Row]:
        for place, (code, (name, symbol, digits)) in enumerate(CURRENCIES.items()):
            story = [
                Change(
                    epoch_ms(self.world.start),
                    {
                        "currencyname": name,
                        "isocurrencycode": code,
                        "currencysymbol": symbol,
                        "currencyprecision": digits,
                        "exchangerate": self.exchange_rate(code, self.world.start.date()),
                        "statecode": 0,
                        "statuscode": 1,
                    },
                )
            ]
            for month in self._months() if code in LEVELS else ():
                rate = self.exchange_rate(code, month.date())
                story.append(Change(epoch_ms(month), {"exchangerate": rate}))
            yield Row(1 + place, story)

    def _months(self) -> Iterator[datetime]:
        """The first instants of the months after the first."""
        month = self.world.start
        while True:
            month = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
            if month >= self.world.end:
                return
            yield month

    def _account(self, account: Account) -> Row:
        owners = self._sellers[account.team]
        values: dict[str, object] = {
            "name": account.name,
            "websiteurl": f"https://www.{account.domain}",
            "emailaddress1": f"info@{account.domain}",
            "address1_country": COUNTRY_NAMES[account.country],
            "numberofemployees": account.employees,
            "industrycode": INDUSTRIES.index(account.industry) + 1,
            "importsequencenumber": 1 if account.path == "legacy" else None,
            "ownerid": self._users[owners[account.index % len(owners)].index],
            "merged": False,
            "statecode": 0,
            "statuscode": 1,
            **self.priced(account.currency, account.created_at.date()),
        }
        story = [Change(epoch_ms(account.created_at), values)]
        if account.wins_at is not None:
            tier = {"SMB": 0, "MID": 1, "ENT": 2}[account.segment]
            story.append(Change(epoch_ms(account.wins_at), {"new_customertier": OWN + tier}))
        gone = account.is_deleted_at
        return Row(int(account.hubspot_id), in_order(story), epoch_ms(gone) if gone else None)

    def account_then(self, index: int | None, since: int, name: str) -> list[Change]:
        """A column's pointer to an account from a moment on, until the account is deleted."""
        if index is None:
            return []
        gone = self.world.accounts[index].is_deleted_at
        deleted = None if gone is None else epoch_ms(gone)
        if deleted is not None and deleted <= since:
            return []
        story = [Change(since, {name: self.accounts[index]})]
        return story if deleted is None else [*story, Change(deleted, {name: None})]


def _user_ref(user: User) -> Ref:
    return Ref("systemuser", guid("systemuser", int(user.hubspot_id)), user.name)
