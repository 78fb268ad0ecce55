"""Finds records of several systems that are one thing, and writes the evidence.

Belongs here: the matching rules and `conformed.identity_links`. Does not: what becomes of matched
records (each conformed file's `resolved`).

Order of trust: what a system was told (external identifiers, merges), then what identifies
(mailbox, web domain). Generic mail domains never identify a company. Among records of one thing the
canonical one is the living one of the source that leads (`precedence`), the oldest first.
"""

from __future__ import annotations

import duckdb

from revops_pipelines.engine.conform.domains import domain_of, is_specific, mailbox_of
from revops_pipelines.engine.conform.precedence import LAST, ranked
from revops_pipelines.settings import Settings

_LIVING = f"r._deleted_at IS NOT NULL, coalesce(s.precedence, {LAST})"
_RANK = f"{_LIVING}, r.created_at"

# Stays and snapshots of a deal that two systems hold are those of the one that leads: the stages of
# two systems in one story would count every stay twice.
OF_LEADING_DEALS = """
    SELECT r.* FROM @records r WHERE NOT EXISTS (
        SELECT 1 FROM conformed.identity_links l
        WHERE l.entity = 'opportunities' AND l.record_id = r.opportunity_id)
"""


def link_accounts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """One company per web domain, across systems; within one system domains may repeat."""
    domain = domain_of("r.domain")
    ranking = f"""
        SELECT r.account_id AS record_id, r.source, {domain} AS thing, {domain} AS matched_on,
               'same web domain' AS evidence,
               row_number() OVER (PARTITION BY {domain} ORDER BY {_RANK}, r.account_id) AS place
        FROM conformed.accounts__records r LEFT JOIN {ranked("accounts")} s ON s.source = r.source
        WHERE {is_specific(domain, settings.company.generic_domains)}
    """
    _replace(connection, "accounts", _across_sources("accounts", ranking))


