"""What tasks, events and mails say about touches between us and people.

Belongs here: one SELECT per kind of record into common columns, and one row per activity and
person. Does not: which touch counts as an answer (the metrics).

A mail that Salesforce sent or logged is an EmailMessage and, for the timeline, a Task beside it:
the mail counts, its task does not. Direction `internal` stands for what reached nobody: to-dos,
notes, drafts, calls still to be made, meetings called off or missed.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.salesforce import sql
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

_STREAMS = (
    "tasks",
    "task_relations",
    "events",
    "event_relations",
    "email_messages",
    "email_message_relations",
    "leads",
    "contacts",
    "accounts",
    "opportunities",
    "users",
)
# EmailMessage.Status: 5 is a draft.
_DRAFT = "'5'"


def activities(options: SalesforceOptions) -> Offer:
    """One row per activity and person; without any person one row without."""
    text = f"""
    WITH RECURSIVE {sql.PEOPLE}, {sql.COMPANIES}, {sql.MACHINES},
    engaged AS ({_tasks(options)} UNION ALL BY NAME {_events(options)}
                UNION ALL BY NAME {_mails(options)}),
    named AS (
        SELECT id, who_id FROM engaged WHERE {sql.filled("who_id")} IS NOT NULL
        UNION
        SELECT task_id, relation_id FROM raw.@source__task_relations
        WHERE _deleted_at IS NULL AND NOT coalesce(is_what, false)
        UNION
        SELECT event_id, relation_id FROM raw.@source__event_relations WHERE _deleted_at IS NULL
        UNION
        SELECT email_id, relation_id FROM raw.@source__email_message_relations
        WHERE _deleted_at IS NULL
    ),
    touched AS (
        SELECT DISTINCT n.id, p.person
        FROM named n JOIN people_there p ON p.id = n.who_id
    ),
    -- An activity's own account follows a conversion without counting as changed; people know best.
    employers AS (
        SELECT p.person, coalesce(any_value(c.account_id), any_value(l.account_id)) AS account_id
        FROM people p
        LEFT JOIN (SELECT id, {sql.filled("c.account_id")} AS account_id
                   FROM raw.@source__contacts c) c ON c.id = p.survivor
        LEFT JOIN (SELECT id, {sql.field_of("l", options.account_field)} AS account_id
                   FROM raw.@source__leads l) l ON l.id = p.survivor
        GROUP BY p.person
    ),
    sold AS (
        SELECT o.id, {sql.filled("o.account_id")} AS account_id
        FROM raw.@source__opportunities o WHERE o._deleted_at IS NULL
    )
    SELECT {sql.named("e.id")} AS activity_id,
           {sql.named("t.person")} AS lead_id,
           {sql.named("f.account_id")} AS account_id,
           {sql.named("d.id")} AS opportunity_id,
           CASE WHEN {sql.is_person("e.user_id")} THEN {sql.named("e.user_id")} END AS user_id,
           e.kind, e.direction,
           coalesce(e.is_human, false) AS is_human,
           coalesce(e.is_two_way, false) AS is_two_way,
           e.outcome, e.occurred_at,
           {sql.url(options, "e.id")} AS url,
           concat_ws(':', e.id, t.person) AS source_id, e._updated_at, e._deleted_at
    FROM engaged e
    LEFT JOIN touched t ON t.id = e.id
    LEFT JOIN sold d ON d.id = e.what_id
    LEFT JOIN employers w ON w.person = t.person
    LEFT JOIN companies f ON f.id = coalesce(
        d.account_id, CASE WHEN {sql.is_a("e.what_id", sql.ACCOUNT)} THEN e.what_id END,
        w.account_id, {sql.filled("e.account_id")})
    """
    return Offer("activities", text, _STREAMS)


def _tasks(options: SalesforceOptions) -> str:
    """Tasks: calls, messages, notes, mails without an EmailMessage, and things to do."""
    done = "coalesce(t.is_closed, false)"
    return f"""
        SELECT k.id, k.kind,
               CASE WHEN k.kind IN ('task', 'note') OR NOT k.is_done THEN 'internal'
                    WHEN k.call_type = 'inbound' THEN 'inbound'
                    WHEN k.call_type = 'internal' THEN 'internal'
                    ELSE 'outbound' END AS direction,
               CASE WHEN k.call_type = 'inbound' THEN k.is_talk
                    ELSE NOT k.by_machine END AS is_human,
               k.kind = 'call' AND k.is_done AND k.is_talk AS is_two_way,
               CASE k.kind WHEN 'call' THEN coalesce({sql.plain("k.call_result")}, k.status)
                           WHEN 'email' THEN 'sent' WHEN 'message' THEN 'sent'
                           WHEN 'task' THEN k.status END AS outcome,
               CASE WHEN k.kind = 'task'
                    THEN coalesce(k.reminded_at, CAST(k.due_on AS TIMESTAMP), k.created_at)
                    ELSE coalesce(k.completed_at, k.created_at) END AS occurred_at,
               k.user_id, k.who_id, k.what_id, k.account_id, k._updated_at, k._deleted_at
        FROM (
            SELECT t.id, t.call_result, {sql.plain("t.status")} AS status,
                   lower({sql.filled("t.call_type")}) AS call_type, {done} AS is_done,
                   coalesce(lower({sql.filled("t.call_result")})
                            IN {sql.lowered(options.conversations)}, false) AS is_talk,
                   {_task_kind(options)} AS kind, {_task_by_machine(options)} AS by_machine,
                   {sql.instant_of("t", "ReminderDateTime")} AS reminded_at,
                   t.due_on, t.completed_at, t.created_at,
                   {sql.filled("t.owner_id")} AS user_id, {sql.filled("t.who_id")} AS who_id,
                   {sql.filled("t.what_id")} AS what_id, t.account_id,
                   t._updated_at, t._deleted_at
            FROM raw.@source__tasks t
            WHERE t.id NOT IN (
                SELECT task_id FROM raw.@source__email_messages WHERE task_id IS NOT NULL)
        ) k"""


def _task_kind(options: SalesforceOptions) -> str:
    return f"""CASE WHEN t.subtype = 'Call' OR {sql.filled("t.call_type")} IS NOT NULL
                        OR {sql.filled("t.call_result")} IS NOT NULL THEN 'call'
                        WHEN t.subtype IN ('Email', 'ListEmail') THEN 'email'
                        WHEN t.subtype = 'LinkedIn'
                          OR lower(t.type) IN {sql.lowered(options.message_types)} THEN 'message'
                        WHEN lower(t.type) IN {sql.lowered(options.note_types)} THEN 'note'
                        ELSE 'task' END"""


def _task_by_machine(options: SalesforceOptions) -> str:
    """Whether nobody did it: a list, a sequence, an automation."""
    told = [
        "coalesce(t.subtype = 'ListEmail', false)",
        f"coalesce(regexp_matches(lower(t.subject), {sql.quoted(options.automated_subject)}), "
        "false)",
        f"NOT coalesce({sql.is_person('t.created_by_id')}, true)",
        *(f"{sql.field_of('t', name)} IS NOT NULL" for name in options.automated_fields),
    ]
    return f"({' OR '.join(told)})"


def _events(options: SalesforceOptions) -> str:
    """Meetings: one that the prospect booked came to us; only a held one is a conversation.

    Salesforce has no outcome of its own. Without a field for it a meeting counts as held; one that
    lies ahead is left out by its time.
    """
    outcome = sql.field_of("e", options.meeting_outcome_field)
    if options.meeting_outcome_field:
        held = f"coalesce(lower({outcome}) IN {sql.lowered(options.meeting_held)}, false)"
    else:
        held = "true"
    booked = f"{sql.field_of('e', options.booking_field)} IS NOT NULL"
    return f"""
        SELECT e.id, 'meeting' AS kind,
               CASE WHEN {booked} THEN 'inbound'
                    WHEN lower({outcome}) IN {sql.lowered(options.meeting_void)} THEN 'internal'
                    ELSE 'outbound' END AS direction,
               CASE WHEN {booked} THEN {held}
                    ELSE coalesce({sql.is_person("e.created_by_id")}, true) END AS is_human,
               {held} AS is_two_way,
               coalesce({sql.plain(outcome)}, 'scheduled') AS outcome,
               coalesce(e.starts_at, e.created_at) AS occurred_at,
               {sql.filled("e.owner_id")} AS user_id, {sql.filled("e.who_id")} AS who_id,
               {sql.filled("e.what_id")} AS what_id, e.account_id, e._updated_at, e._deleted_at
        FROM raw.@source__events e
        -- An invited colleague has a copy of the meeting.
        WHERE NOT coalesce(e.is_child, false)"""


def _mails(options: SalesforceOptions) -> str:
    """Mails; absence notices are no person's doing, in either direction."""
    pattern = sql.quoted(options.auto_reply_subject)
    notice = f"coalesce(regexp_matches(lower(m.subject), {pattern}), false)"
    bounced = "coalesce(m.is_bounced, false)"
    incoming = "coalesce(m.incoming, false)"
    by_us = f"coalesce({sql.is_person('m.created_by_id')}, true)"
    return f"""
        SELECT m.id, 'email' AS kind,
               CASE WHEN {incoming} THEN 'inbound' WHEN m.status = {_DRAFT} THEN 'internal'
                    ELSE 'outbound' END AS direction,
               NOT {incoming} AND NOT {notice} AND NOT {bounced} AND {by_us} AS is_human,
               {incoming} AND NOT {notice} AND NOT {bounced} AS is_two_way,
               CASE WHEN {bounced} THEN 'bounced' WHEN {notice} THEN 'auto_reply'
                    WHEN {incoming} THEN 'received' ELSE 'sent' END AS outcome,
               coalesce(m.sent_at, m.created_at) AS occurred_at,
               {sql.filled("m.created_by_id")} AS user_id,
               {sql.filled("t.who_id")} AS who_id,
               coalesce({sql.filled("m.related_to_id")}, {sql.filled("t.what_id")}) AS what_id,
               t.account_id, m._updated_at, m._deleted_at
        FROM raw.@source__email_messages m
        LEFT JOIN raw.@source__tasks t ON t.id = m.task_id"""
