"""The time release study: clocks, figures, stages from the index, and what is told of open and wrong cases."""

from __future__ import annotations

import math
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journey_index import JourneyIndex, directory, story
from sqlmodel import Session
from sqlmodel import select as sqlmodel_select

from indexer import models as m
from indexer.lookups import HOLDER, Reader
from ledger.errors import InputError
from tracer.moment import HOUR_MS, Span, parse_span, zone_of
from tracer.release import comparing
from tracer.release.cases import Case, Passage, read_cases
from tracer.release.clock import Calendar, read_calendar
from tracer.release.comparing import compare
from tracer.release.statistics import describe, median
from tracer.release.study import study

ZONE = "+07:00"
START_MS = parse_span("2026-03-02", ZONE).start_ms  # a Monday


def at(hours: float) -> int:
    return START_MS + round(hours * HOUR_MS)


def case(label: str, holder: str = "carrier", *, port: str = "cat-hai", lane: str = "green", **stages: float) -> Case:
    return Case("0x" + label, label, "container", port, lane, "no", holder,
                {name: Passage(at(hours), "customs" if name == "eligible" else "terminal") for name, hours in stages.items()})


@pytest.fixture
def site(tmp_path: Path) -> Calendar:
    file = tmp_path / "site.toml"
    day = '["07:30-12:00", "13:00-17:30"]'
    file.write_text("".join(f"{name} = {day}\n" for name in ("monday", "tuesday", "wednesday", "thursday", "friday"))
                    + 'saturday = ["18:00-24:00"]\nclosed = [2026-03-04]\n')
    return read_calendar(file, ZONE)


@pytest.mark.parametrize(("start", "end", "hours"), [
    (0, 24, 9), (8, 9, 1), (11, 14, 2), (12, 13, 0), (17, 24 + 8, 1), (0, 7 * 24, 4 * 9 + 6), (48, 72, 0),
    (5 * 24 + 23, 6 * 24 + 23, 1), (9, 9, 0), (9, 8, 0)])
def test_working_hours__of_a_site__counted_by_its_calendar(site: Calendar, start: float, end: float, hours: float) -> None:
    assert site.working_ms(at(start), at(end)) == hours * HOUR_MS


