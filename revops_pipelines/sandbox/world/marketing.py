"""What marketing does to people and what they do in return, as Marketo records it.

Belongs here: leads in Marketo and their activity logs. Does not: programs and costs
(`marketing_programs.py`), what sales does (`journeys.py`), or Marketo's answers.

A form that raises a hand is filled in at the second after the person's `raised_at` in full, so that
both systems tell the same story and the CRM's is the more exact. A lead that the CRM deletes is
deleted here in the same second. Shares below are of leads unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from random import Random

from revops_pipelines.sandbox.world.company import Person
from revops_pipelines.sandbox.world.marketing_log import Log, Mailing
from revops_pipelines.sandbox.world.marketing_programs import Calendar, simulate_programs
from revops_pipelines.sandbox.world.marketing_shapes import (
    LEAD_FIELDS,
    Activity,
    Marketing,
    MarketoLead,
    Program,
    Scalar,
)

DAY = 86_400
# What the form says that raises a hand, and what the ones do that only want to read.
RAISING_FORMS = ("Contact Sales", "Request a Demo", "Start a Trial")
READING_FORMS = ("Download the Guide", "Register for the Webinar", "Subscribe")
# People whose mails pass a link scanner: each mail is opened and clicked at once, by nobody.
SCANNED_SHARE = 0.03
DOUBLE_SHARE, MERGED_OF_DOUBLE = 0.03, 0.7
DELETED_SHARE = 0.01
UNSUBSCRIBED_SHARE = 0.02
READING_SHARE = 0.07
MEMBER_SHARE = 0.6
COUNTRY_NAMES = {"US": "United States", "GB": "United Kingdom", "DE": "Germany", "JP": "Japan"}
DOUBLE_IDS_FROM = 900_000_001
GUIDS_FROM = 783_000_001


def simulate_marketing(
    seed: int, people: Sequence[Person], start: datetime, end: datetime
) -> Marketing:
    """Programs for the whole time, and a lead with its log for everybody with a `marketo_id`."""
    programs = simulate_programs(seed, start, end)
    calendar = Calendar(programs)
    random = Random(f"{seed}:marketing")
    until = int(end.timestamp())
    # Bot labels came with a release a year into the story; earlier clicks carry none.
    labelled_from = int((start + timedelta(days=365)).timestamp())
    leads: list[MarketoLead] = []
    logs: list[Log] = []
    for person in people:
        if person.marketo_id is not None:
            log = Log(random, int(person.marketo_id), until, labelled_from)
            double = _double_id(random, person, len(leads))
            program = _live(random, person, calendar, log)
            leads.append(_lead(person, log, program))
            logs.append(log)
            if double is not None:
                leads.append(_doubled(random, person, log, double, logs))
    leads.sort(key=lambda lead: lead.lead_id)
    return Marketing(programs, tuple(leads), *_numbered(logs))


def _double_id(random: Random, person: Person, known: int) -> int | None:
    """An id for a second lead of the same person, made by a list import; most have none."""
    if person.excluded_reason is not None or random.random() >= DOUBLE_SHARE:
        return None
    return DOUBLE_IDS_FROM + known


def _live(random: Random, person: Person, calendar: Calendar, log: Log) -> Program | None:
    """All that happens to one lead but its merge; returns the program that brought it, if any."""
    came = seconds_after(person.created_at)
    # Chats and booked meetings reach the CRM first, which syncs them over.
    synced = person.origin in ("chat", "meeting_link")
    log.created_at = came + random.randrange(30, 300) if synced else came
    program = calendar.of_channel(person.channel, came)
    form = random.choice(RAISING_FORMS)
    raised = None if synced or person.raised_at is None else seconds_after(person.raised_at)
    log.new_lead(person, f"{program.name}.{form}" if raised == came else None)
    if raised is not None:
        log.visits(raised, random.randrange(0, 2))
        log.fill(raised, program, form)
        if person.raised_again_at is not None:
            again = seconds_after(person.raised_again_at)
            log.fill(again, calendar.website, random.choice(RAISING_FORMS))
    if person.origin != "import" and random.random() < MEMBER_SHARE:
        log.progress(log.created_at + 1, program, acquired=True)
    _end_of_it(random, person, log)
    invalid = person.excluded_reason == "invalid_email"
    _mails(random, calendar, log, invalid=invalid, thanked=raised is not None)
    _interest(random, calendar, log)
    _changes(random, log)
    return None if person.origin == "import" else program


def _end_of_it(random: Random, person: Person, log: Log) -> None:
    """Deleted with the CRM's contact, or by marketing alone."""
    if person.deleted_at is not None:
        log.delete(int(person.deleted_at.timestamp()), "Deleted in CRM")
    elif random.random() < DELETED_SHARE:
        log.delete(log.created_at + random.randrange(DAY, 400 * DAY), "Removed by administrator")


def _mails(random: Random, calendar: Calendar, log: Log, *, invalid: bool, thanked: bool) -> None:
    """A thank-you right after a form; then a newsletter now and then, until they have enough."""
    scanned = random.random() < SCANNED_SHARE
    if thanked and random.random() < 0.4:
        log.mail(log.created_at + 20, Mailing.thanks(calendar.website), scanned, invalid)
    leaves = random.random() < UNSUBSCRIBED_SHARE
    moment = log.created_at
    for _ in range(1 if invalid else min(6, int(random.expovariate(1.6)))):
        moment += random.randrange(5 * DAY, 120 * DAY)
        family = "Nurture Track" if random.random() < 0.3 else "Newsletter"
        mailing = Mailing.of(calendar.of_family(family, moment))
        log.mail(moment, mailing, scanned, invalid)
        if leaves:
            log.unsubscribe(moment + random.randrange(600, 2 * DAY), mailing)
            break


