"""What Dynamics' activities say about touches between us and people.

Belongs here: one SELECT per table of activities into common columns, and one row per activity and
person; answers to campaigns. Does not: which touch counts as an answer (the metrics).

Direction `internal` stands for what reached nobody: tasks, notes, drafts, what was called off. A
workflow's activities and those that an application user made are no person's doing; an appointment
that an application user made was booked by the prospect.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.dynamics import sql
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

_STREAMS = (
    "phonecalls",
    "emails",
    "appointments",
    "tasks",
    "socialactivities",
    "annotations",
    "leads",
    "contacts",
    "accounts",
    "opportunities",
    "systemusers",
)
_TABLES = {
    "phonecalls": "phonecall",
    "emails": "email",
    "appointments": "appointment",
    "tasks": "task",
    "socialactivities": "socialactivity",
    "annotations": "annotation",
}
# Activities that are over, in state: open, completed, canceled, scheduled.
_COMPLETED, _CANCELED = "'1'", "'2'"


def activities(options: DynamicsOptions) -> Offer:
    """One row per activity and person; without any person one row without one."""
    told = " UNION ALL BY NAME ".join(
        (_calls(options), _emails(options), _appointments(options), _TASKS, _MESSAGES, _NOTES)
    )
    text = f"""
    WITH RECURSIVE {sql.people()}, {sql.merged("accounts")}, {sql.STAFF},
    machines AS (
        SELECT id FROM raw.@source__systemusers WHERE id NOT IN (SELECT id FROM staff)
    ),
    told AS ({told}),
    named AS (
        SELECT t.key, unnest(list_append([x.id FOR x IN coalesce(t.parties, [])], t.about)) AS id
        FROM told t
    ),
    touched AS (
        SELECT DISTINCT n.key, p.person_id FROM named n JOIN persons p ON p.id = n.id
    ),
    employers AS (
        SELECT p.person_id,
               arg_min(x.company_id, (x.is_gone, x.kind)) FILTER (WHERE x.company_id IS NOT NULL)
                   AS company_id
        FROM (
            SELECT id, parentaccountid_id AS company_id, 'lead' AS kind,
                   _deleted_at IS NOT NULL AS is_gone
            FROM raw.@source__leads
            UNION ALL
            SELECT id, CASE WHEN parentcustomerid_table = 'account' THEN parentcustomerid_id END,
                   'contact', _deleted_at IS NOT NULL
            FROM raw.@source__contacts
        ) x
        JOIN members p ON p.id = x.id
        GROUP BY p.person_id
    ),
    placed AS (
        SELECT t.*, p.person_id, s.id AS deal_id,
               CASE WHEN t.about_table = 'account' THEN t.about
                    ELSE coalesce(s.parentaccountid_id, e.company_id) END AS company_id
        FROM told t
        LEFT JOIN touched p ON p.key = t.key
        LEFT JOIN raw.@source__opportunities s ON s.id = t.about AND s._deleted_at IS NULL
        LEFT JOIN employers e ON e.person_id = p.person_id
    )
    SELECT {sql.named("t.key")} AS activity_id,
           {sql.named("t.person_id")} AS lead_id,
           {sql.named("a.id")} AS account_id,
           {sql.named("t.deal_id")} AS opportunity_id,
           {sql.owner()} AS user_id,
           t.kind, t.direction,
           coalesce(t.is_human, false) AS is_human,
           coalesce(t.is_two_way, false) AS is_two_way,
           t.outcome, t.occurred_at,
           {sql.link(options, "t.origin", "t.id")} AS url,
           concat_ws(':', t.key, t.person_id) AS source_id, t._updated_at, t._deleted_at
    FROM placed t
    LEFT JOIN accounts_merged m ON m.loser = t.company_id
    LEFT JOIN raw.@source__accounts a
      ON a.id = coalesce(m.winner, t.company_id) AND a._deleted_at IS NULL
    {sql.join_owner("t")}
    """
    return Offer("activities", text, _STREAMS)


def _activity(stream: str, kind: str, columns: str, occurred_at: str) -> str:
    """What all tables have in common, around a table's own columns."""
    table = _TABLES[stream]
    return f"""
        SELECT '{table}:' || e.id AS key, e.id, '{table}' AS origin, '{kind}' AS kind, {columns},
               coalesce({occurred_at}, e.created_at) AS occurred_at, e.ownerid_id, e.parties,
               e.regardingobjectid_id AS about, e.regardingobjectid_table AS about_table,
               e._updated_at, e._deleted_at
        FROM raw.@source__{stream} e"""


# Nobody's doing: a workflow's, or an application user's.
_BY_MACHINE = (
    "(coalesce(e.isworkflowcreated, false) OR "
    "coalesce(e.createdby_id IN (SELECT id FROM machines), false))"
)


