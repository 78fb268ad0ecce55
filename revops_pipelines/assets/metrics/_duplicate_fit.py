"""Runs splink: turns the model into its settings, learns what can be learnt, scores pairs.

Belongs here: everything that names splink, so that importing it costs only those who match. Does
not: the model's numbers (`_duplicate_weights`), blocks (`_duplicate_records`).

Learning (expectation maximisation) replaces how often two records of one thing agree by name and by
country, taken from pairs of one company or one web domain. It is believed only where there was
enough to learn from and what came out makes sense; identity resolution has folded the plain doubles
before, and what it leaves is often too little. Otherwise the numbers as written hold.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from revops_pipelines.assets.metrics._duplicate_records import Kind
from revops_pipelines.assets.metrics._duplicate_weights import Comparison, Level

LEARNS_IN = {"leads": "company_key", "accounts": "domain"}
# With fewer records there are not the hundred doubles among them that it takes; with more pairs,
# a million of them say enough.
LEARNS_FROM_RECORDS, LEARNS_AT_MOST = 5_000, 1_000_000
# Fewer pairs say nothing, and splink refuses to learn from none: identity resolution may have
# folded every two records of one domain.
LEARNS_FROM_PAIRS = 300
MAX_ITERATIONS, CONVERGED = 50, 1e-4
# What is learnt is believed while no level departs further than this from what is written: beyond
# it the two classes that were found are not the same and the different ones, but, say, families.
LARGEST_CHANGE = 3.0


def scored(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    model: Sequence[Comparison],
    prior: float,
    threshold: float,
) -> None:
    """Write the table `scored` of pairs from the threshold on, from the table `prepared`.

    A pair has `uid_l < uid_r`, both records' columns with `_l` and `_r`, `match_probability`.
    """
    columns = [row[0] for row in connection.execute("DESCRIBE prepared").fetchall()]
    with _quiet():
        learnt = _learnt(connection, kind, model, prior)
        linker = _linker(connection, kind, learnt or model, prior)
        pairs = linker.inference.predict(
            threshold_match_probability=threshold, warning_mode="never"
        ).physical_name
    both = ", ".join(f"{side}.{name} AS {name}_{side}" for name in columns for side in "lr")
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE scored AS
        SELECT match_probability, {both}
        FROM (
          SELECT match_probability, least(uid_l, uid_r) AS low, greatest(uid_l, uid_r) AS high
          FROM {pairs})
        JOIN prepared AS l ON l.uid = low
        JOIN prepared AS r ON r.uid = high
        ORDER BY low, high
        """
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without splink's progress reports."""
    log = logging.getLogger("splink")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _linker(
    connection: duckdb.DuckDBPyConnection, kind: Kind, model: Sequence[Comparison], prior: float
) -> Linker:
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="uid",
        probability_two_random_records_match=prior,
        blocking_rules_to_generate_predictions=[block_on(rule) for rule in kind.blocks],
        comparisons=[_comparison(each) for each in model],
        max_iterations=MAX_ITERATIONS,
        em_convergence=CONVERGED,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
        linker_uid="duplicates",
    )
    api = DuckDBAPI(connection)
    linker = Linker(api.register("prepared"), settings, log_level=None, validate_settings=False)
    counted = {level.common for each in model for level in each.levels}
    for column, sql in _FREQUENCIES[kind.entity].items():
        if column not in counted:
            continue
        connection.execute(f"CREATE OR REPLACE TABLE shares_of_{column} AS {sql}")
        table = api.register(f"shares_of_{column}")
        linker.table_management.register_term_frequency_lookup(table, column)
    return linker