def link_users(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """One colleague per mailbox, across systems."""
    mailbox = mailbox_of("r.email")
    ranking = f"""
        SELECT r.user_id AS record_id, r.source, {mailbox} AS thing, 'email' AS matched_on,
               'same mailbox' AS evidence,
               row_number() OVER (PARTITION BY {mailbox} ORDER BY {_LIVING}, r.user_id) AS place
        FROM conformed.users__records r LEFT JOIN {ranked("users")} s ON s.source = r.source
        WHERE {mailbox} IS NOT NULL
    """
    _replace(connection, "users", _across_sources("users", ranking))


def link_leads(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """One person per mailbox, within and across systems, after the systems' own merges.

    A person whom no system ties to a company belongs to the one that owns the mail domain; that
    evidence is written under `lead_accounts`.
    """
    mailbox = mailbox_of("coalesce(w.email, r.email)")
    _replace(
        connection,
        "leads",
        f"""
        WITH records AS (
            SELECT r.lead_id, r.source, m.canonical_id IS NOT NULL AS was_merged,
                   coalesce({mailbox}, coalesce(m.canonical_id, r.lead_id)) AS person,
                   row_number() OVER (
                       PARTITION BY coalesce({mailbox}, coalesce(m.canonical_id, r.lead_id))
                       ORDER BY m.canonical_id IS NOT NULL, {_RANK}, r.lead_id) AS place
            FROM conformed.leads__records r
            LEFT JOIN ops.merges m ON m.entity = 'leads' AND m.record_id = r.lead_id
            LEFT JOIN conformed.leads__records w ON w.lead_id = m.canonical_id
            LEFT JOIN {ranked("leads")} s ON s.source = r.source
        )
        SELECT 'leads' AS entity, leader.lead_id AS canonical_id, other.lead_id AS record_id,
               other.source,
               CASE WHEN other.was_merged THEN 'merged in its system' ELSE 'same mailbox' END
                   AS evidence,
               CASE WHEN other.was_merged THEN 'merge' ELSE 'email' END AS matched_on
        FROM records leader JOIN records other
          ON other.person = leader.person AND other.lead_id <> leader.lead_id
        WHERE leader.place = 1
        UNION ALL
        -- A loser whose record is gone still has activities that name it.
        SELECT 'leads', coalesce(keeper.lead_id, m.canonical_id), m.record_id,
               split_part(m.record_id, ':', 1), 'merged in its system', 'merge'
        FROM ops.merges m
        LEFT JOIN records winner ON winner.lead_id = m.canonical_id
        LEFT JOIN records keeper ON keeper.person = winner.person AND keeper.place = 1
        WHERE m.entity = 'leads'
          AND NOT EXISTS (SELECT 1 FROM records known WHERE known.lead_id = m.record_id)
        """,
    )

    domain = domain_of("r.email")
    _replace(
        connection,
        "lead_accounts",
        f"""
        SELECT 'lead_accounts' AS entity, a.account_id AS canonical_id, r.lead_id AS record_id,
               r.source, 'same web domain' AS evidence, {domain} AS matched_on
        FROM conformed.leads__records r
        JOIN conformed.accounts a ON {domain_of("a.domain")} = {domain}
        WHERE r.account_id IS NULL AND {is_specific(domain, settings.company.generic_domains)}
        QUALIFY row_number() OVER (
            PARTITION BY r.lead_id
            ORDER BY a._deleted_at IS NOT NULL, a.created_at, a.account_id) = 1
        """,
    )


def link_customers(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """The company behind each billed party, and which parties of several systems are one.

    The company: told identifier, then domain, then a known mailbox; written as `customer_accounts`.
    Parties of two systems are one customer when they are of one company, or, where none is known,
    of one domain or mailbox: their subscriptions add up, and moving house is no churn. Within a
    system several parties of a company stay apart, as that system keeps them.
    """
    domain = f"coalesce({domain_of('c.domain')}, {domain_of('c.email')})"
    _replace(
        connection,
        "customer_accounts",
        f"""
        WITH candidates AS (
            SELECT c.customer_id, c.source, a.account_id, 1 AS trust,
                   'identifier told to billing' AS evidence, c.external_account_id AS matched_on,
                   a._deleted_at IS NOT NULL AS is_dead, a.created_at
            FROM conformed.customers__records c
            JOIN conformed.accounts__records a ON a.source_id = c.external_account_id
            UNION ALL
            SELECT c.customer_id, c.source, a.account_id, 2, 'same web domain', {domain},
                   a._deleted_at IS NOT NULL, a.created_at
            FROM conformed.customers__records c
            JOIN conformed.accounts a ON {domain_of("a.domain")} = {domain}
            WHERE {is_specific(domain, settings.company.generic_domains)}
            UNION ALL
            SELECT c.customer_id, c.source, l.account_id, 3, 'same mailbox as a lead', 'email',
                   l._deleted_at IS NOT NULL, l.created_at
            FROM conformed.customers__records c
            JOIN conformed.leads l ON {mailbox_of("l.email")} = {mailbox_of("c.email")}
            WHERE l.account_id IS NOT NULL
        ), best AS (
            SELECT * FROM candidates QUALIFY row_number() OVER (
                PARTITION BY customer_id ORDER BY trust, is_dead, created_at, account_id) = 1
        )
        SELECT 'customer_accounts' AS entity,
               coalesce(l.canonical_id, b.account_id) AS canonical_id,
               b.customer_id AS record_id, b.source, b.evidence, b.matched_on
        FROM best b LEFT JOIN conformed.identity_links l
          ON l.entity = 'accounts' AND l.record_id = b.account_id
        """,
    )
    known = is_specific(domain, settings.company.generic_domains)
    ranking = f"""
        SELECT *, row_number() OVER (PARTITION BY thing ORDER BY rank, record_id) AS place FROM (
            SELECT c.customer_id AS record_id, c.source,
                   CASE WHEN k.canonical_id IS NOT NULL THEN 'company ' || k.canonical_id
                        WHEN {known} THEN 'domain ' || {domain}
                        ELSE 'mailbox ' || {mailbox_of("c.email")} END AS thing,
                   CASE WHEN k.canonical_id IS NOT NULL THEN 'same company'
                        WHEN {known} THEN 'same web domain' ELSE 'same mailbox' END AS evidence,
                   CASE WHEN k.canonical_id IS NOT NULL THEN k.canonical_id
                        WHEN {known} THEN {domain} ELSE 'email' END AS matched_on,
                   (c._deleted_at IS NOT NULL, coalesce(s.precedence, {LAST}), c.created_at) AS rank
            FROM conformed.customers__records c
            LEFT JOIN conformed.identity_links k
              ON k.entity = 'customer_accounts' AND k.record_id = c.customer_id
            LEFT JOIN {ranked("customers")} s ON s.source = c.source)
        WHERE thing IS NOT NULL
    """
    _replace(connection, "customers", _across_sources("customers", ranking))


def link_opportunities(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """One deal that two systems hold, as while one takes over from the other.

    Same company and same name, each once in its system, and the same amount or the same day of
    closing or of creation. A pair once found stays one while company and name agree: the system
    that took over moves on, and the other does not.
    """
    ranking = f"""
        SELECT *, row_number() OVER (PARTITION BY thing ORDER BY rank, record_id) AS place FROM (
            SELECT r.opportunity_id AS record_id, r.source, r.amount, r.currency, r.close_on,
                   r.created_at::DATE AS created_on, 'same company and name' AS evidence,
                   coalesce(l.canonical_id, r.account_id) AS matched_on,
                   coalesce(l.canonical_id, r.account_id) || ' ' || lower(trim(r.name)) AS thing,
                   ({_RANK}) AS rank
            FROM conformed.opportunities__records r
            LEFT JOIN conformed.identity_links l
              ON l.entity = 'accounts' AND l.record_id = r.account_id
            LEFT JOIN {ranked("opportunities")} s ON s.source = r.source)
        WHERE thing IS NOT NULL
        QUALIFY count(*) OVER (PARTITION BY thing, source) = 1
    """
    agrees = """
        ((other.amount = leader.amount AND other.currency IS NOT DISTINCT FROM leader.currency)
         OR other.close_on = leader.close_on OR other.created_on = leader.created_on
         OR EXISTS (
            SELECT 1 FROM conformed.identity_links known WHERE known.entity = 'opportunities'
              AND (known.record_id = other.record_id AND known.canonical_id = leader.record_id
                   OR known.record_id = leader.record_id
                      AND known.canonical_id = other.record_id)))
    """
    _replace(connection, "opportunities", _across_sources("opportunities", ranking, agrees))


def _across_sources(entity: str, ranking: str, agrees: str = "true") -> str:
    """SQL for the links of records that are one `thing` in several sources.

    `ranking` gives record_id, source, thing, evidence, matched_on and the record's place among
    those of its thing; the first one leads. Records of the leader's own source stay apart.
    """
    return f"""
        WITH ranked AS ({ranking})
        SELECT '{entity}' AS entity, leader.record_id AS canonical_id, other.record_id,
               other.source, other.evidence, other.matched_on
        FROM ranked leader JOIN ranked other
          ON other.thing = leader.thing AND other.source <> leader.source
        WHERE leader.place = 1 AND {agrees}
    """


def _replace(connection: duckdb.DuckDBPyConnection, entity: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE conform_links AS {sql}")
    connection.execute("DELETE FROM conformed.identity_links WHERE entity = $e", {"e": entity})
    connection.execute("INSERT INTO conformed.identity_links BY NAME SELECT * FROM conform_links")
