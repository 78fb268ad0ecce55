"""Finds records of several systems that are one thing, and writes the evidence.

Belongs here: the matching rules and `conformed.identity_links`. Does not: what becomes of matched
records (each conformed file's `resolved`).

Order of trust: what a system was told (external identifiers, merges), then what identifies
(mailbox, web domain). Generic mail domains never identify a company. Among records of one thing the
canonical one is the living one of the source that leads (CRM, then marketing, then billing, then
files), the oldest first.
"""

from __future__ import annotations

import duckdb

from revops_pipelines.engine.conform.domains import domain_of, is_specific, mailbox_of
from revops_pipelines.settings import Settings

_RANK = "r._deleted_at IS NOT NULL, coalesce(s.precedence, 99), r.created_at"


def link_accounts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """One company per web domain, across systems; within one system domains may repeat."""
    domain = domain_of("r.domain")
    _replace(
        connection,
        "accounts",
        f"""
        WITH ranked AS (
            SELECT r.account_id, r.source, {domain} AS domain,
                   row_number() OVER (PARTITION BY {domain} ORDER BY {_RANK}, r.account_id) AS place
            FROM conformed.accounts__records r LEFT JOIN ops.sources s ON s.source = r.source
            WHERE {is_specific(domain, settings.company.generic_domains)}
        )
        SELECT 'accounts' AS entity, leader.account_id AS canonical_id,
               other.account_id AS record_id, other.source,
               'same web domain' AS evidence, other.domain AS matched_on
        FROM ranked leader JOIN ranked other
          ON other.domain = leader.domain AND other.source <> leader.source
        WHERE leader.place = 1
        """,
    )


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
            LEFT JOIN ops.sources s ON s.source = r.source
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
    """The company behind each billed party: told identifier, then domain, then a known mailbox."""
    domain = f"coalesce({domain_of('c.domain')}, {domain_of('c.email')})"
    _replace(
        connection,
        "customers",
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
        SELECT 'customers' AS entity, coalesce(l.canonical_id, b.account_id) AS canonical_id,
               b.customer_id AS record_id, b.source, b.evidence, b.matched_on
        FROM best b LEFT JOIN conformed.identity_links l
          ON l.entity = 'accounts' AND l.record_id = b.account_id
        """,
    )


def _replace(connection: duckdb.DuckDBPyConnection, entity: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE conform_links AS {sql}")
    connection.execute("DELETE FROM conformed.identity_links WHERE entity = $e", {"e": entity})
    connection.execute("INSERT INTO conformed.identity_links BY NAME SELECT * FROM conform_links")