@given(st.lists(st.integers(0, 400), min_size=3, max_size=3))
def test_working_hours__any_three_instants__add_up(hours: list[int]) -> None:
    first, middle, last = sorted(START_MS + h * HOUR_MS // 2 for h in hours)
    clock = Calendar(zone_of(ZONE), {day: ((time(9), time(17)),) for day in range(5)})
    whole = clock.working_ms(first, last)
    assert whole == clock.working_ms(first, middle) + clock.working_ms(middle, last) <= last - first


@pytest.mark.parametrize("text", [
    "monday = 5", 'mondays = ["07:00-08:00"]', 'monday = ["8-7"]', 'monday = ["08:00-07:00"]', 'closed = ["2026-01-01"]', "[",
    'monday = ["07:00+07:00-08:00"]'])
def test_calendar__malformed__refused_with_what_to_write(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError) as fault:
        read_calendar(tmp_path / "c.toml", ZONE)
    assert fault.value.remedy


def test_figures__of_a_known_sample__by_the_definitions() -> None:
    found = describe([1, 2, 3, 4, 100], limit_hours=3.5)
    assert (found["n"], found["mean"], found["median"], found["p25"], found["p75"], found["iqr"]) == (5, 22, 3, 2, 4, 2)
    assert (found["outliers"], found["mean_without_outliers"], found["over_limit"]) == (1, 2.5, Decimal("0.4"))
    assert found["sd"] == Decimal(f"{math.sqrt(sum((x - 22) ** 2 for x in (1, 2, 3, 4, 100)) / 4):.2f}")
    assert describe([]) == {"n": 0, "open": 0, "median": None}


def kaplan_meier(done: list[int], still: list[int]) -> float | None:
    """The product-limit estimator as its definition has it."""
    left = 1.0
    for hour in sorted(set(done)):
        at_risk = sum(x >= hour for x in done) + sum(x >= hour for x in still)
        left *= 1 - done.count(hour) / at_risk
        if left <= 0.5 + 1e-12:
            return float(hour)
    return None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_median__some_still_open__product_limit(done: list[int], still: list[int]) -> None:
    assert median(done, still) == kaplan_meier(done, still)


def test_median__exactly_half_have_left__is_when_the_last_of_them_did() -> None:
    for n in range(1, 200):  # 12 of 24: products of floats come to a little more than a half
        assert median(range(1, n + 1), [n + 1] * n) == n


def test_over_limit__units_that_wait_longer_than_the_limit__are_above_it() -> None:
    assert describe([10, 20, 30, 40], limit_hours=30)["over_limit"] == Decimal("0.25")  # at the limit is within it
    assert describe([10, 20], [90, 90], limit_hours=48)["over_limit"] == Decimal("0.5")
    assert describe([10, 20], [5, 5], limit_hours=48)["over_limit"] == 0  # nothing is known of them beyond five hours
    assert describe([10, 20], [15], limit_hours=15)["over_limit"] == Decimal("0.67")


@pytest.mark.parametrize(("hours", "mode"), [
    ([5, 5, 5], (5, 5, 3)), ([1], (1, 1, 1)), ([1, 1, 1, 9], (1, 3.52, 3)), ([2, 4, 6, 8], (2, 5.78, 2)),
    ([0.001, 1e9], (0, 793700525.98, 1))])
def test_mode__bin_with_most_of_them__the_first_of_several(hours: list[float], mode: tuple[float, float, int]) -> None:
    found = describe(hours)["mode"]
    assert (float(found["from"]), float(found["to"]), found["n"]) == pytest.approx(mode)


def test_median__those_that_wait_longest_left_out__would_flatter() -> None:
    assert median([1, 2, 3], []) == 2
    assert median([1, 2, 3], [50, 50]) == 3 and median([1, 2, 3], [50] * 4) is None


def test_study__gaps_parties_open_and_errors__each_where_it_belongs() -> None:
    cases = [
        case("A", arrive=0, inspect=10, eligible=12, gate_out=20),
        case("B", arrive=0, eligible=30, gate_out=40, lane="red"),
        case("C", arrive=5, eligible=6, holder="terminal"),
        case("D", arrive=9, gate_out=8),
        case("E", arrive=9, discharge=8, channel=20, manifest=20, gate_out=21, inspect=22),
    ]
    found = study(cases, at(100), ZONE, by="channel", limit_hours=24)
    way = found["clocks"]["calendar"]["way"]
    assert (way["n"], way["open"], way["mean"], way["median"], way["over_limit"]) == (3, 1, 24, 20, Decimal("0.5"))
    gaps = {(g["from"], g["to"]): g for g in found["clocks"]["calendar"]["gaps"]}
    assert gaps["arrive", "eligible"]["n"] == 2 and gaps["arrive", "eligible"]["mean"] == 15.5
    assert gaps["arrive", "eligible"]["parties"] == [{"party": "customs", "n": 2, "hours": 31.0}]
    assert gaps["arrive", "inspect"]["parties"] == [{"party": "terminal", "n": 1, "hours": 10.0}]
    assert ("arrive", "gate_out") not in gaps  # the only such pair is an error
    assert found["open"] == [{"after": "eligible", "holder": "terminal", "n": 1, "longest_hours": 94.0, "longest": "C"}]
    assert {(e["unit"], e["from"], e["to"], e["hours"]) for e in found["errors"]} == {
        ("D", "arrive", "gate_out", -1.0), ("E", "arrive", "discharge", -1.0), ("E", "manifest", "channel", 0.0),
        ("E", "inspect", "gate_out", -1.0)}
    splits = {s["of"]: s["way"] for s in found["clocks"]["calendar"]["splits"]}
    assert splits["red"]["mean"] == 40 and (splits["green"]["n"], splits["green"]["open"]) == (2, 1)
    assert sum(g["share"] for g in gaps.values()) == pytest.approx(1, abs=Decimal('0.03'))


@pytest.mark.parametrize(("by", "keys"), [
    ("weekday", ["1 monday", "2 tuesday"]), ("hour", ["00", "02"]), ("port", ["cat-hai", "lach-huyen"]), ("type", ["container"]),
    ("load", ["unknown"])])
def test_study__split__by_where_and_when_it_arrived(by: str, keys: list[str]) -> None:
    cases = [case("A", arrive=0, gate_out=5), case("B", arrive=26, gate_out=30, port="lach-huyen")]
    found = study(cases, at(100), ZONE, by=by)
    assert [s["of"] for s in found["clocks"]["calendar"]["splits"]] == keys


def test_study__by_agency__who_gave_the_permit() -> None:
    cases = [case("A", arrive=0, permit=3, gate_out=5), case("B", arrive=1, gate_out=4)]
    assert [s["of"] for s in study(cases, at(100), ZONE, by="agency")["clocks"]["calendar"]["splits"]] == ["none", "terminal"]


def test_traffic__backlog_congestion_and_peak__of_a_known_story() -> None:
    cases = [case("A", arrive=8, gate_out=30), case("B", arrive=9, gate_out=32), case("C", arrive=9.5, gate_out=57),
             case("D", arrive=33, gate_out=58), case("E", arrive=34), case("F", arrive=50, gate_out=49)]  # F is an error
    found = study(cases, at(58), ZONE)["traffic"]
    assert found["backlog"] == {
        "now": 1, "most": 3, "at": "2026-03-02T09:30:00+07:00", "mean": Decimal("2.83"), "days": [
            {"day": "2026-03-02", "arrived": 3, "left": 0, "there": 3}, {"day": "2026-03-03", "arrived": 2, "left": 2, "there": 3},
            {"day": "2026-03-04", "arrived": 0, "left": 2, "there": 1}]}
    assert found["congestion"] == {
        "days": 1, "longest": 1, "usual": 1, "crowded": {"n": 1, "open": 1, "median": 47.5}, "free": {"n": 3, "open": 0, "median": 23}}
    assert found["peak"] == {"arrive": {"weekday": "monday", "on_weekday": 3, "hour": "09", "in_hour": 3},
                             "gate_out": {"weekday": "tuesday", "on_weekday": 2, "hour": "06", "in_hour": 1}}
    assert study([], at(1), ZONE)["traffic"] == {"backlog": None, "congestion": None, "peak": None}


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40) | st.none()), min_size=1, max_size=15))
def test_traffic__any_stays__counted_hour_by_hour(stays: list[tuple[int, int | None]]) -> None:
    cases = [case(str(n), arrive=begin, **({} if took is None else {"gate_out": begin + took}))
             for n, (begin, took) in enumerate(stays)]
    found = study(cases, at(200), ZONE)["traffic"]["backlog"]
    ends = [(begin, 200 if took is None else begin + took) for begin, took in stays]
    there = [sum(begin <= hour < end for begin, end in ends) for hour in range(200)]
    first, last = min(b for b, _ in ends), max(e for _, e in ends)
    assert found["most"] == max(there) and found["now"] == sum(took is None for _, took in stays)
    assert float(found["mean"]) == pytest.approx(sum(there) / (last - first), abs=0.006)
    assert found["days"][-1]["there"] == found["now"]
    assert sum(row["arrived"] for row in found["days"]) == len(stays)


