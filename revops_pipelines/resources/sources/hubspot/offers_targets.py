"""What HubSpot says of targets: quotas from its goals, and companies that are aimed at.

Belongs here: targets of people and teams, target accounts. Does not: whether they were reached.

A goal of HubSpot is a family of targets, one for each period. Its type says what is counted; only
money to be won is a quota. A target's end is its last millisecond, or midnight of the day after.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Offer
from revops_pipelines.resources.sources.hubspot import sql
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions


def target_accounts() -> Offer:
    """Companies marked as target accounts, one list.

    HubSpot tells only how it stands. That a company came onto the list or left it we know from
    the versions of its record that we have seen; what was so at first sight was always so.
    """
    wanted = "coalesce(lower(v.target_account) = 'true', false)"
    text = f"""
    WITH RECURSIVE {sql.merged("companies")},
    seen AS (
        SELECT v.id, v._updated_at AS seen_at, {wanted} AS is_wanted,
               lag({wanted}) OVER (PARTITION BY v.id ORDER BY v._updated_at, v._extracted_at)
                   AS was_wanted
        FROM raw.@source__companies__versions v
    ),
    turns AS (
        SELECT id,
               max(seen_at) FILTER (WHERE is_wanted AND NOT was_wanted) AS added_at,
               max(seen_at) FILTER (WHERE NOT is_wanted AND was_wanted) AS removed_at
        FROM seen GROUP BY id
    )
    SELECT {sql.named("v.id")} AS account_id,
           'target accounts' AS list_name,
           CAST(t.added_at AS DATE) AS added_on,
           CASE WHEN NOT {wanted} THEN CAST(t.removed_at AS DATE) END AS removed_on,
           v.id AS source_id, v._updated_at, v._deleted_at
    FROM raw.@source__companies v
    JOIN turns t ON t.id = v.id
    WHERE ({wanted} OR t.removed_at IS NOT NULL)
      AND v.id NOT IN (SELECT loser FROM companies_merged)
    """
    return Offer("target_accounts", text, ("companies",))


def quotas(options: HubSpotOptions) -> Offer:
    """Targets in the account's currency, of a user or of a team."""
    text = f"""
    WITH teams AS (
        SELECT team.id AS id, any_value(team.name) AS name
        FROM (
            SELECT unnest(from_json(json_extract(o.payload, '$.teams'),
                                    '[{{"id":"VARCHAR","name":"VARCHAR"}}]')) AS team
            FROM raw.@source__owners o
        )
        GROUP BY team.id
    ),
    users AS (SELECT user_id, min(id) AS owner_id FROM raw.@source__owners GROUP BY user_id)
    SELECT {sql.named("g.id")} AS quota_id,
           {sql.named(f"coalesce({sql.filled('g.owner_id')}, u.owner_id)")} AS user_id,
           t.name AS team,
           CAST(g.starts_at AS DATE) AS period_start_on,
           -- The first day after: an end at midnight is one already.
           CAST(g.ends_at + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS DATE) AS period_end_on,
           {sql.filled("g.amount")} AS amount,
           upper(account.currency) AS currency,
           g.id AS source_id, g._updated_at, g._deleted_at
    FROM raw.@source__goal_targets g
    {sql.ACCOUNT}
    LEFT JOIN users u ON u.user_id = {sql.filled("g.user_id")}
    LEFT JOIN teams t ON t.id = {sql.filled("g.team_id")}
    WHERE {sql.filled("g.goal_type")} IS NULL
       OR lower({sql.filled("g.goal_type")})
          IN {sql.listed(map(str.lower, options.quota_goal_types))}
    """
    return Offer("quotas", text, ("goal_targets", "owners", "account"))
