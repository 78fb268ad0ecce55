"""What of a person or a company is compared, and with whom: names, mailboxes and blocks made alike.

Belongs here: SQL over the table `given` (a row per record as the metric's detail selects it) that
yields `prepared`. Does not: what agreement is worth (`_duplicate_weights`), pairs
(`_duplicate_pairs`).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from revops_pipelines.engine.conform.domains import domain_of, is_specific

# Work is bounded by the size of blocks, so that a million records give tens of millions of pairs
# at worst. A larger block (a thousand people called Maria Garcia) is cut: its rule finds nothing.
BLOCK_LIMIT = 100
PAIR_LIMIT = 20_000_000

# Mailboxes of a desk, not of a person.
DESKS = (
    "abuse accounting accounts admin administration billing booking careers contact contacts "
    "customerservice enquiries feedback finance general hello help helpdesk hr info inquiries "
    "invoice invoices it jobs kontakt legal mail marketing me newsletter noreply office orders "
    "partners payments postmaster press privacy procurement purchasing reception sales security "
    "service services shop spam subscriptions support team test webmaster"
).split()
TITLES = "dr ing jr jun junior madame messrs miss mr mrs ms mx phd prof sen senior sir sr".split()
LEGAL_FORMS = (
    "ab ag as aps asa bv co company corp corporation eood gmbh group holding holdings inc "
    "incorporated kft kg kk limited llc llp lp ltd nv oy oyj plc pte pty sa sarl sas se sl spa "
    "spol sro srl the ug"
).split()
# Short forms of given names, as people write them in forms.
SHORT_FORMS = {
    "abby": "abigail",
    "alex": "alexander",
    "andy": "andrew",
    "ben": "benjamin",
    "beth": "elizabeth",
    "bill": "william",
    "bob": "robert",
    "chris": "christopher",
    "dan": "daniel",
    "dave": "david",
    "ed": "edward",
    "fred": "frederick",
    "greg": "gregory",
    "jen": "jennifer",
    "jim": "james",
    "joe": "joseph",
    "kate": "katherine",
    "ken": "kenneth",
    "liz": "elizabeth",
    "matt": "matthew",
    "mike": "michael",
    "nick": "nicholas",
    "pat": "patricia",
    "pete": "peter",
    "rob": "robert",
    "ron": "ronald",
    "sam": "samuel",
    "steve": "steven",
    "sue": "susan",
    "tim": "timothy",
    "tom": "thomas",
    "tony": "anthony",
    "will": "william",
}


def _listed(words: list[str]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def _words(column: str) -> str:
    """The words of a name: lower case, without accents and signs."""
    bare = f"regexp_replace(lower(strip_accents({column})), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g')"
    return f"list_filter(string_split(trim({bare}), ' '), word -> word <> '')"


_FULL_FORMS = " ".join(f"WHEN '{short}' THEN '{full}'" for short, full in SHORT_FORMS.items())

# `Doe, Jane` is Jane Doe. Words are sorted for the key, since forms swap given name and surname.
# A single word names nobody.
PEOPLE = f"""
WITH turned AS (
  SELECT *, CASE WHEN name LIKE '%,%'
      THEN split_part(name, ',', 2) || ' ' || split_part(name, ',', 1) ELSE name END AS turned
  FROM given WHERE entity = 'leads'
), parted AS (
  SELECT *,
    list_transform(
      list_filter({_words("turned")}, word -> NOT list_contains({_listed(TITLES)}, word)),
      word -> CASE word {_FULL_FORMS} ELSE word END) AS words,
    regexp_replace(split_part(lower(trim(email)), '@', 1), '\\+.*$', '') AS mailbox,
    {domain_of("email")} AS mail_domain
  FROM turned
), keyed AS (
  SELECT uid, record_id, source, country, parent_id, company_id,
    CASE WHEN len(words) > 1 THEN list_aggregate(list_sort(words), 'string_agg', ' ') END
      AS name_key,
    CASE WHEN len(words) > 1 THEN words[1] END AS given_name,
    CASE WHEN len(words) > 1 THEN words[-1] END AS surname,
    CASE WHEN mailbox <> '' AND NOT list_contains({_listed(DESKS)}, mailbox)
      THEN regexp_replace(strip_accents(mailbox), '[^\\p{{L}}\\p{{N}}]', '', 'g') END AS mailbox,
    CASE WHEN {is_specific("mail_domain", ())} THEN mail_domain END AS domain
  FROM parted
), told AS (
  SELECT *, coalesce(company_id, domain) AS company_key,
    {{root}} AS domain_root,
    [given_name || surname, surname || given_name, left(given_name, 1) || surname,
      given_name || left(surname, 1), given_name, surname] AS made_of_name
  FROM keyed
)
SELECT * EXCLUDE (made_of_name),
  list_contains(made_of_name, mailbox) AS is_name_mailbox,
  list_contains(made_of_name, regexp_replace(mailbox, '[0-9]+$', '')) AS is_from_name,
  name_key AS by_name,
  CASE WHEN length(mailbox) > 4 THEN mailbox END AS by_mailbox,
  company_key || ' ' || left(surname, 2) AS by_company,
  company_key || ' ' || left(mailbox, 3) AS by_company_mailbox