def test_study__unknown_split__refused() -> None:
    with pytest.raises(InputError, match="not split by"):
        study([], at(1), ZONE, by="colour")


@pytest.fixture(scope="module")
def journey() -> Any:
    index = JourneyIndex()
    index.post(((poster, path) for _, poster, path in story()), {})
    return index


def test_cases__of_the_journey__are_its_containers_with_their_stages(journey: Any) -> None:
    with journey.session() as session:
        year = Span(parse_span("2025-01-01", ZONE).start_ms, parse_span("2025-12-31", ZONE).end_ms)
        far = year.end_ms + int(timedelta(days=400).total_seconds() * 1000)
        cases = read_cases(session, directory(), year, far)
    containers = [c for c in cases if c.type == "container"]
    assert containers and all(c.stages["arrive"].at_ms <= c.stages["gate_out"].at_ms for c in containers if "gate_out" in c.stages)
    assert any({"arrive", "eligible", "gate_out"} <= set(c.stages) for c in cases)
    assert all(c.stages["eligible"].by.startswith("customs") for c in cases if "eligible" in c.stages)
    assert {c.channel for c in cases} == {"green", "yellow", "red"} and {c.prearrival for c in cases} == {"yes"}
    assert all("documents" in c.stages for c in cases if c.channel == "yellow" and c.label.startswith("RDLHPH2502117"))
    with journey.session() as session:  # later arrivals are no cases of an earlier period; later acts had not occurred
        assert read_cases(session, directory(), Span(0, year.start_ms - 1), far) == []
        first = min(c.stages["arrive"].at_ms for c in cases)
        assert [set(c.stages) for c in read_cases(session, directory(), year, first)] == [{"arrive"}]
    found = study(cases, far, ZONE)
    assert found["clocks"]["calendar"]["way"]["n"] > 0 and found["errors"] == []


