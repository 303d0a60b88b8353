"""Scores that can be recomputed by hand, records of actors, and a draw that anybody can repeat."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journey_index import journey

from tracer.currency import money
from tracer.risk.conduct import incidents, records, standing
from tracer.risk.controls import draw, propose
from tracer.risk.ranking import SUGGESTED, confirmed_shares, ranked
from tracer.risk.score import SCORE_MAX, currency_of, duty_at_risk, score_of
from tracer.rules import RULES
from tracer.runs.statements import Statement, figures_of, finding_id, with_status


def rule(name: str, tested: int, failed: int = 0) -> dict[str, Any]:
    return {"rule": name, "title": name, "tested": tested, "failed": failed}


def finding(name: str, severity: str = "high", subject: str = "COT", difference: str | None = "5", **more: Any) -> dict[str, Any]:
    return {"rule": name, "severity": severity, "subject": {"type": "material", "id": subject}, "difference": difference,
            "expected": "1", "observed": "6", "uom": "KGM", "status": "open", "duty_at_risk": None, "explanation": "",
            "period": {"from": "2025-01-01", "to": "2025-12-31"}, "evidence": [], **more}


def test_score__by_hand__every_term_of_it() -> None:
    report = {"rules": [rule("B2", 6, 2), rule("N1", 4, 1), rule("C1", 100), rule("X3", 0)],
              "findings": [finding("B2", "high", "A"), finding("B2", "low", "B"), finding("N1", "medium")]}
    told = score_of(report)
    # (2/6 x 10 + 1/4 x 3) / (10 + 3 + 3) x 1000 = 255.208...
    assert told["score"] == "255.208"
    assert told["band"] == "medium"
    assert [(c["rule"], c["weight"], c["points"]) for c in told["checks"]] == [("B2", 10, "208.333"), ("N1", 3, "46.875")]
    assert (told["clean"], told["not_evaluable"]) == (1, ["X3"])


def test_score__nothing_tested__none_and_not_nought() -> None:
    assert score_of({"rules": [rule("B2", 0)], "findings": []})["score"] is None
    assert score_of({"rules": [rule("B2", 9)], "findings": []})["score"] == "0"


@pytest.mark.parametrize(("findings", "points"), [
    ([finding("O1"), finding("O3"), finding("O6")], [20]),
    ([finding("O1"), finding("O3")], []),
    ([finding("B2", difference="-5"), finding("N1", difference="5"), finding("D4")], [20]),
    ([finding("B2", difference="5"), finding("N1", difference="5"), finding("D4")], [0]),  # a surplus is no shortage
    ([finding("B2", subject="NYL", difference="-5"), finding("N1", difference="5"), finding("D4")], [0]),
    ([finding("B8"), finding("B3")], [0]),  # whether the report was amended late is not known
])
def test_score__findings_that_go_together__twenty_points_where_they_are_alike(
        findings: list[dict[str, Any]], points: list[int]) -> None:
    report = {"rules": [rule(f["rule"], 1000, 1) for f in findings], "findings": findings}
    told = score_of(report)
    assert [c["points"] for c in told["combinations"]] == points
    assert Decimal(told["score"]) == 1 + sum(points)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.sampled_from(["critical", "medium", "low"])),
                min_size=1, max_size=12), st.integers(2, 9))
def test_score__any_report__between_bounds_and_the_same_for_a_firm_many_times_as_large(
        checks: list[tuple[int, int, str]], factor: int) -> None:
    def report(times: int) -> dict[str, Any]:
        return {"rules": [rule(f"U{i}", tested * times, min(failed, tested) * times) for i, (tested, failed, _) in enumerate(checks)],
                "findings": [finding(f"U{i}", severity) for i, (_, failed, severity) in enumerate(checks) if failed]}
    score = Decimal(score_of(report(1))["score"])
    assert 0 <= score <= SCORE_MAX
    assert score_of(report(factor))["score"] == score_of(report(1))["score"]
    assert (score == 0) == all(min(failed, tested) == 0 for tested, failed, _ in checks)


def test_currency__of_findings__is_that_of_their_duty_and_kept_ones_may_not_say() -> None:
    own, none, abroad = finding("B2", duty_at_risk="100", currency="VND"), finding("S1", currency="EUR"), finding("B6", duty_at_risk="1", currency="USD")
    assert currency_of([own, none]) == "VND" and currency_of([none]) == "" and currency_of([own, abroad]) == "USD / VND"
    assert currency_of([finding("B2", duty_at_risk="5")]) == ""  # kept before findings named it
    assert (money("1234", "VND"), money("1234", ""), money(None, "VND"), money("0", "")) == ("1,234 VND", "1,234 (currency not stated)", "", "0")


def test_duty_at_risk__two_rules_about_one_shortage__counted_once() -> None:
    told = [finding("B2", duty_at_risk="100"), finding("B6", duty_at_risk="120"), finding("B2", subject="NYL", duty_at_risk="7"),
            finding("T4")]
    assert duty_at_risk(told) == "127"


def test_ranked__money_times_how_often_confirmed__then_gravity_and_closed_ones_left_out() -> None:
    closed = confirmed_shares([("B2", "confirmed"), ("B2", "confirmed"), ("X4", "dismissed"), ("X4", "dismissed")])
    rows = ranked([finding("X4", duty_at_risk="1000"), finding("B2", duty_at_risk="800"), finding("S1", "critical"),
                   finding("W1", "low"), finding("B6", duty_at_risk="9999", status="dismissed"),
                   finding("N1", duty_at_risk="10", status="explained")], closed)
    assert [(r["rule"], r["chance"], r["expected_duty"]) for r in rows] == [
        ("B2", "0.75", "600"), ("X4", "0.25", "250"), ("N1", "0.5", "5"), ("S1", "0.5", None), ("W1", "0.5", None)]
    assert [r["suggested"] for r in rows[:2]] == ["stock-take", "inspect"]


def test_suggested__every_family_of_the_rules__has_a_control() -> None:
    assert {one.id[0] for one in RULES} <= SUGGESTED.keys()


def test_propose__capacity__the_worst_and_a_tenth_by_lot_that_anybody_can_repeat() -> None:
    candidates = [{"id": f"book-{i}"} for i in range(200)]
    chosen = propose(candidates, 20, "0xabc")
    by_lot = {c["id"] for c in chosen if c["chosen"] == "random"}
    assert (len(chosen), len(by_lot)) == (20, 2)
    assert by_lot == {c["id"] for c in sorted(candidates, key=lambda c: draw("0xabc", c["id"]))[:2]}
    assert [c["id"] for c in chosen if c["chosen"] == "risk"] == [c["id"] for c in candidates if c["id"] not in by_lot][:18]
    assert propose(candidates, 20, "0xabc") == chosen
    assert propose(candidates, 0, "0xabc") == []
    assert [c["chosen"] for c in propose(candidates[:3], 9, "0xabc")] == ["risk"] * 3
    assert {c["chosen"] for c in propose(candidates, 4, "0xabc")} == {"risk"}
    drawn = [next(c["id"] for c in propose(candidates, 5, f"0x{n}") if c["chosen"] == "random") for n in range(4000)]
    worst = drawn.count("book-0")
    assert 5 <= worst <= 45  # the worst is drawn as often as any other: 20 expected


def test_statement__of_figures_that_changed__leaves_the_finding_open_and_says_so() -> None:
    one = finding("B2")
    said = Statement(finding_id("b", one), "B2", "b", "explained", "counted twice", "acme", 7, figures_of([one]))
    (row,) = with_status("b", [one], {said.finding: said})
    assert (row["status"], row["said"]["of_these_figures"]) == ("explained", True)
    (row,) = with_status("b", [{**one, "difference": "6"}], {said.finding: said})
    assert (row["status"], row["said"]["of_these_figures"]) == ("open", False)
    (row,) = with_status("other book", [one], {said.finding: said})
    assert "said" not in row
    assert finding_id("b", one) == finding_id("b", {**one, "difference": "6", "evidence": [{"id": "0x1"}]})
    two = with_status("b", [one, {**one, "difference": "9"}], {})
    assert two[0]["id"] == two[1]["id"]
    assert [r["difference"] for r in two] == ["5", "9"]


@pytest.mark.parametrize(("record", "score", "more", "level"), [
    ({"events": 1000, "late": 5}, "10", {}, 2), ({"events": 1000, "late": 5}, "10", {"aeo": True}, 1),
    ({"events": 1000, "late": 5, "corrected": 15}, None, {}, 3), ({"events": 1000}, "50", {"aeo": True}, 3),
    ({"events": 1000, "refused": 60, "discrepancies": 40}, "0", {}, 4), ({"events": 1000}, "300", {}, 4),
    ({"events": 1000}, "600", {}, 5), ({"events": 1000}, "0", {"confirmed_critical": True}, 5),
    ({"events": 49, "late": 40}, "0", {}, 2), ({"events": 50, "late": 40}, "0", {}, 4), ({"events": 0}, None, {}, 2),
])
def test_standing__record_and_score__give_a_level_with_its_reason(
        record: dict[str, int], score: str | None, more: dict[str, bool], level: int) -> None:
    told = standing(record, score, **more)
    assert told["level"] == level
    assert told["because"]
    if record["events"]:
        faults = sum(record.get(k, 0) for k in ("late", "corrected", "refused", "discrepancies"))
        assert Fraction(told["faults_per_1000"]) == pytest.approx(Fraction(1000 * faults, record["events"]), abs=0.001)


def test_records__of_the_journey__counted_as_a_person_would() -> None:
    index = journey()
    with index.session() as session:
        from sqlmodel import select

        from indexer.models import Event
        events = list(session.execute(select(Event)).scalars())
        until = max(e.occurred_at_ms for e in events)
        told = records(session, until, 30)  # all of the journey is recorded 60 seconds after it occurred
        for number, record in told.items():
            own = [e for e in events if e.participant == number and e.kind != "CORRECT"
                   and until - 365 * 86_400_000 < e.occurred_at_ms <= until]
            assert record["events"] == record["late"] == len(own)
        assert records(session, until, 90)[events[0].participant]["late"] == 0
        assert records(session, 0, 30) == {}
        one, other = events[0], next(e for e in events if e.participant != events[0].participant)
        found = incidents(session, [
            {"rule": "S1", "evidence": [{"id": one.event_id}, {"id": other.event_id}]},
            {"rule": "C2", "evidence": [{"id": one.event_id}, {"id": one.event_id}]},
            {"rule": "B2", "evidence": [{"id": one.event_id}]}, {"rule": "W1", "evidence": [{"id": "0xgone"}]}])
    assert found == {one.participant: {"discrepancies": 2, "seals": 1}, other.participant: {"discrepancies": 1, "seals": 1}}
    index.engine.dispose()