FROM told
"""

COMPANIES = f"""
WITH parted AS (
  SELECT *,
    list_filter({_words("name")}, word -> NOT list_contains({_listed(LEGAL_FORMS)}, word))
      AS words,
    {domain_of("domain")} AS web_domain
  FROM given WHERE entity = 'accounts'
), keyed AS (
  SELECT uid, record_id, source, country, parent_id,
    nullif(list_aggregate(words, 'string_agg', ' '), '') AS name_key,
    words[1] AS first_word,
    CASE WHEN {is_specific("web_domain", ())} THEN web_domain END AS domain
  FROM parted
), told AS (SELECT *, {{root}} AS domain_root FROM keyed)
SELECT *,
  name_key AS by_name,
  domain AS by_domain,
  CASE WHEN length(domain_root) > 3 THEN domain_root END AS by_domain_root,
  left(replace(name_key, ' ', ''), 6) || ' ' || coalesce(country, '') AS by_beginning
FROM told
"""

# `acme` of acme.com, acme.co.uk and mail.acme.de: the word before the public ending.
_ROOT = (
    "regexp_extract(domain, "
    "'([^.]+)\\.(?:(?:co|com|net|org|gov|ac|edu|or|ne)\\.[a-z]{2}|[^.]+)$', 1)"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """An entity: the SQL that prepares it, and the columns of which equal values make a block."""

    entity: str
    sql: str
    blocks: tuple[str, ...]


KINDS = (
    Kind(
        "leads",
        PEOPLE.replace("{root}", f"nullif({_ROOT}, '')"),
        ("by_name", "by_mailbox", "by_company", "by_company_mailbox"),
    ),
    Kind(
        "accounts",
        COMPANIES.replace("{root}", f"nullif({_ROOT}, '')"),
        ("by_domain", "by_name", "by_domain_root", "by_beginning"),
    ),
)


@dataclass(frozen=True, slots=True)
class Cut:
    """Blocks of one rule that were too large to compare: how many, with how many records."""

    rule: str
    blocks: int
    records: int


def prepare_records(connection: duckdb.DuckDBPyConnection, kind: Kind) -> tuple[Cut, ...]:
    """Write `prepared` (a row per record) and `uncompared` (uid of records only in cut blocks).

    In `prepared` the block columns are null where nobody shares the value, or too many do.
    """
    connection.execute(f"CREATE OR REPLACE TABLE keyed AS {kind.sql}")
    limit = _limit(connection, kind)
    sizes = ", ".join(f"count(*) OVER (PARTITION BY {rule}) AS n_{rule}" for rule in kind.blocks)
    kept = ", ".join(
        f"CASE WHEN n_{rule} BETWEEN 2 AND {limit} THEN {rule} END AS {rule}"
        for rule in kind.blocks
    )
    cut = " OR ".join(f"({rule} IS NOT NULL AND n_{rule} > {limit})" for rule in kind.blocks)
    connection.execute(f"CREATE OR REPLACE TABLE sized AS SELECT *, {sizes} FROM keyed")
    counted = ", ".join(f"n_{rule}" for rule in kind.blocks)
    connection.execute(
        f"CREATE OR REPLACE TABLE prepared AS SELECT * EXCLUDE ({counted}) REPLACE ({kept}) "
        "FROM sized ORDER BY uid"
    )
    none = " AND ".join(f"prepared.{rule} IS NULL" for rule in kind.blocks)
    connection.execute(
        "CREATE OR REPLACE TABLE uncompared AS SELECT uid FROM sized "
        f"JOIN prepared USING (uid) WHERE {none} AND ({cut.replace('(by_', '(sized.by_')})"
    )
    found = []
    for rule in kind.blocks:
        row = connection.execute(
            f"SELECT count(DISTINCT {rule}), count(*) FROM sized "
            f"WHERE {rule} IS NOT NULL AND n_{rule} > {limit}"
        ).fetchone()
        if row and row[0]:
            found.append(Cut(rule, row[0], row[1]))
    return tuple(found)


def _limit(connection: duckdb.DuckDBPyConnection, kind: Kind) -> int:
    """The largest block that is compared, so that all pairs together stay below PAIR_LIMIT."""
    counts = " UNION ALL ".join(
        f"SELECT count(*) AS size FROM keyed WHERE {rule} IS NOT NULL GROUP BY {rule}"
        for rule in kind.blocks
    )
    row = connection.execute(
        f"""
        WITH sizes AS ({counts}), pairs AS (
          SELECT size, sum(sum(size * (size - 1) / 2)) OVER (ORDER BY size) AS so_far
          FROM sizes WHERE size > 1 GROUP BY size)
        SELECT min(size) - 1 FROM pairs WHERE so_far > {PAIR_LIMIT}
        """
    ).fetchone()
    return BLOCK_LIMIT if row is None or row[0] is None else min(BLOCK_LIMIT, int(row[0]))
