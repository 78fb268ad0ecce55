"""The truth of marketing: sums that must hold, and the same world for the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from revops_pipelines.sandbox.world.marketing_shapes import DELETE, MERGE, NEW_LEAD, Marketing
from revops_pipelines.sandbox.world.truth_marketing import count_rows, lead_rows, spend_rows
from revops_pipelines.sandbox.world.world import World, build_world

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def _counts(world: World) -> dict[str, int]:
    return {row["what"]: row["count"] for row in count_rows(world, NOW)}


def test_every_mess_is_there(marketing_world: World) -> None:
    counts = _counts(marketing_world)
    for what in (
        "leads deleted",
        "leads merged away",
        "leads twice",
        "activities shown late",
        "clicks by bots",
    ):
        assert counts[what] > 0, what


def test_leads_add_up(marketing_world: World) -> None:
    counts = _counts(marketing_world)
    rows = lead_rows(marketing_world, NOW)
    gone = counts["leads deleted"] + counts["leads merged away"]
    assert len(rows) == counts["leads"] + gone == counts["activities: New Lead"]
    assert counts["activities: Delete Lead"] == counts["leads deleted"]
    assert counts["activities: Merge Leads"] == counts["leads merged away"]


def test_most_people_are_in_marketo_under_their_address(marketing_world: World) -> None:
    people = {person.index: person for person in marketing_world.people}
    rows = lead_rows(marketing_world, NOW)
    assert all(row["email"] == people[row["person_index"]].email.lower() for row in rows)
    assert len({row["person_index"] for row in rows}) > len(people) / 2


def test_a_raising_form_is_filled_in_the_second_of_the_hand(marketing_world: World) -> None:
    people = {person.index: person for person in marketing_world.people}
    filled = [row for row in lead_rows(marketing_world, NOW) if row["raising_form_at"]]
    assert len(filled) > 50
    for row in filled:
        raised = people[row["person_index"]].raised_at
        assert raised is not None
        assert 0 <= (row["raising_form_at"] - raised).total_seconds() < 1


def test_nothing_happens_to_a_lead_that_is_gone(marketing_world: World) -> None:
    marketing: Marketing = marketing_world.marketing
    gone = {
        lead.lead_id: lead.deleted_at or lead.merged_at
        for lead in marketing.leads
        if lead.deleted_at or lead.merged_at
    }
    for activity in marketing.activities:
        if activity.lead_id in gone and activity.type_id not in (DELETE, MERGE, NEW_LEAD):
            assert activity.at <= (gone[activity.lead_id] or 0)
    assert [each.at for each in marketing.activities] == sorted(
        each.at for each in marketing.activities
    )
    assert len({each.guid for each in marketing.activities}) == len(marketing.activities)


def test_costs_are_split_over_entries_of_one_month(marketing_world: World) -> None:
    marketing: Marketing = marketing_world.marketing
    months = Counter(
        (program.program_id, cost.month) for program in marketing.programs for cost in program.costs
    )
    assert max(months.values()) == 2
    assert all(row["amount"] > 0 for row in spend_rows(marketing_world, NOW))


@pytest.mark.parametrize("seed", [7, 8])
def test_the_same_seed_gives_the_same_marketing(seed: int) -> None:
    one, other = (build_world(seed, date(2026, 6, 30), 0.01).marketing for _ in range(2))
    assert one == other
