"""Tells e-mail addresses that nobody can be written to, for the records of all sources alike.

Belongs here: what an address must look like. Does not: whether mail arrives (sources tell of
bounces), what becomes of the lead (`assets/conformed/leads`).

Nothing is asked of the network. An address is impossible where the standards allow no such mailbox
(RFC 5321, RFC 6531 for letters of all languages), or its domain cannot receive mail from outside;
it is a test where its domain is reserved for that. `.example` is left alone: nobody can own such a
domain, and the company of the sandbox and of the tutorials lives there.
"""

from __future__ import annotations

import re

import duckdb

IMPOSSIBLE, TEST = "invalid_email", "test"

# RFC 2606 and RFC 6761: names set aside for tests and documents.
TEST_DOMAINS = r"(^|\.)(example\.(com|net|org)|test|invalid|localhost)$"
# What the first system of every company writes: addresses of this form need no closer look, which
# takes a tenth of a millisecond each. Everything rarer is left to the library.
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = "[a-z0-9_+'-]+"
PLAIN = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[a-z]{{2,63}}$"
_LONGEST_MAILBOX, _LONGEST = 64, 254
# Ends in letters as any domain, and yet cannot receive mail (RFC 6761, RFC 6762, RFC 7686); labels
# with hyphens in the third and fourth place are coded names that must decode (RFC 5891).
_SPECIAL = r"(\.(arpa|local|onion)$|[@.]..--)"


def judge_addresses(connection: duckdb.DuckDBPyConnection) -> None:
    """Write `ops.unusable_addresses(email, reason)` anew, from the records of leads.

    One row per distinct address that is no use: `invalid_email` or `test`.
    """
    unusual = connection.execute(
        f"""
        SELECT DISTINCT email FROM conformed.leads__records
        WHERE trim(email) <> '' AND NOT {_is_plain("lower(trim(email))")}
        ORDER BY email
        """
    ).fetchall()
    judged = [(email, reason) for (email,) in unusual if (reason := reason_of(email))]
    connection.execute(
        "CREATE OR REPLACE TABLE ops.unusable_addresses (email VARCHAR, reason VARCHAR)"
    )
    connection.execute(
        "INSERT INTO ops.unusable_addresses "
        "SELECT unnest($emails::VARCHAR[]), unnest($reasons::VARCHAR[])",
        {"emails": [each[0] for each in judged], "reasons": [each[1] for each in judged]},
    )


def reason_of(address: str) -> str | None:
    """Why an address is no use, or None.

    >>> reason_of("Jane.Doe@Firm.com"), reason_of("jane@firm"), reason_of("jane@example.com")
    (None, 'invalid_email', 'test')
    """
    # Imported here: only nights with an unusual address pay for it.
    from email_validator import EmailNotValidError, validate_email

    bare = address.strip()
    if re.search(TEST_DOMAINS, bare.rpartition("@")[2].lower()):
        return TEST
    try:
        validate_email(
            bare,
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            strict=True,
        )
    except EmailNotValidError:
        return IMPOSSIBLE
    return None


def _is_plain(address: str) -> str:
    """SQL that is true of addresses that are surely possible and no test."""
    return (
        f"(regexp_matches({address}, {_quoted(PLAIN)}) "
        f"AND NOT regexp_matches({address}, {_quoted(_SPECIAL)}) "
        f"AND NOT regexp_matches(split_part({address}, '@', 2), {_quoted(TEST_DOMAINS)}) "
        f"AND length(split_part({address}, '@', 1)) <= {_LONGEST_MAILBOX} "
        f"AND length({address}) <= {_LONGEST})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
