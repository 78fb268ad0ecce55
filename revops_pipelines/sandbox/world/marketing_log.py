"""One lead's activity log while it is being written.

Belongs here: what entries an event leaves behind, and what it changes in the lead. Does not: when
things happen and to whom (`marketing.py`).
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from revops_pipelines.sandbox.world import marketing_shapes as shapes
from revops_pipelines.sandbox.world.company import Person
from revops_pipelines.sandbox.world.marketing_shapes import (
    LEAD_FIELDS,
    POSITION,
    Change,
    Program,
    Scalar,
)

# (at, seen at, lead, type, campaign, primary id, primary value, details, is a bot)
Draft = tuple[int, int, int, int, int | None, int | None, str | None, tuple[Scalar, ...], bool]

AGENTS = (
    ("Mozilla/5.0 (Windows NT 10.0)", False, "Windows"),
    ("Mozilla/5.0 (Macintosh)", False, "macOS"),
    ("Mozilla/5.0 (iPhone)", True, "iOS"),
    ("Mozilla/5.0 (Linux; Android 15)", True, "Android"),
)
PAGES = ("/", "/pricing", "/product", "/customers", "/blog/forecasts", "/docs")
STATUS_AFTER_FORM = "Filled-out Form"
# A share of what browsers and mailboxes report is shown by the API only minutes later.
LATE_TYPES = frozenset({shapes.VISIT, shapes.DELIVERED, shapes.OPEN, shapes.CLICK})
LATE_SHARE, LATEST_SECONDS = 0.04, 600


class Mailing(NamedTuple):
    """An email asset and the smart campaign that sends it."""

    mailing_id: int
    name: str
    campaign_id: int

    @classmethod
    def of(cls, program: Program) -> Mailing:
        """The mail of a program; assets inside a program bear its name before a dot."""
        number = program.program_id
        return cls(20_000 + number, f"{program.name}.Email 1", 50_000 + number)

    @classmethod
    def thanks(cls, website: Program) -> Mailing:
        """The automatic answer to a form."""
        return cls(19_001, f"{website.name}.Thank You", 49_001)


class Log:
    """Entries and changes of one lead.

    What would happen after it is gone, or after the end, is left out. Field changes are planned
    first and written by `settle`, in order of time, so that each knows the value before it.
    """

    def __init__(self, random: Random, lead_id: int, until: int, labelled_from: int) -> None:
        self.lead_id = lead_id
        self.until = until
        self.labelled_from = labelled_from
        self.created_at = 0
        self.gone_at: int | None = None
        self.entries: list[Draft] = []
        self.changes: list[Change] = []
        self._random = random
        self._planned: list[tuple[int, int, Scalar, str]] = []

    def new_lead(self, person: Person, form: str | None) -> None:
        """The record appears."""
        source = "Web form fillout" if form else "List import"
        name = f"{person.first_name} {person.last_name}"
        listed = None if form else f"{person.origin} list"
        details = (source, form, listed)
        self._add(self.created_at, shapes.NEW_LEAD, None, self.lead_id, name, details)

    def visits(self, until: int, count: int) -> None:
        """Some pages seen in the minutes before."""
        agent, _, _ = self._random.choice(AGENTS)
        moment = until - 45 * count - self._random.randrange(5, 60)
        for _ in range(count):
            page = self._random.choice(PAGES)
            moment += self._random.randrange(5, 44)
            url = f"https://www.northbeam.example{page}"
            details = (self._address(), None, None, agent, url)
            self._add(moment, shapes.VISIT, None, 300 + PAGES.index(page), page, details)

    def fill(self, at: int, program: Program, form: str) -> None:
        """A form filled in; scores follow."""
        agent, _, _ = self._random.choice(AGENTS)
        number = sum(ord(letter) for letter in form)
        filled = '{"Email":"(given)","Comments":"a, \\"b\\"\\nc"}'
        referrer = "https://www.northbeam.example/pricing"
        details = (self._address(), "utm_source=x", referrer, agent, filled, 301)
        self._add(at, shapes.FORM, None, number, f"{program.name}.{form}", details)
        self.score(at + 1, 15)

    def score(self, at: int, points: int) -> None:
        """The score rises, in the log as an entry of its own kind."""
        self._planned.append((at, POSITION["leadScore"], points, ""))

    def change(self, at: int, name: str, new: Scalar, reason: str) -> None:
        """A field takes a new value."""
        self._planned.append((at, POSITION[name], new, reason))

    def settle(self, values: tuple[Scalar, ...]) -> None:
        """Write the planned changes of a lead that was created with these values."""
        current = list(values)
        for at, position, new, reason in sorted(self._planned, key=lambda plan: plan[0]):
            old, label = current[position], LEAD_FIELDS[position].label
            if LEAD_FIELDS[position].kind == "score":
                points, new = int(new or 0), int(old or 0) + int(new or 0)
                written = self._add(
                    at, shapes.SCORE_CHANGE, 48_001, 12, label, (f"+{points}", new, old)
                )
            else:
                details = (_text(new), _text(old), reason, "API")
                written = new != old and self._add(
                    at, shapes.DATA_CHANGE, None, 100 + position, label, details
                )
            if written:
                current[position] = new
                self.changes.append(Change(at, position, new))

    def progress(self, at: int, program: Program, *, acquired: bool) -> None:
        """The person becomes a member of a program."""
        details = (acquired, STATUS_AFTER_FORM, "Not in Program", "Filled out form", True)
        campaign = 50_000 + program.program_id
        number, name = program.program_id, program.name
        self._add(at, shapes.PROGRESSION, campaign, number, name, details)

    def mail(self, at: int, mailing: Mailing, scanned: bool, invalid: bool) -> None:
        """A mail is sent, and delivered or not; scanners click at once, people take their time."""
        run = at // 3_600
        self._mailed(at, shapes.SEND, mailing, (run,))
        fate = self._random.random()
        if invalid:
            details = ("2", "550 no such user", "(address)", run)
            self._mailed(at + 30, shapes.BOUNCED, mailing, details)
            self.change(at + 31, "emailInvalid", True, "Hard bounce")
            self.change(at + 31, "emailInvalidCause", "550 no such user", "Hard bounce")
        elif fate < 0.02:
            details = ("3", "452 mailbox full", "(address)", run)
            self._mailed(at + 30, shapes.SOFT_BOUNCED, mailing, details)
        else:
            self._mailed(at + 15, shapes.DELIVERED, mailing, (run,))
            if scanned:
                self._scanned(at + 16, mailing, run)
            if fate > 0.72:
                self._read(at + self._random.randrange(120, 200_000), mailing, run, fate > 0.94)

    def _scanned(self, at: int, mailing: Mailing, run: int) -> None:
        """Several clicks in one second, labelled as a bot's once there are labels."""
        for number in range(3):
            bot: Scalar = "" if at < self.labelled_from else True
            pattern = "" if at < self.labelled_from else "Link click proximity pattern"
            link = f"https://www.northbeam.example/l/{number}"
            details = (bot, pattern, run, False, "Windows", link)
            self._mailed(at, shapes.CLICK, mailing, details, bot=True)

    def _read(self, at: int, mailing: Mailing, run: int, clicks: bool) -> None:
        agent = self._random.choice(AGENTS)
        bot: Scalar = "" if at < self.labelled_from else False
        pattern = "" if at < self.labelled_from else "N/A"
        self._mailed(at, shapes.OPEN, mailing, (bot, pattern, run, agent[1], agent[2]))
        if clicks:
            link = "https://www.northbeam.example/pricing"
            details = (bot, pattern, run, agent[1], agent[2], link)
            self._mailed(at + self._random.randrange(4, 90), shapes.CLICK, mailing, details)
            self.score(at + 91, 5)

    def unsubscribe(self, at: int, mailing: Mailing) -> None:
        """They have enough."""
        self._mailed(at, shapes.UNSUBSCRIBED, mailing, (at // 3_600,))
        self.change(at + 1, "unsubscribed", True, "Unsubscribed")

    def merge(self, at: int, loser: int) -> None:
        """Another lead of the same person is merged into this one."""
        details = (False, f"[{loser}]", "Merged by administrator")
        self._add(at, shapes.MERGE, None, self.lead_id, str(self.lead_id), details)

    def delete(self, at: int, reason: str) -> None:
        """The record goes, and with it all that would have come later."""
        if at <= self.created_at:
            at = self.created_at + 1
        self._add(at, shapes.DELETE, None, self.lead_id, str(self.lead_id), (reason,))
        if at < self.until:
            self.forget_after(at)
            self.gone_at = at

    def forget_after(self, at: int) -> None:
        """Drop what was written for later than a second."""
        self.entries = [entry for entry in self.entries if entry[0] <= at]
        self.changes = [change for change in self.changes if change.at <= at]

    def _mailed(
        self,
        at: int,
        type_id: int,
        mailing: Mailing,
        details: tuple[Scalar, ...],
        bot: bool = False,
    ) -> None:
        number, name, campaign = mailing
        self._add(at, type_id, campaign, number, name, details, bot)

    def _add(
        self,
        at: int,
        type_id: int,
        campaign: int | None,
        value_id: int | None,
        value: str | None,
        details: tuple[Scalar, ...],
        bot: bool = False,
    ) -> bool:
        if at > self.until or (self.gone_at is not None and at >= self.gone_at):
            return False
        seen_at = self._seen_at(at, type_id)
        self.entries.append(
            (at, seen_at, self.lead_id, type_id, campaign, value_id, value, details, bot)
        )
        return True

    def _seen_at(self, at: int, type_id: int) -> int:
        """Visits from before the lead was known are shown once it is."""
        seen_at = max(at, self.created_at)
        if type_id in LATE_TYPES and self._random.random() < LATE_SHARE:
            seen_at += self._random.randrange(30, LATEST_SECONDS)
        return seen_at

    def _address(self) -> str:
        return f"203.0.113.{self._random.randrange(1, 255)}"


def _text(value: Scalar) -> str | None:
    """A value as the log words it.

    >>> _text(True), _text(3), _text(None)
    ('true', '3', None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