YEAR = Span(parse_span("2025-01-01", ZONE).start_ms, parse_span("2025-12-31", ZONE).end_ms)


def goods(session: Session, reader: Reader = HOLDER) -> dict[str, tuple[str, str, str]]:
    """Regime, chapter and load by container number."""
    return {c.label.rpartition("/")[2]: (c.regime, c.chapter, c.load) for c in read_cases(session, directory(), YEAR, YEAR.end_ms * 2, reader)}


def test_cases__of_the_journey__have_regime_chapter_and_load_of_what_they_were_cleared_on(journey: Any) -> None:
    with Session(journey.engine) as session:
        told = goods(session)
        assert told["RDLU2770230"] == ("E21", "60", "full") and told["RDLU4200181"] == ("E52", "61", "full")
        assert told["RDLU2011701"] == ("E31", "several", "full")  # fabric, buttons and labels
        cases = read_cases(session, directory(), YEAR, YEAR.end_ms * 2)
    for by, keys in (("regime", ["E21", "E31", "E52", "E62"]), ("load", ["full"]), ("chapter", ["60", "61", "62", "several"])):
        splits = study(cases, YEAR.end_ms * 2, ZONE, by=by)["clocks"]["calendar"]["splits"]
        assert [s["of"] for s in splits] == keys and sum(s["cases"] for s in splits) == len(cases)


def test_cases__cleared_for_two_declarants_under_two_regimes__part_load_and_several(journey: Any) -> None:
    with Session(journey.engine) as session:
        line = session.exec(sqlmodel_select(m.UnitName).where(m.UnitName.type == "line").order_by(m.UnitName.scope)).all()
        boxes = goods(session)
        changed = False
        for name in line:
            state = session.get(m.LineState, name.unit)
            before, state.declarant = state.declarant, 3
            session.flush()
            after = goods(session)
            parts = [box for box in after if after[box][2] == "part"]
            if parts:
                changed = True
                assert all(boxes[box][2] == "full" and after[box][:2] == boxes[box][:2] for box in parts)
            state.declarant = before
            session.flush()
        assert changed
        payload = next(p for p in session.exec(sqlmodel_select(m.Payload)).all() if '"regime": "E31"' in (p.document or "") or '"regime":"E31"' in (p.document or ""))
        payload.document = payload.document.replace("E31", "E21")
        session.flush()
        assert "several" in {regime for regime, _, _ in goods(session).values()}
        session.rollback()


