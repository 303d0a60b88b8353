"""Clean books give no finding; one fault sets off its rule, with the right quantity, and its companions only."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import pytest
from book_faults import FAULTS, Fault
from enterprise import PLAN, Plan, clean_book, counted, edit, plans
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ledger.errors import InputError, NotFoundError
from ledger.vocabulary import Kind, LineRole, Outcome, Step, Thing
from tracer.book import BookData, Event, Lot, Tolerances, Weighing
from tracer.check import check, examine
from tracer.finding import Finding, schema
from tracer.moment import DAY_MS, Span
from tracer.quantity import micro
from tracer.rules import RULES, rule

IDS = [f.name for f in FAULTS]
WITHOUT = {"N3", "N4", "O4", "O7", "T3", "X3", "X7", "L4", "L9", "D2", "C7", "C8", "O6", "T5", "S4", "S5"}
"""Not evaluable in the clean book: no earlier norms, peers, value of the export, year before, coordinates, machines."""
NOTHING_TO_LOOK_AT = {"N8", "X8", "P2", "P3", "P7", "W5", "D4", "D6", "D5", "B8", "B9", "C4", "C9", "D1", "D3", "D7", "D8", "D9", "L3", "O8", "O9", "S6", "T2", "T6", "U4",
                      "W2", "W3", "X5"}
"""It has no adjustments, second counts, certificates, scales at the factory; test_second_rules has them."""


def core(findings: list[Finding]) -> list[tuple[str | None, ...]]:
    return sorted((f.rule, f.subject_type, f.subject_id, f.severity, f.expected, f.observed, f.difference, f.uom)
                  for f in findings)


@given(plans)
def test_clean_enterprise__any_size__nothing_found_and_all_evaluable(plan: Plan) -> None:
    report = examine(clean_book(plan))
    assert report.findings == []
    assert {f.rule for f in report.not_evaluable} == WITHOUT, "the book says nothing of peers, other years, capacity"
    idle = {r.rule.id for r in report.results if not r.population}
    assert idle <= NOTHING_TO_LOOK_AT, "a rule looked at nothing"


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_fault__laid_into_a_clean_book__its_rule_and_companions_fire(fault: Fault) -> None:
    book, difference = fault.inject(clean_book())
    findings = check(book)
    assert {f.rule for f in findings} == {fault.rule, *fault.companions}
    mine = [f for f in findings if f.rule == fault.rule]
    assert any(f.difference == difference and fault.subject in ("", f.subject_id) for f in mine), core(mine)
    assert all(f.evidence for f in findings if f.rule not in ("B2", "N5", "U3"))


def test_companions__documented__are_those_that_faults_show() -> None:
    shown: dict[str, set[str]] = defaultdict(set)
    for fault in FAULTS:
        shown[fault.rule] |= fault.companions
    assert {r.id: set(r.companions) for r in RULES} == {r.id: shown[r.id] for r in RULES}


def test_answered_within_four_hours__ten_minutes_more__late() -> None:
    book = clean_book()
    offer = next(e for e in book.events if e.kind == Kind.OFFER)
    for minutes, found in ((179, 0), (195, 1)):
        moved = edit(book, lambda e: e.id == offer.id, lambda e, m=minutes: replace(  # type: ignore[misc]
            e, occurred=Span(e.occurred.start_ms - m * 60_000, e.occurred.end_ms - m * 60_000)))
        assert len(check(moved, [rule("C2")])) == found


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_every_finding__as_json__meets_its_schema(fault: Fault) -> None:
    validator = Draft202012Validator(schema())
    report = examine(fault.inject(clean_book())[0])
    for finding in (*report.findings, *report.not_evaluable):
        validator.validate(finding.to_json())


def test_schema__finding_without_evidence_field__is_refused() -> None:
    finding = examine(FAULTS[0].inject(clean_book())[0]).findings[0].to_json()
    del finding["evidence"]
    assert list(Draft202012Validator(schema()).iter_errors(finding))


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_report__events_arrive_in_another_order__same_bytes(fault: Fault) -> None:
    book, _ = fault.inject(clean_book())
    events, lots, lines = list(book.events), list(book.lots), list(book.lines)
    shuffle = random.Random(7)
    for rows in (events, lots, lines):
        shuffle.shuffle(rows)
    other = replace(book, events=tuple(events), lots=tuple(lots), lines=tuple(lines))
    assert json.dumps(examine(book).to_json()) == json.dumps(examine(other).to_json())


def _renamed(book: BookData) -> BookData:
    def code(name: str) -> str:
        return f"X-{name}" if name else name

    def event(e: Event) -> Event:
        return replace(e, legs=tuple(replace(x, code=code(x.code)) for x in e.legs),
                       loss=tuple(replace(x, code=code(x.code)) for x in e.loss))

    return replace(
        book, events=tuple(event(e) for e in book.events), lots=tuple(replace(x, code=code(x.code)) for x in book.lots),
        lines=tuple(replace(x, code=code(x.code)) for x in book.lines),
        norms=tuple(replace(n, product=code(n.product), material=code(n.material)) for n in book.norms),
        counts=tuple(replace(c, code=code(c.code)) for c in book.counts),
        previous=tuple(replace(c, code=code(c.code)) for c in book.previous or ()),
        conversions=tuple(replace(c, code=code(c.code)) for c in book.conversions),
        claims={code(k): v for k, v in book.claims.items()} if book.claims is not None else None)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_findings__codes_renamed__same_but_for_the_names(fault: Fault) -> None:
    book, _ = fault.inject(clean_book())
    back = [replace(f, subject_id=f.subject_id.removeprefix("X-")) for f in check(_renamed(book))]
    assert core(back) == core(check(book))


def _scaled(book: BookData, k: int) -> BookData:
    def event(e: Event) -> Event:
        return replace(e, legs=tuple(replace(x, quantity_micro=x.quantity_micro * k) for x in e.legs),
                       loss=tuple(replace(x, quantity_micro=x.quantity_micro * k) for x in e.loss),
                       weighing=e.weighing and Weighing(e.weighing.gross_micro * k, (e.weighing.tare_micro or 0) * k))

    floors = {u: f * k for u, f in book.tolerances.abs_floor_micro.items()}
    return replace(
        book, events=tuple(event(e) for e in book.events),
        lines=tuple(replace(x, quantity_micro=x.quantity_micro * k,
                            value=x.value * k if x.value is not None else None) for x in book.lines),
        counts=tuple(replace(c, quantity_micro=c.quantity_micro * k) for c in book.counts),
        previous=tuple(replace(c, quantity_micro=c.quantity_micro * k) for c in book.previous or ()),
        claims={m: v * k for m, v in book.claims.items()} if book.claims is not None else None,
        tolerances=Tolerances(floors, book.tolerances.rel, book.tolerances.k))


@given(st.sampled_from(FAULTS), st.integers(2, 50))
def test_findings__everything_scaled__differences_scale_too(fault: Fault, k: int) -> None:
    book, _ = fault.inject(clean_book())
    plain = [(f.rule, f.subject_id, f.severity, micro(f.difference or "0") *
              (1 if f.uom in ("HUR", "DAY", "MIN") or (f.uom == "C62" and f.rule in ("C1", "S1", "S2", "L2")) or
               fault.name == "taken-unasked" else k)) for f in check(book)]
    most = {"C9": {"payload": str(36_000 * k)}}
    scaled = [(f.rule, f.subject_id, f.severity, micro(f.difference or "0")) for f in check(_scaled(book, k), params=most)]
    assert sorted(scaled) == sorted(plain)


def _moved(book: BookData, days: int) -> BookData:
    def span(s: Span | None) -> Span | None:
        return Span(s.start_ms + days * DAY_MS, s.end_ms + days * DAY_MS) if s else None

    return replace(
        book, period=span(book.period), as_of_ms=book.as_of_ms + days * DAY_MS,
        events=tuple(replace(e, occurred=span(e.occurred), recorded_ms=e.recorded_ms + days * DAY_MS)
                     for e in book.events),
        lines=tuple(replace(
            x, registered=span(x.registered), cleared=span(x.cleared), cancelled=span(x.cancelled),
            cancelled_recorded_ms=x.cancelled_recorded_ms + days * DAY_MS) for x in book.lines),
        norms=tuple(replace(n, valid_from=span(n.valid_from), valid_to=span(n.valid_to)) for n in book.norms),
        counts=tuple(replace(c, at=span(c.at)) for c in book.counts),
        previous=tuple(replace(c, at=span(c.at)) for c in book.previous or ()))


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.rule != "T4"], ids=[f.name for f in FAULTS if f.rule != "T4"])
def test_findings__all_dates_a_week_earlier__same(fault: Fault) -> None:
    book, _ = fault.inject(clean_book())
    assert core(check(_moved(book, -7))) == core(check(book))


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_findings__an_unrelated_enterprise_beside__same(fault: Fault) -> None:
    book, _ = fault.inject(clean_book())
    other = _renamed(clean_book(Plan(materials=((300, False),), runs=(700,), exported_share=50, opening=False)))
    names = {x.id: f"other/{x.id}" for x in other.lots} | {x.key: f"other/{x.key}" for x in other.lines} | \
        {leg.unit: f"other/{leg.unit}" for e in other.events for leg in e.legs}
    other = edit(other, lambda e: e.weighing is not None, lambda e: replace(e, weighing=Weighing(25_000_000_000, 0)))
    events = tuple(replace(
        e, id=f"other-{e.id}", reference=f"other-{e.reference}" if e.reference else "",
        legs=tuple(replace(x, unit=names[x.unit]) for x in e.legs), seals=tuple(f"other-{s}" for s in e.seals),
        line=names.get(e.line, e.line)) for e in other.events)
    both = replace(
        book, events=(*book.events, *events), norms=(*book.norms, *other.norms), counts=(*book.counts, *other.counts),
        previous=(*(book.previous or ()), *(other.previous or ())),
        lots=(*book.lots, *(replace(x, id=names[x.id], source_line=names.get(x.source_line, "")) for x in other.lots)),
        lines=(*book.lines, *(replace(x, key=names[x.key], cleared_by=f"other-{x.cleared_by}",
                                     original=names.get(x.original, "")) for x in other.lines)),
        conversions=(*book.conversions, *other.conversions))
    assert core(check(both)) == core(check(book))


def _halved_and_joined(book: BookData) -> BookData:
    """Every received lot is split in two and put together again at once."""
    extra: list[Event] = []
    lots: list[Lot] = []
    for event in book.events:
        if event.kind not in (Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC) or not event.recorded:
            continue
        leg = next(x for x in event.legs if x.thing == Thing.LOT)
        half = replace(leg, unit=f"{leg.unit}-half", quantity_micro=leg.quantity_micro // 2)
        lots.append(replace(next(x for x in book.lots if x.id == leg.unit), id=half.unit))
        parent = replace(leg, role=LineRole.INPUT, quantity_micro=0)
        split = replace(event, id=f"{event.id}-split", seq=event.seq + 3, kind=Kind.SPLIT, legs=(parent, half), line="")
        merge = replace(event, id=f"{event.id}-merge", seq=event.seq + 4, kind=Kind.MERGE, line="", legs=(
            replace(half, role=LineRole.INPUT, quantity_micro=0),
            replace(leg, role=LineRole.OUTPUT, quantity_micro=0)))
        extra += [split, merge]
    return replace(book, events=(*book.events, *extra), lots=(*book.lots, *lots))


def test_clean_book__every_lot_split_and_merged__still_clean_with_the_same_forms() -> None:
    from tracer.settlement import settle
    book = clean_book()
    other = _halved_and_joined(book)
    assert check(other) == []
    assert settle(other).to_json() == settle(book).to_json()


@pytest.mark.parametrize("name", ["issued-twice-refused", "phantom-export-refused", "gate-out-under-hold"])
def test_refused_attempt__withdrawn_by_its_poster__stays_visible_as_info(name: str) -> None:
    fault = next(f for f in FAULTS if f.name == name)
    book, _ = fault.inject(clean_book())
    assert {f.severity for f in check(book)} == {"critical"}
    book = edit(book, lambda e: not e.recorded, lambda e: replace(e, withdrawn_by="correct-1"))
    assert {f.rule for f in check(book)} == {fault.rule, *fault.companions}
    assert {f.severity for f in check(book)} == {"info"}


@pytest.mark.parametrize(("name", "severity", "then", "now"), [
    ("gate-out-recorded-under-hold", "critical", "held by customs", "held by customs"),
    ("hold-recorded-late", "high", "in order", "held by customs"),
])
def test_gate_out__held__both_views_are_shown(name: str, severity: str, then: str, now: str) -> None:
    finding, = check(next(f for f in FAULTS if f.name == name).inject(clean_book())[0])
    assert finding.severity == severity
    assert f"as known when it was recorded: {then}" in finding.explanation
    assert f"With what is known now: {now}" in finding.explanation


def test_gate_out__line_cancelled_only_afterwards__is_in_order() -> None:
    book, _ = next(f for f in FAULTS if f.name == "line-cancelled-before-gate-out").inject(clean_book())
    gate = next(e for e in book.events if e.kind == Kind.GATE_OUT)
    later = Span(gate.occurred.end_ms + DAY_MS, gate.occurred.end_ms + DAY_MS)
    book = replace(book, lines=tuple(
        replace(x, cancelled=later, cancelled_recorded_ms=later.end_ms) if x.cancelled else x for x in book.lines))
    assert check(book) == []


def test_export_line__of_another_book_of_the_owner__is_looked_at_there() -> None:
    book, _ = next(f for f in FAULTS if f.name == "cleared-never-left").inject(clean_book())
    other = replace(book, lines=tuple(replace(x, book="second") for x in book.lines))
    assert check(other, [rule("X4")]) == []


def test_refused_gate_out__withdrawn_but_seen_leaving__stays_critical() -> None:
    book, _ = next(f for f in FAULTS if f.name == "gate-out-under-hold").inject(clean_book())
    attempt = next(e for e in book.events if e.outcome == Outcome.HELD)
    seen = replace(attempt, id="seen", kind=Kind.OBSERVE, step=Step.LEFT, outcome=Outcome.RECORDED, seals=())
    book = edit(book, lambda e: e.id == attempt.id, lambda e: replace(e, withdrawn_by="correct-1"))
    book = replace(book, events=(*book.events, seen))
    assert [(f.rule, f.severity) for f in check(book, [rule("C1")])] == [("C1", "critical")]


def test_not_evaluable__no_count_of_a_code__is_said_and_never_a_pass() -> None:
    book = clean_book()
    book = replace(book, counts=tuple(c for c in book.counts if c.code != "M0"))
    report = examine(book, [rule("B2")])
    assert report.findings == []
    assert [f.missing for f in report.not_evaluable] == [("count of material stock of M0",)]
    result = report.results[0]
    assert result.population == result.tested + result.not_evaluable


def test_not_evaluable__no_norm_for_a_product__n1_names_it() -> None:
    report = examine(replace(clean_book(), norms=()), [rule("N1")])
    assert report.findings == []
    assert {m for f in report.not_evaluable for m in f.missing} == {"norm of P in force when it was made"}


def test_not_evaluable__weight_of_product_unknown__b5_names_it() -> None:
    report = examine(replace(clean_book(), conversions=()), [rule("B5")])
    assert report.findings == []
    assert {m for f in report.not_evaluable for m in f.missing} == {"weight in KGM of one C62 of P"}


def test_not_evaluable__norm_in_a_unit_without_factor__is_never_one_to_one() -> None:
    book = clean_book()
    book = replace(book, norms=tuple(replace(n, material_uom="MTR") for n in book.norms))
    report = examine(book, [rule("N1"), rule("N6")])
    assert report.findings == [] and report.not_evaluable


def test_running_clock__export_cleared_ten_days_before_the_run__is_pending() -> None:
    book, _ = next(f for f in FAULTS if f.name == "cleared-never-left").inject(clean_book())
    cleared = next(x for x in book.lines if x.key == "EX/1").cleared
    assert cleared is not None
    early = replace(book, as_of_ms=cleared.end_ms + 10 * DAY_MS)
    assert check(early, [rule("X4")]) == []
    assert check(early, [rule("X4")], {"X4": {"days": "9"}}) != []


def test_parameters__unknown_name__is_refused_and_known_one_changes_the_hash() -> None:
    with pytest.raises(InputError):
        check(clean_book(), [rule("N1")], {"N1": {"wran": "0.1"}})
    default, other = (examine(clean_book(), [rule("N1")], p).params_hash for p in (None, {"N1": {"warn": "0.1"}}))
    assert default != other


def test_rule__unknown_id__names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="B1"):
        rule("Q7")


def test_citation__depends_on_the_period() -> None:
    b2 = rule("B2")
    assert "128/2020" in b2.legal_ref("2026-06-30") and "169/2026" not in b2.legal_ref("2026-06-30")
    assert "169/2026" in b2.legal_ref("2026-07-01")


@pytest.mark.parametrize("jurisdiction", ["EU", "UK", "US"])
def test_citation__of_a_book_of_elsewhere__is_a_principle_and_no_foreign_decree(jurisdiction: str) -> None:
    book = replace(clean_book(), counts=tuple(replace(c, quantity_micro=c.quantity_micro // 2) for c in clean_book().counts))
    here, there = check(book), check(replace(book, jurisdiction=jurisdiction))
    assert {f.rule for f in there} & {"B2"}
    assert all(f.legal_ref.startswith(("Law", "Decree", "Circular", "Decision")) for f in here)
    for finding in there:
        assert finding.legal_ref.startswith(f"Principle: {rule(finding.rule).title} (no law of the {jurisdiction} is cited, after: ")
        assert finding.legal_ref.endswith(", of Vietnam)") and ";" not in finding.legal_ref


def test_time_set_by_law__of_a_book_of_elsewhere__is_not_judged_by_another_country_s() -> None:
    late = replace(clean_book(), filed=Span(clean_book().period.end_ms + 200 * 86_400_000, clean_book().period.end_ms + 200 * 86_400_000))
    late = replace(late, as_of_ms=late.period.end_ms + 300 * 86_400_000)
    assert [f.subject_type for f in check(late, [rule("T1")])] == ["book"]
    abroad = examine(replace(late, jurisdiction="EU"), [rule("T1")])
    assert abroad.findings == [] and [f.missing for f in abroad.not_evaluable] == [("times that the law of the EU sets",)]


def test_custody_without_a_book__only_custody_rules_run() -> None:
    book = replace(clean_book(), id="", lots=(), lines=(), norms=(), counts=())
    custody = tuple(e for e in book.events if any(x.thing == Thing.CONTAINER for x in e.legs)
                    and e.kind != Kind.RECEIVE_FACTORY)
    report = examine(replace(book, events=custody))
    assert [r.rule.id for r in report.results] == [
        "O9", "C1", "C2", "C3", "C5", "C6", "C7", "C8", "C9", "S1", "S2", "S3", "S4", "S5", "S6", "W1", "W3", "W4", "W5", "T1",
        "T3", "T4", "T5", "T6", "L6"]
    assert report.findings == []


def test_plan__default__is_one_that_exercises_every_rule() -> None:
    assert counted(clean_book(PLAN)).counts == clean_book(PLAN).counts
    assert Fraction(PLAN.exported_share, 100) < 1