# How common a name is comes from its words, as if they met by chance: a name that two records share
# is there twice just because of them, and would never look rare.
_FREQUENCIES = {
    "leads": {
        "name_key": """
            WITH given_names AS (
              SELECT given_name, count(*)::DOUBLE / sum(count(*)) OVER () AS share
              FROM prepared WHERE given_name IS NOT NULL GROUP BY given_name
            ), surnames AS (
              SELECT surname, count(*)::DOUBLE / sum(count(*)) OVER () AS share
              FROM prepared WHERE surname IS NOT NULL GROUP BY surname)
            SELECT name_key, max(given_names.share * surnames.share) AS tf_name_key
            FROM prepared JOIN given_names USING (given_name) JOIN surnames USING (surname)
            WHERE name_key IS NOT NULL GROUP BY name_key ORDER BY name_key"""
    },
    "accounts": {
        "name_key": """
            WITH told AS (
              SELECT uid, name_key, unnest(string_split(name_key, ' ')) AS word FROM prepared
            ), words AS (
              SELECT word, count(DISTINCT uid)::DOUBLE / (SELECT count(*) FROM prepared) AS share
              FROM told GROUP BY word
            ), names AS (SELECT DISTINCT name_key, word FROM told)
            SELECT name_key, exp(sum(ln(share) ORDER BY word)) AS tf_name_key
            FROM names JOIN words USING (word) GROUP BY name_key ORDER BY name_key"""
    },
}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "output_column_name": comparison.name,
        "comparison_levels": [
            {"sql_condition": comparison.unknown, "is_null_level": True},
            *(_level(comparison, level) for level in comparison.levels),
        ],
    }


def _level(comparison: Comparison, level: Level) -> dict[str, Any]:
    told: dict[str, Any] = {
        "sql_condition": level.condition,
        "label_for_charts": level.words,
        "m_probability": level.m,
        "u_probability": level.u,
        "fix_m_probability": not comparison.is_learnt,
        "fix_u_probability": True,
    }
    if level.common:
        told |= {
            "tf_adjustment_column": level.common,
            "tf_adjustment_weight": 1.0,
            "tf_minimum_u_value": level.least_u,
            "disable_tf_exact_match_detection": True,
        }
    return told


def _learnt(
    connection: duckdb.DuckDBPyConnection, kind: Kind, model: Sequence[Comparison], prior: float
) -> tuple[Comparison, ...] | None:
    """The model with m as learnt from the records; None where the numbers as written hold."""
    inside = LEARNS_IN[kind.entity]
    records, pairs = connection.execute(
        f"""SELECT coalesce(sum(n), 0), coalesce(sum(n * (n - 1) // 2), 0)
        FROM (SELECT count(*) AS n FROM prepared WHERE {inside} IS NOT NULL GROUP BY {inside})"""
    ).fetchall()[0]
    if records < LEARNS_FROM_RECORDS or pairs < LEARNS_FROM_PAIRS:
        return None
    linker = _linker(connection, kind, model, prior)
    session = linker.training.estimate_parameters_using_expectation_maximisation(
        block_on(inside),
        estimate_without_term_frequencies=True,
        fix_probability_two_random_records_match=True,
        max_pairs=LEARNS_AT_MOST,
    )
    # splink tells the number of rounds in its log only.
    rounds = len(session._core_model_settings_history) - 1
    if rounds >= MAX_ITERATIONS:
        return None
    return _believed(model, linker.misc.save_model_to_json()["comparisons"])


def _believed(
    model: Sequence[Comparison], trained: Sequence[dict[str, Any]]
) -> tuple[Comparison, ...] | None:
    found = []
    for comparison, told in zip(model, trained, strict=True):
        if not comparison.is_learnt:
            found.append(comparison)
            continue
        levels = [each for each in told["comparison_levels"] if not each.get("is_null_level")]
        learnt = [float(each.get("m_probability") or 0) for each in levels]
        pairs = tuple(zip(learnt, comparison.levels, strict=True))
        if not all(level.m / LARGEST_CHANGE <= m <= level.m * LARGEST_CHANGE for m, level in pairs):
            return None
        found.append(replace(comparison, levels=tuple(replace(level, m=m) for m, level in pairs)))
    return tuple(found)