def test_cases__declarations_of_others__say_nothing_of_the_goods(journey: Any) -> None:
    with Session(journey.engine) as session:
        maker, carrier = (goods(session, Reader(directory().participant(who).number, everything=False, now_s=0))
                          for who in ("thanh-lam-garment", "red-delta-line"))
    assert maker["RDLU2011701"] == ("E31", "several", "full") and maker["RDLU2770230"] == ("unknown",) * 3  # of another enterprise
    assert set(carrier.values()) == {("unknown",) * 3}


def wait(hours: float, lane: str, *, still: bool = False) -> Case:
    return case(f"{lane}{hours}", lane=lane, arrive=0, **({} if still else {"gate_out": hours}))


def waits(lane: str, middle: float, n: int = 40) -> list[Case]:
    return [wait(middle + (place - n / 2) / n, lane) for place in range(n)]


END = (at(1000), at(1000))


def test_compare__fewer_hard_cases_alone__shorter_as_they_are_and_not_at_the_same_mix() -> None:
    before = waits("green", 10, 40) + waits("red", 50, 60)
    after = waits("green", 10, 60) + waits("red", 50, 40)
    told = compare(before, after, END)
    assert told["difference"]["says"] == "shorter"
    assert told["adjusted"]["says"] == "no difference beyond chance"
    assert [(row["channel"], row["weight"]) for row in told["channels"]] == [("green", Decimal("0.4")), ("red", Decimal("0.6"))]


def test_compare__every_channel_faster__shorter_by_the_hours_that_it_is() -> None:
    told = compare(waits("green", 10) + waits("red", 50), waits("green", 8) + waits("red", 45), END)
    assert told["adjusted"]["hours"] == Decimal("-3.5")
    assert told["adjusted"]["low"] <= Decimal("-3.5") <= told["adjusted"]["high"] < 0
    back = compare(waits("green", 8) + waits("red", 45), waits("green", 10) + waits("red", 50), END)
    assert (back["adjusted"]["hours"], back["adjusted"]["says"]) == (Decimal("3.5"), "longer")


def test_compare__the_same_cases_in_any_order__the_same_bytes() -> None:
    before, after = waits("green", 10) + waits("red", 30), waits("green", 9) + [wait(12, "red", still=True)] * 3 + waits("red", 29)
    told = compare(before, after, END)
    assert compare(before[::-1], after[::-1], END) == told
    assert told["adjusted"] is not None


@given(st.lists(st.integers(1, 50), min_size=5, max_size=25), st.lists(st.integers(1, 80), max_size=10))
def test_compare__open_cases__medians_are_those_of_the_study(done: list[int], still: list[int]) -> None:
    """The quick median of the draws is the one that the study tells."""
    cases = [wait(h, "green") for h in done]
    cases += [Case(f"open{n}", f"open{n}", "container", "p", "green", stages={"arrive": Passage(at(1000 - h), "x")})
              for n, h in enumerate(still)]
    (row,) = compare(cases, cases, END)["channels"]
    assert row["before"] == row["after"] == {"n": len(done), "open": len(still), "median": median(done, still)}


def test_compare__too_few_or_never_half_gone__told_and_no_difference() -> None:
    told = compare(waits("green", 10) + waits("red", 50, 4), waits("green", 10), END)
    assert told["left_out"] == ["red"]
    assert told["channels"][1]["after"] == {"n": 0, "open": 0, "median": None}
    assert told["difference"]["hours"] == 0
    none = compare(waits("red", 5, 2), waits("red", 5, 2), END)
    assert (none["difference"], none["adjusted"]) == (None, None)
    stuck = waits("green", 10, 6) + [wait(1, "green", still=True)] * 20
    assert compare(stuck, waits("green", 10), END)["difference"] is None


def test_compare__many_cases__drawn_in_parts_and_all_of_the_draws_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = waits("green", 10), waits("green", 9)
    whole = compare(before, after, END)
    monkeypatch.setattr(comparing, "_AT_ONCE", 1_000)
    parts = compare(before, after, END)
    assert (parts["difference"]["hours"], parts["difference"]["says"]) == (whole["difference"]["hours"], "shorter")
    assert abs(parts["difference"]["low"] - whole["difference"]["low"]) < Decimal("0.1")
