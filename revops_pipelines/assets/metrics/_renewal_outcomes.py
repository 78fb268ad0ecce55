"""What became of every term that ended: the rows of `metrics.renewal_rate`.

Belongs here: the SQL of that table. Does not: how it is rolled up (`renewal_rate`, `upsell_rate`).

A term is judged when its window has passed, by what is in force then: its own subscription, or
what replaced it (a subscription of the same customer, or a contract of the same company, that
began around the end). Each replacement counts for one term: of those that it would renew on time
the one that was due first, so that what was once judged stays so, and a late one only else.
"""

from __future__ import annotations

OUTCOMES = """
WITH ended AS (
  SELECT
    terms.*,
    COALESCE(terms.ended_on, terms.ends_on) AS over_on,
    parameters.renewal_window_days AS window_days,
    terms.ends_on + parameters.renewal_window_days AS judged_on,
    terms.ends_on + 3 * parameters.renewal_window_days AS late_on,
    parameters.as_of_utc_on
  FROM terms
  CROSS JOIN ops.parameters AS parameters
  WHERE terms.ends_on <= parameters.as_of_utc_on
), paid AS (
  SELECT
    ended.contract_id,
    spans.monthly_amount,
    spans.currency,
    ROW_NUMBER() OVER (
      PARTITION BY ended.contract_id ORDER BY spans.from_on DESC, spans.currency
    ) AS place
  FROM ended
  JOIN spans
    ON spans.subscription_id = ended.subscription_id
    AND spans.from_on < ended.over_on
    AND COALESCE(spans.to_on, DATE '9999-12-31') > ended.starts_on
), due AS (
  SELECT
    ended.*,
    CASE WHEN ended.subscription_id IS NULL THEN ended.currency ELSE paid.currency END
      AS due_currency,
    CASE WHEN ended.subscription_id IS NULL THEN ended.annual_amount
      ELSE 12 * paid.monthly_amount END AS local_due,
    calendar.month_start_on AS valued_on
  FROM ended
  JOIN ops.calendar AS calendar ON calendar.day = ended.ends_on
  LEFT JOIN paid ON paid.contract_id = ended.contract_id AND paid.place = 1
), continued AS (
  SELECT
    due.contract_id,
    SUM(CASE WHEN spans.from_on <= due.judged_on
      AND COALESCE(spans.to_on, DATE '9999-12-31') > due.judged_on
      THEN ROUND(12 * spans.monthly_amount * rates.rate, 2) ELSE 0 END) AS amount,
    SUM(CASE WHEN spans.from_on <= due.late_on AND due.late_on <= due.as_of_utc_on
      AND COALESCE(spans.to_on, DATE '9999-12-31') > due.late_on
      THEN ROUND(12 * spans.monthly_amount * rates.rate, 2) ELSE 0 END) AS late_amount,
    MAX(CASE WHEN rates.rate IS NULL AND spans.from_on <= due.judged_on
      AND COALESCE(spans.to_on, DATE '9999-12-31') > due.judged_on
      THEN 1 ELSE 0 END) AS is_unvalued
  FROM due
  JOIN spans ON spans.subscription_id = due.subscription_id
  LEFT JOIN rates ON rates.currency = spans.currency AND rates.month_start_on = due.valued_on
  GROUP BY due.contract_id
), following AS (
  SELECT due.contract_id, MIN(later.starts_on) AS starts_on
  FROM due
  JOIN terms AS later
    ON later.subscription_id = due.subscription_id AND later.starts_on > due.starts_on
  GROUP BY due.contract_id
), first_days AS (
  SELECT subscription_id, customer_id, MIN(from_on) AS starts_on
  FROM spans
  GROUP BY subscription_id, customer_id
), unanswered AS (
  SELECT due.*
  FROM due
  LEFT JOIN continued ON continued.contract_id = due.contract_id
  WHERE COALESCE(continued.amount, 0) = 0
    AND due.judged_on <= due.as_of_utc_on
    AND NOT due.is_evergreen
    AND NOT due.is_signed_elsewhere
), candidates AS (
  SELECT
    unanswered.contract_id,
    first_days.subscription_id AS replacement_id,
    TRUE AS is_subscription,
    first_days.starts_on,
    unanswered.judged_on,
    unanswered.ends_on
  FROM unanswered
  JOIN first_days
    ON first_days.customer_id = unanswered.customer_id
    AND first_days.subscription_id <> unanswered.subscription_id
    AND first_days.starts_on >= unanswered.over_on - unanswered.window_days
    AND first_days.starts_on <= unanswered.late_on
  WHERE unanswered.subscription_id IS NOT NULL
  UNION ALL
  SELECT
    unanswered.contract_id,
    signed.contract_id,
    FALSE,
    signed.starts_on,
    unanswered.judged_on,
    unanswered.ends_on
  FROM unanswered
  JOIN terms AS signed
    ON signed.party = unanswered.party
    AND signed.subscription_id IS NULL
    AND signed.contract_id <> unanswered.contract_id
    AND signed.starts_on > unanswered.starts_on
    AND signed.starts_on >= unanswered.over_on - unanswered.window_days
    AND signed.starts_on <= unanswered.late_on
  WHERE unanswered.subscription_id IS NULL
), given AS (
  SELECT
    candidates.*,
    ROW_NUMBER() OVER (
      PARTITION BY is_subscription, replacement_id
      ORDER BY CASE WHEN starts_on <= judged_on THEN 0 ELSE 1 END, ends_on, contract_id
    ) AS place
  FROM candidates
), worths AS (
  SELECT
    given.contract_id,
    given.starts_on,
    spans.from_on,
    spans.to_on,
    spans.currency,
    12 * spans.monthly_amount AS local_amount
  FROM given
  JOIN spans ON spans.subscription_id = given.replacement_id
  WHERE given.place = 1 AND given.is_subscription
  UNION ALL
  SELECT
    given.contract_id,
    given.starts_on,
    signed.starts_on,
    signed.ended_on,
    signed.currency,
    signed.annual_amount
  FROM given
  JOIN terms AS signed ON signed.contract_id = given.replacement_id
  WHERE given.place = 1 AND NOT given.is_subscription
), replaced AS (
  SELECT
    due.contract_id,
    MIN(worths.starts_on) AS starts_on,
    SUM(CASE WHEN worths.from_on <= due.judged_on
      AND COALESCE(worths.to_on, DATE '9999-12-31') > due.judged_on
      THEN ROUND(worths.local_amount * rates.rate, 2) ELSE 0 END) AS amount,
    SUM(CASE WHEN worths.from_on <= due.late_on AND due.late_on <= due.as_of_utc_on
      AND COALESCE(worths.to_on, DATE '9999-12-31') > due.late_on
      THEN ROUND(worths.local_amount * rates.rate, 2) ELSE 0 END) AS late_amount,
    MAX(CASE WHEN rates.rate IS NULL AND worths.from_on <= due.judged_on
      AND COALESCE(worths.to_on, DATE '9999-12-31') > due.judged_on
      THEN 1 ELSE 0 END) AS is_unvalued
  FROM due
  JOIN worths ON worths.contract_id = due.contract_id
  LEFT JOIN rates ON rates.currency = worths.currency AND rates.month_start_on = due.valued_on
  GROUP BY due.contract_id
), valued AS (
  SELECT
    due.*,
    ROUND(due.local_due * rates.rate, 2) AS due_amount,
    COALESCE(NULLIF(continued.amount, 0), replaced.amount, 0) AS followed_by,
    COALESCE(continued.late_amount, 0) + COALESCE(replaced.late_amount, 0) AS followed_late_by,
    CASE WHEN COALESCE(continued.amount, 0) > 0 THEN COALESCE(following.starts_on, due.ends_on)
      ELSE replaced.starts_on END AS followed_on,
    CASE
      WHEN due.is_evergreen THEN 'evergreen'
      WHEN due.is_signed_elsewhere THEN 'signed_elsewhere'
      WHEN due.local_due IS NULL AND due.subscription_id IS NOT NULL THEN 'nothing_paid'
      WHEN due.local_due IS NULL OR due.local_due <= 0 THEN 'no_amount'
      WHEN rates.rate IS NULL THEN 'missing_rate'
      WHEN continued.is_unvalued = 1 OR replaced.is_unvalued = 1 THEN 'missing_rate'
      WHEN due.judged_on > due.as_of_utc_on THEN 'pending'
    END AS excluded
  FROM due
  LEFT JOIN rates
    ON rates.currency = due.due_currency AND rates.month_start_on = due.valued_on
  LEFT JOIN continued ON continued.contract_id = due.contract_id
  LEFT JOIN following ON following.contract_id = due.contract_id
  LEFT JOIN replaced ON replaced.contract_id = due.contract_id
), told AS (
  SELECT
    valued.*,
    CASE
      WHEN judged_on > as_of_utc_on THEN 'pending'
      WHEN followed_by > 0 AND followed_on < ends_on - window_days THEN 'early'
      WHEN followed_by > 0 THEN 'on_time'
      WHEN followed_late_by > 0 THEN 'late'
      ELSE 'lost'
    END AS outcome
  FROM valued
)
SELECT
  contract_id,
  subscription_id,
  customer_id,
  account_id,
  party,
  segment,
  industry,
  region,
  owner,
  team,
  starts_on,
  ends_on,
  CASE WHEN outcome IN ('early', 'on_time') THEN followed_on
    WHEN outcome = 'late' AND followed_on > ends_on THEN followed_on END AS renewed_on,
  due_currency AS currency,
  due_amount,
  CASE WHEN outcome IN ('early', 'on_time') THEN LEAST(followed_by, due_amount) ELSE 0 END
    AS renewed_amount,
  CASE WHEN outcome IN ('early', 'on_time') THEN GREATEST(followed_by - due_amount, 0) ELSE 0 END
    AS expansion_amount,
  CASE WHEN outcome = 'late' THEN LEAST(followed_late_by, due_amount) ELSE 0 END AS late_amount,
  outcome,
  excluded
FROM told
"""
