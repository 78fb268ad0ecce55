"""lead_segment: what became of the leads of each segment."""

from __future__ import annotations

from metric_warehouse import Warehouse, at, on
from test_lead_score import learn

MARCH = on("2026-03-01")


def test_segments_convert_as_they_do(warehouse: Warehouse) -> None:
    """Learnt in November, judged for March: small companies are C then, middle ones B."""
    for level, good in (("SMB", 4), ("MID", 8)):
        learn(warehouse, level, 20, good, raised_at=at("2025-11-05 10:00"))
    warehouse.connection.execute("UPDATE conformed.opportunities SET created_at = '2025-12-01'")
    for level, names in (("SMB", "abc"), ("MID", "de")):
        for name in names:
            lead = {"lead_id": name, "raised_at": at("2026-03-05 10:00"), "segment": level}
            warehouse.put("leads", lead)
    for name in "ad":
        deal = {"opportunity_id": name, "lead_id": name, "created_at": at("2026-03-09 10:00")}
        warehouse.put("opportunities", deal)
    spam = {"lead_id": "spam", "raised_at": at("2026-03-05 10:00"), "excluded_reason": "spam"}
    warehouse.put("leads", spam)
    young = {"lead_id": "young", "raised_at": at("2026-06-05 10:00"), "segment": "SMB"}
    warehouse.put("leads", young)
    warehouse.build("lead_score", "lead_segment")
    columns = "numerator, denominator"
    for segment, wanted in (("C", (1, 3)), ("B", (1, 2))):
        dimensions = f'{{"lead_segment":"{segment}"}}'
        shown = warehouse.values("lead_segment", dimensions=dimensions, columns=columns)
        assert shown == {MARCH: wanted}
    told = warehouse.values("lead_segment", columns=f"{columns}, excluded")
    assert told == {MARCH: (2, 5, '{"spam":1}')}
    counted = warehouse.values("lead_segment_leads", columns="value, is_mature")
    assert counted == {MARCH: (5, True), on("2026-06-01"): (1, False)}