def _interest(random: Random, calendar: Calendar, log: Log) -> None:
    """Visits now and then, and forms of people who only want to read: no hand is raised."""
    if random.random() < 0.25:
        log.visits(log.created_at + random.randrange(DAY, 200 * DAY), random.randrange(1, 4))
    if random.random() < READING_SHARE:
        moment = log.created_at + random.randrange(DAY, 150 * DAY)
        form = random.choice(READING_FORMS)
        family = {"Subscribe": "Newsletter", "Download the Guide": "Guide"}.get(form, "Webinar")
        program = calendar.of_family(family, moment)
        log.fill(moment, program, form)
        log.progress(moment + 1, program, acquired=False)
        log.change(moment + 2, "newsletterOptIn", True, "Form fill out")


def _changes(random: Random, log: Log) -> None:
    """Fields that people and programs change later on."""
    if random.random() < 0.2:
        moment = log.created_at + random.randrange(3_600, 90 * DAY)
        log.change(moment, "leadStatus", "Working", "Changed by CRM sync")
        if random.random() < 0.5:
            later = moment + random.randrange(DAY, 60 * DAY)
            status = random.choice(("Qualified", "Recycled", "Disqualified"))
            log.change(later, "leadStatus", status, "Changed by CRM sync")
    if random.random() < 0.05:
        moment = log.created_at + random.randrange(DAY, 300 * DAY)
        log.change(moment, "expectedSpend", random.randrange(1, 90) * 500, "Web service API")
    if random.random() < 0.03:
        moment = log.created_at + random.randrange(DAY, 300 * DAY)
        topic = random.choice(("Forecasting", "Billing", "“Quote, to cash”", "Null"))
        log.change(moment, "favouriteTopic", topic, "Web service API")


def _lead(person: Person, log: Log, program: Program | None) -> MarketoLead:
    values = _values(person, log.lead_id, log.created_at, program)
    log.settle(values)
    return MarketoLead(
        log.lead_id,
        person.index,
        log.created_at,
        values,
        tuple(log.changes),
        log.gone_at,
        None,
        None,
    )


def _doubled(
    random: Random, person: Person, log: Log, double_id: int, logs: list[Log]
) -> MarketoLead:
    """The second lead: imported with a list some time later, and mostly merged into the first."""
    double = Log(random, double_id, log.until, log.labelled_from)
    double.created_at = log.created_at + random.randrange(3 * DAY, 120 * DAY)
    double.new_lead(person, None)
    if random.random() < 0.5:
        double.visits(double.created_at + random.randrange(600, DAY), 1)
    merged_at: int | None = double.created_at + random.randrange(DAY, 40 * DAY)
    if random.random() >= MERGED_OF_DOUBLE or log.gone_at is not None:
        merged_at = None
    if merged_at is not None:
        log.merge(merged_at, double_id)
        double.forget_after(merged_at)
    logs.append(double)
    return MarketoLead(
        double_id,
        person.index,
        double.created_at,
        _values(person, double_id, double.created_at, None),
        (),
        None,
        merged_at,
        None if merged_at is None else log.lead_id,
    )


def _values(
    person: Person, lead_id: int, created_at: int, program: Program | None
) -> tuple[Scalar, ...]:
    """A lead's fields as created; its own kinds of mess are chosen by the id, not by chance."""
    shouted = lead_id % 41 == 0
    named = lead_id % 29 == 0
    known: dict[str, Scalar] = {
        "id": lead_id,
        "email": person.email.title() if shouted else person.email,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "company": person.email.split("@")[1].split(".")[0].title(),
        "title": person.title,
        "country": COUNTRY_NAMES.get(person.country, person.country) if named else person.country,
        "phone": f"+1 555 {lead_id % 10_000:04d}" if lead_id % 4 else None,
        "leadSource": person.channel,
        "leadStatus": "New",
        "leadScore": 0,
        "unsubscribed": False,
        "emailInvalid": False,
        "acquisitionProgramId": None if program is None else program.program_id,
        "originalSourceType": "Web form fillout" if person.origin == "form" else "List import",
        "createdAt": created_at,
        "updatedAt": created_at,
    }
    return tuple(known.get(field.name) for field in LEAD_FIELDS)


def _numbered(logs: Sequence[Log]) -> tuple[tuple[Activity, ...], frozenset[int]]:
    """All entries in order of time, each with its guid, and the guids of those made by bots."""
    drafts = [draft for log in logs for draft in log.entries]
    drafts.sort(key=lambda draft: draft[0])
    activities = []
    bots = []
    for guid, draft in enumerate(drafts, GUIDS_FROM):
        at, seen_at, lead_id, type_id, campaign, value_id, value, details, is_bot = draft
        activities.append(
            Activity(at, guid, seen_at, lead_id, type_id, campaign, value_id, value, details)
        )
        if is_bot:
            bots.append(guid)
    return tuple(activities), frozenset(bots)


def seconds_after(moment: datetime) -> int:
    """The first whole second not before a moment."""
    return ceil(moment.timestamp())