def _calls(options: DynamicsOptions) -> str:
    """Calls: a message left or no answer is an attempt of ours, no conversation."""
    arms = " ".join(
        f"WHEN {sql.quoted(theirs.lower())} THEN {sql.quoted(ours)}"
        for theirs, ours in options.call_outcomes.items()
    )
    told = f"CASE lower(e.statuscode_label) {arms} ELSE 'made' END" if arms else "'made'"
    outcome = (
        f"CASE WHEN e.statecode = {_CANCELED} THEN 'canceled' "
        f"WHEN e.statecode <> {_COMPLETED} THEN 'open' "
        f"WHEN e.leftvoicemail THEN 'voicemail' ELSE {told} END"
    )
    inbound = "NOT coalesce(e.directioncode, true)"
    talked = f"{outcome} IN {sql.listed(options.conversations)}"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN e.statecode = {_COMPLETED} THEN 'outbound' ELSE 'internal' END
                   AS direction,
               CASE WHEN {inbound} THEN {talked} ELSE NOT {_BY_MACHINE} END AS is_human,
               {talked} AS is_two_way,
               {outcome} AS outcome"""
    return _activity("phonecalls", "call", columns, "e.actualend_at")


def _emails(options: DynamicsOptions) -> str:
    """Mails: sequences, workflows and absence notices are no person's doing.

    Status 8 is Failed: it could not be delivered. Drafts (1) and what waits (6, 7) reached nobody.
    """
    pattern = sql.quoted(options.auto_reply_subject)
    notice = f"coalesce(regexp_matches(lower(e.subject), {pattern}), false)"
    failed = "coalesce(e.statuscode = '8', false)"
    inbound = "NOT coalesce(e.directioncode, true)"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN e.statuscode IN ('1', '5', '6', '7') THEN 'internal'
                    ELSE 'outbound' END AS direction,
               NOT {inbound} AND NOT {_BY_MACHINE} AND NOT {notice} AND NOT {failed} AS is_human,
               {inbound} AND NOT {notice} AND NOT {failed} AS is_two_way,
               CASE WHEN {failed} THEN 'bounced'
                    WHEN {notice} THEN 'auto_reply'
                    WHEN {inbound} THEN 'received'
                    ELSE lower(coalesce({sql.filled("e.statuscode_label")}, 'sent')) END
                   AS outcome"""
    return _activity("emails", "email", columns, "coalesce(e.senton_at, e.actualend_at)")


def _appointments(options: DynamicsOptions) -> str:
    """Appointments: one that the prospect booked came to us; only a held one is a conversation."""
    missed = sql.listed(name.lower() for name in options.missed_meetings)
    inbound = "coalesce(e.createdby_id IN (SELECT id FROM machines), false)"
    held = f"coalesce(e.statecode = {_COMPLETED}, false)"
    columns = f"""
               CASE WHEN {inbound} THEN 'inbound'
                    WHEN e.statecode = {_CANCELED} THEN 'internal' ELSE 'outbound' END
                   AS direction,
               CASE WHEN {inbound} THEN {held}
                    ELSE NOT coalesce(e.isworkflowcreated, false) END AS is_human,
               {held} AS is_two_way,
               CASE WHEN {held} THEN 'completed'
                    WHEN lower(e.statuscode_label) IN {missed} THEN 'no_show'
                    WHEN e.statecode = {_CANCELED} THEN lower(e.statuscode_label)
                    ELSE 'scheduled' END AS outcome"""
    return _activity("appointments", "meeting", columns, "e.scheduledstart_at")


_TASKS = _activity(
    "tasks",
    "task",
    f"""
               'internal' AS direction, NOT {_BY_MACHINE} AS is_human, false AS is_two_way,
               CASE WHEN e.statecode = {_COMPLETED} THEN 'completed'
                    WHEN e.statecode = {_CANCELED} THEN 'canceled'
                    ELSE lower(replace(e.statuscode_label, ' ', '_')) END AS outcome""",
    "e.scheduledend_at",
)

_MESSAGES = _activity(
    "socialactivities",
    "message",
    f"""
               CASE WHEN NOT coalesce(e.directioncode, true) THEN 'inbound' ELSE 'outbound' END
                   AS direction,
               coalesce(e.directioncode, true) AND NOT {_BY_MACHINE} AS is_human,
               NOT coalesce(e.directioncode, true) AS is_two_way,
               CASE WHEN NOT coalesce(e.directioncode, true) THEN 'received' ELSE 'sent' END
                   AS outcome""",
    "coalesce(e.postedon_at, e.actualend_at)",
)

_NOTES = """
        SELECT 'annotation:' || e.id AS key, e.id, 'annotation' AS origin, 'note' AS kind,
               'internal' AS direction, true AS is_human, false AS is_two_way,
               CAST(NULL AS VARCHAR) AS outcome, e.created_at AS occurred_at, e.ownerid_id,
               e.objectid_id AS about, e.objectid_table AS about_table,
               e._updated_at, e._deleted_at
        FROM raw.@source__annotations e"""


def touchpoints() -> Offer:
    """Answers to campaigns, by the address of who answered."""
    text = f"""
    WITH RECURSIVE {sql.people()},
    mailboxes AS (
        SELECT lower(x.email) AS email, min(p.person_id) AS person_id
        FROM (SELECT id, emailaddress1 AS email, _deleted_at FROM raw.@source__leads
              UNION ALL
              SELECT id, emailaddress1, _deleted_at FROM raw.@source__contacts) x
        JOIN persons p ON p.id = x.id
        WHERE {sql.filled("x.email")} IS NOT NULL AND x._deleted_at IS NULL
        GROUP BY lower(x.email)
    )
    SELECT {sql.named("r.id")} AS touchpoint_id,
           {sql.named("b.person_id")} AS lead_id,
           {sql.named("c.id")} AS campaign_id,
           regexp_replace(lower(c.typecode_label), '[^a-z0-9]+', '_', 'g') AS channel,
           coalesce(regexp_replace(lower(r.channeltypecode_label), '[^a-z0-9]+', '_', 'g'),
                    'response') AS kind,
           coalesce(r.receivedon_at, r.created_at) AS occurred_at,
           r.id AS source_id, r._updated_at, r._deleted_at
    FROM raw.@source__campaignresponses r
    LEFT JOIN raw.@source__campaigns c ON c.id = r.regardingobjectid_id
    LEFT JOIN mailboxes b ON b.email = lower({sql.filled("r.emailaddress")})
    """
    return Offer("touchpoints", text, ("campaignresponses", "campaigns", "leads", "contacts"))
