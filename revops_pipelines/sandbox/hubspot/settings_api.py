"""Endpoints beside the records: owners, pipelines, properties, currencies, the account.

Belongs here: these small, rarely changing answers. Does not: records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from revops_pipelines.sandbox.hubspot.errors import not_found
from revops_pipelines.sandbox.hubspot.objects_api import answer, flagged, limit_of
from revops_pipelines.sandbox.hubspot.portal import Portal
from revops_pipelines.sandbox.hubspot.properties import definitions
from revops_pipelines.sandbox.hubspot.render import PORTAL_ID
from revops_pipelines.sandbox.hubspot.story import epoch_ms, ms_text
from revops_pipelines.sandbox.world.company import TEAMS, User
from revops_pipelines.sandbox.world.deal_paths import PIPELINES, Pipeline, Stage
from revops_pipelines.sandbox.world.fx import BASE_CURRENCY, LEVELS

OWNERS_A_PAGE, RATES_A_PAGE = 500, 100
TEAM_IDS = {team.name: team.hubspot_id for team in TEAMS}
CURRENCY_NAMES = {"USD": "US Dollar", "EUR": "Euro", "GBP": "British Pound", "JPY": "Japanese Yen"}
Answers = Callable[[Request], Any]


class SettingsApi:
    """The endpoints of a portal's settings."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._made = ms_text(epoch_ms(portal.world.start - timedelta(days=30)))

    def routes(self) -> list[Route]:
        """All of them, in the dated and the older spelling."""
        both: list[tuple[str, str, Answers]] = [
            ("/crm/owners/{version}", "/crm/{version}/owners", self.owners),
            ("/crm/owners/{version}/{id}", "/crm/{version}/owners/{id}", self.owner),
            *self._of_types(),
            *self._of_currencies(),
            ("/account-info/{version}/details", "", self.account),
        ]
        return [
            Route(path, ending)
            for dated, older, ending in both
            # HubSpot answers with and without a slash at the end; its own client sends one.
            for path in (dated, f"{dated}/", older, f"{older}/")
            if path.strip("/")
        ]

    def _of_types(self) -> list[tuple[str, str, Answers]]:
        places: list[tuple[str, str, Answers]] = []
        for word, many, one in (
            ("pipelines", self.pipelines, self.pipeline),
            ("properties", self.properties, self.property),
        ):
            dated, older = f"/crm/{word}/{{version}}", f"/crm/{{version}}/{word}"
            places.append((f"{dated}/{{object_type}}", f"{older}/{{object_type}}", many))
            places.append(
                (f"{dated}/{{object_type}}/{{id}}", f"{older}/{{object_type}}/{{id}}", one)
            )
        return places

    def _of_currencies(self) -> list[tuple[str, str, Answers]]:
        dated, older = "/settings/currencies/{version}", "/settings/{version}/currencies"
        return [
            (f"{dated}/exchange-rates", f"{older}/exchange-rates", self.rates),
            (f"{dated}/exchange-rates/current", f"{older}/exchange-rates/current", self.current),
            (f"{dated}/company-currency", f"{older}/company-currency", self.company_currency),
            (f"{dated}/codes", f"{older}/codes", self.codes),
        ]

    async def owners(self, request: Request) -> Response:
        """Users that records belong to; those who left with `archived=true`."""
        limit = limit_of(request, OWNERS_A_PAGE, 100)
        archived = flagged(request, "archived")
        now = self._portal.clock.now()
        wanted = [user for user in self._portal.world.users if user.at_work(now) != archived]
        email = request.query_params.get("email")
        if email is not None:
            wanted = [user for user in wanted if user.email == email.lower()]
        after = int(request.query_params.get("after", "0") or 0)
        page = wanted[after : after + limit]
        payload: dict[str, Any] = {"results": [self._owner(user, now) for user in page]}
        if after + limit < len(wanted):
            payload["paging"] = {"next": {"after": str(after + limit)}}
        return answer(payload)

    async def owner(self, request: Request) -> Response:
        """One owner."""
        now = self._portal.clock.now()
        archived = flagged(request, "archived")
        for user in self._portal.world.users:
            if user.hubspot_id == request.path_params["id"] and user.at_work(now) != archived:
                return answer(self._owner(user, now))
        raise not_found()

    def _owner(self, user: User, now: datetime) -> dict[str, Any]:
        left = user.left_at if user.left_at and user.left_at <= now else None
        first, last = user.name.split(" ", 1)
        owner: dict[str, Any] = {
            "id": user.hubspot_id,
            "email": user.email,
            "type": "PERSON",
            "firstName": first,
            "lastName": last,
            "userIdIncludingInactive": 9_000 + user.index,
            "createdAt": self._made,
            "updatedAt": ms_text(epoch_ms(left)) if left else self._made,
            "archived": left is not None,
            "teams": [{"id": TEAM_IDS[user.team], "name": user.team, "primary": True}],
        }
        if left is None:
            owner["userId"] = 9_000 + user.index
        return owner

    async def pipelines(self, request: Request) -> Response:
        """All pipelines of a type; only deals have any here."""
        kind = self._portal.kind(request.path_params)
        lines = PIPELINES if kind == "deals" else ()
        return answer({"results": [self._pipeline(*each) for each in enumerate(lines)]})

    async def pipeline(self, request: Request) -> Response:
        """One pipeline."""
        kind = self._portal.kind(request.path_params)
        for order, line in enumerate(PIPELINES if kind == "deals" else ()):
            if line.id == request.path_params["id"]:
                return answer(self._pipeline(order, line))
        raise not_found()

    def _pipeline(self, order: int, line: Pipeline) -> dict[str, Any]:
        return {
            "label": line.label,
            "displayOrder": order,
            "id": line.id,
            "stages": [self._stage(*each) for each in enumerate(line.stages)],
            "createdAt": self._made,
            "updatedAt": self._made,
            "archived": False,
        }

    def _stage(self, order: int, stage: Stage) -> dict[str, Any]:
        closed = str(stage.is_closed).lower()
        return {
            "label": stage.label,
            "displayOrder": order,
            "metadata": {"isClosed": closed, "probability": stage.probability},
            "id": stage.id,
            "createdAt": self._made,
            "updatedAt": self._made,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }

    async def properties(self, request: Request) -> Response:
        """All properties of a type."""
        kind = self._portal.kind(request.path_params)
        return answer({"results": [] if flagged(request, "archived") else definitions(kind)})

    async def property(self, request: Request) -> Response:
        """One property."""
        kind = self._portal.kind(request.path_params)
        for definition in definitions(kind):
            if definition["name"] == request.path_params["id"]:
                return answer(definition)
        raise not_found()

    async def rates(self, request: Request) -> Response:
        """Every month's rate of every currency, since the portal's first month."""
        limit = limit_of(request, RATES_A_PAGE, RATES_A_PAGE)
        of = request.query_params.get("fromCurrencyCode")
        every = [rate for rate in self._rates() if of in (None, rate["fromCurrencyCode"])]
        after = int(request.query_params.get("after", "0") or 0)
        payload: dict[str, Any] = {"results": every[after : after + limit]}
        if after + limit < len(every):
            payload["paging"] = {"next": {"after": str(after + limit)}}
        return answer(payload)

    async def current(self, request: Request) -> Response:
        """The rates of this month."""
        every = list(self._rates())
        return answer({"results": every[-len(LEVELS) :]})

    def _rates(self) -> Iterator[dict[str, Any]]:
        world, now = self._portal.world, self._portal.clock.now()
        month = world.start
        while month <= now:
            moment = ms_text(epoch_ms(month))
            number = month.year * 12 + month.month
            for order, currency in enumerate(LEVELS):
                rate = world.fx.monthly_rate(currency, month.date())
                yield {
                    "createdAt": moment,
                    "updatedAt": moment,
                    "id": str(number * 10 + order),
                    "fromCurrencyCode": currency,
                    "toCurrencyCode": BASE_CURRENCY,
                    "conversionRate": float(rate),
                    "effectiveAt": moment,
                    "visibleInUI": True,
                }
            month = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)

    async def company_currency(self, request: Request) -> Response:
        """The currency that amounts are converted to."""
        return answer({"id": BASE_CURRENCY, "createdAt": self._made})

    async def codes(self, request: Request) -> Response:
        """The currencies there are."""
        names = CURRENCY_NAMES.items()
        return answer({"results": [{"currencyCode": a, "currencyName": b} for a, b in names]})

    async def account(self, request: Request) -> Response:
        """Whose portal this is."""
        return answer(
            {
                "portalId": PORTAL_ID,
                "accountType": "STANDARD",
                "timeZone": "US/Eastern",
                "companyCurrency": BASE_CURRENCY,
                "additionalCurrencies": list(LEVELS),
                "utcOffset": "-05:00",
                "utcOffsetMilliseconds": -18_000_000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )
