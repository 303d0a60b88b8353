"""What the rules of the second half do where the injected faults do not reach: inputs missing, edges, both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from enterprise import NO_FLOOR, OFFSET, OWNER, PERIOD, Pen, added, after, clean_book, edit, first, q

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Origin, Outcome, Step, Thing
from tracer.book import BookData, Conversion, Count, Event, Leg, Lot, Outage, Place, Weighing
from tracer.check import examine
from tracer.finding import Finding
from tracer.moment import DAY_MS, HOUR_MS, Span, parse_span, point
from tracer.rules import RULE_PACK, RULES, pack_of, rule
from tracer.rules.clock import STORES


def found(book: BookData, rule_id: str, **params: str) -> list[Finding]:
    return examine(book, [rule(rule_id)], {rule_id: params} if params else None).findings


def missing(book: BookData, rule_id: str) -> set[str]:
    return {m for f in examine(book, [rule(rule_id)]).not_evaluable for m in f.missing}


def custody(*events: Event, **fields: Any) -> BookData:
    return BookData("", "", PERIOD, PERIOD.end_ms, events=events, customs=frozenset({"customs"}), **fields)


BOX = Leg("BL/1", Thing.CONTAINER, LineRole.CONTAINER)


def test_pack__a_default_or_citation_changes__is_another_pack() -> None:
    n1 = rule("N1")
    other = replace(n1, params=(replace(n1.params[0], default="0.06"), *n1.params[1:]))
    later = replace(n1, law=n1.law[1:])
    assert len({pack_of([r]) for r in (n1, other, later)}) == 3
    assert pack_of(RULES) == RULE_PACK == examine(clean_book()).to_json()["rule_pack"]


# -- B2 and B3: stock-takes ----------------------------------------------------------------------------------------


def _by_lot(book: BookData, *lots: str, less: int = 0) -> BookData:
    """The material count of M0 is replaced by counts of these lots, which find what there is, less something."""
    from tracer.balance import stock_by_lot
    from tracer.replay import replay

    stock = stock_by_lot(book, replay(book).deltas, PERIOD.end_ms)
    rest = tuple(c for c in book.counts if (c.stock, c.code) != ("material", "M0"))
    at = parse_span("2026-12-31", OFFSET)
    return replace(book, counts=(*rest, *(
        Count(at, "material", "M0", stock.get(("material", lot), 0) - less, "KGM", lot=lot) for lot in lots)))


def test_b2__one_lot_of_several_counted__is_held_against_that_lot_alone() -> None:
    book = clean_book()
    extra = Lot("M0-X", "M0", "KGM", Origin.IMPORTED, "IM-M0/1", "book")
    receipt = next(e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.legs[0].unit == "M0-1")
    more = replace(receipt, id="receive-x", seq=receipt.seq + 1,
                   legs=(replace(receipt.legs[0], unit="M0-X", quantity_micro=q(30)),))
    book = added(replace(book, lots=(*book.lots, extra)), more)
    one = _by_lot(book, "M0-1")
    assert found(one, "B2") == []
    assert missing(one, "B2") == {"count of material stock of lot M0-X"}
    assert found(_by_lot(book, "M0-1", "M0-X"), "B2") == [] and not missing(_by_lot(book, "M0-1", "M0-X"), "B2")
    short, = found(_by_lot(book, "M0-1", less=q(5)), "B2")
    assert short.difference == "-5" and "M0-1" in short.explanation


def test_b2__count_in_another_unit__by_its_factor_or_not_at_all() -> None:
    book = clean_book()
    counts = tuple(replace(c, quantity_micro=c.quantity_micro // 1000, uom="TNE")
                   if (c.stock, c.code) == ("material", "M0") else c for c in book.counts)
    tonnes = replace(book, counts=counts)
    assert missing(tonnes, "B2") == {"factor for M0 from TNE to KGM"}
    factor = Conversion("M0", "TNE", "KGM", Fraction(1000), "definition")
    known = replace(tonnes, conversions=(*book.conversions, factor))
    assert found(known, "B2") == [] and missing(known, "B2") == set()


@pytest.mark.parametrize(("previous", "difference"), [
    (lambda old: (), "240"),  # the book opens with 240 and the last period had nothing
    (lambda old: tuple(replace(c, quantity_micro=c.quantity_micro - q(40)) for c in old), "40"),
    (lambda old: (*old, replace(old[0], code="OLD", quantity_micro=q(9))), "-9"),
])
def test_b3__closing_and_opening_differ__names_the_code(
        previous: Callable[[tuple[Count, ...]], tuple[Count, ...]], difference: str) -> None:
    book = clean_book()
    material = tuple(c for c in book.previous or () if c.stock == "material" and c.code == "M0")
    findings = found(replace(book, previous=previous(material)), "B3")
    assert difference in {f.difference for f in findings}


def test_b3__renamed_code__is_followed_and_no_closing_at_all_is_not_evaluable() -> None:
    book = clean_book()
    old = tuple(replace(c, code=f"OLD-{c.code}") for c in book.previous or ())
    assert found(replace(book, previous=old), "B3") != []
    codes = {f"OLD-{c.code}": c.code for c in book.previous or ()}
    assert found(replace(book, previous=old, codes=codes), "B3") == []
    assert missing(replace(book, previous=None), "B3") == {"closing stock of the period before (previous.csv)"}


def test_b3__a_count_on_the_eve__stands_for_the_closing() -> None:
    book = clean_book()
    eve = tuple(replace(c, event="eve") for c in book.previous or ())
    assert found(replace(book, previous=None, counts=(*book.counts, *eve)), "B3") == []
    wrong = tuple(replace(c, quantity_micro=c.quantity_micro + q(3)) if c.code == "M0" else c for c in eve)
    assert {f.difference for f in found(replace(book, previous=None, counts=(*book.counts, *wrong)), "B3")} == {"-3"}


def test_b6__unexplained__has_duty_by_least_most_and_policy() -> None:
    book = clean_book()
    short = replace(book, allocation="FIFO", counts=tuple(
        replace(c, quantity_micro=c.quantity_micro - q(50)) if (c.stock, c.code) == ("material", "M0") else c
        for c in book.counts))
    finding, = found(short, "B6")
    assert finding.difference == "-50"
    assert "between 18 VND and 18 VND, by FIFO" in finding.explanation  # 50 kg at 3 a kilogram and 12 %
    assert finding.duty_at_risk == "18"  # stock whose duty nobody knows is left out
    assert missing(replace(book, norms=()), "B6") == {"norm of P in force when it was made"}


# -- N5 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spoil", "subject", "words"), [
    (lambda n: replace(n, norm=Fraction(0)), "P", "not above zero"),
    (lambda n: replace(n, material="GHOST"), "GHOST", "never came in"),
    (lambda n: replace(n, material_uom="MTR"), "M0", "no factor"),
    (lambda n: replace(n, flag="KXDDM"), "M0", "KXDDM"),
    (lambda n: replace(n, flag="Y"), "P", "unknown flag"),
])
def test_n5__a_row_of_the_wrong_shape__is_named(spoil: Callable[[Any], Any], subject: str, words: str) -> None:
    book = clean_book()
    rows = tuple(spoil(n) if n.material == "M0" else n for n in book.norms)
    assert any(f.subject_id == subject and words in f.explanation for f in found(replace(book, norms=rows), "N5"))


def test_n5__same_material_twice_and_exported_without_norm__are_found() -> None:
    book = clean_book()
    twice, = found(replace(book, norms=(*book.norms, book.norms[0])), "N5")
    assert "2 times" in twice.explanation
    other = replace(book, norms=tuple(replace(n, product="OTHER") for n in book.norms))
    assert {f.subject_id for f in found(other, "N5")} == {"P", "OTHER"}


def test_n5__many_codes_of_one_name__is_a_note() -> None:
    book = clean_book()
    line = next(x for x in book.lines if x.purpose == LineRole.RECEIVE)
    lines = tuple(replace(line, key=f"IM-Z/{i}", code=f"Z{i}", description="cotton cloth") for i in range(10))
    note, = found(replace(book, lines=(*book.lines, *lines)), "N5")
    assert note.severity == "info" and "5407" in note.explanation
    assert found(replace(book, lines=(*book.lines, *lines[1:])), "N5") == []


# -- custody ------------------------------------------------------------------------------------------------------


def _event(kind: Kind, hour: float, actor: str, seq: int, *legs: Leg, **fields: Any) -> Event:
    at = PERIOD.start_ms + round(hour * 3_600_000)
    return Event(f"{kind.name.lower()}-{seq}", seq, kind, point(at), fields.pop("recorded_ms", at + 60_000), actor,
                 legs or (BOX,), **fields)


def test_c3__second_acceptance_of_one_offer__overlaps_until_the_first_lets_go() -> None:
    story = [_event(Kind.ARRIVE, 1, "carrier", 1), _event(Kind.OFFER, 2, "carrier", 2, counterparty="a"),
             _event(Kind.ACCEPT, 3, "a", 3, reference="offer-2"),
             _event(Kind.ACCEPT, 5, "b", 4, reference="offer-2"),
             _event(Kind.GATE_OUT, 9, "a", 5)]
    finding, = found(custody(*story), "C3")
    assert (finding.observed, finding.severity) == ("4", "critical")
    assert found(custody(*story[:3], story[4]), "C3") == []


def test_c3__act_of_a_holder_refused_to_another__is_a_claim() -> None:
    arrive = _event(Kind.ARRIVE, 1, "carrier", 1)
    claim = _event(Kind.OFFER, 2, "thief", 2, outcome=Outcome.NOT_CUSTODIAN)
    finding, = found(custody(arrive, claim), "C3")
    assert (finding.severity, [e.outcome for e in finding.evidence]) == ("high", ["RECORDED", "NOT_CUSTODIAN"])


@pytest.mark.parametrize(("place", "minutes", "late"), [
    ("yard", 31, False), ("yard", 33, True), ("air-shed", 61, False), ("air-shed", 63, True)])
def test_c5__limit_of_the_place__and_two_minutes_of_clocks(place: str, minutes: int, late: bool) -> None:
    gate = _event(Kind.GATE_OUT, 1, "yard", 1, place=place)
    gate = replace(gate, recorded_ms=gate.occurred.end_ms + minutes * 60_000)
    book = custody(gate, places=(Place("air-shed", kind="air"),))
    assert bool(found(book, "C5")) == late
    result, = examine(book, [rule("C5")]).results
    assert result.metrics["lag_minutes_p99:yard"] == str(minutes)


def test_c5__inside_a_declared_outage__the_time_runs_from_its_end() -> None:
    gate = _event(Kind.GATE_OUT, 1, "yard", 1)
    gate = replace(gate, recorded_ms=gate.occurred.end_ms + 5 * 3_600_000)
    outage = Outage("yard", Span(gate.occurred.start_ms - 1000, gate.recorded_ms - 20 * 60_000))
    assert found(custody(gate), "C5") and not found(custody(gate, outages=(outage,)), "C5")
    other = replace(outage, who="elsewhere")
    assert found(custody(gate, outages=(other,)), "C5")


@pytest.mark.parametrize(("actor", "reason", "customs_seal", "inspected", "severity"), [
    ("yard", "", False, False, "high"), ("yard", "opened", False, False, "low"),
    ("yard", "opened", True, False, "critical"), ("customs", "", True, False, None),
    ("yard", "", True, True, None)])
def test_s2__break_under_supervision__needs_a_right(
        actor: str, reason: str, customs_seal: bool, inspected: bool, severity: str | None) -> None:
    events = [_event(Kind.ARRIVE, 1, "carrier", 1, seals=("S",), customs_seals=("S",) if customs_seal else ()),
              _event(Kind.OBSERVE, 3, actor, 3, step=Step.SEAL_BREAK, seals=("S",), reason=reason)]
    if inspected:
        events.append(_event(Kind.OBSERVE, 4, "customs", 4, step=Step.INSPECT))
    assert [f.severity for f in found(custody(*events), "S2")] == ([severity] if severity else [])


def test_s2__after_the_gate_out__only_a_customs_seal_without_a_reason() -> None:
    for reason, seal, fires in (("", (), False), ("unloading", ("S",), False), ("", ("S",), True)):
        events = [_event(Kind.ARRIVE, 1, "carrier", 1, seals=("S",), customs_seals=seal),
                  _event(Kind.GATE_OUT, 2, "yard", 2, seals=("S",)),
                  _event(Kind.OBSERVE, 3, "owner", 3, step=Step.SEAL_BREAK, seals=("S",), reason=reason)]
        assert bool(found(custody(*events), "S2")) == fires


def _weighed(hour: float, seq: int, net: str, **fields: Any) -> Event:
    return _event(Kind.OBSERVE, hour, f"scale-{seq}", seq, step=Step.WEIGH,
                  weighing=Weighing(q(net) + q(3900), q(3900)), **fields)


@pytest.mark.parametrize(("second", "fires"), [("19920", False), ("19919", True), ("20080", False), ("20081", True)])
def test_w1__two_weighbridges__eighty_kilograms(second: str, fires: bool) -> None:
    book = custody(_weighed(1, 1, "20000"), _weighed(2, 2, second))
    findings = found(book, "W1")
    assert bool(findings) == fires
    assert not fires or findings[0].tolerance == {"value": "80", "term": "uncertainty"}


def test_w1__no_tare_or_other_content__is_not_compared() -> None:
    bare = replace(_weighed(2, 2, "20000"), weighing=Weighing(q(23_900)))
    assert missing(custody(_weighed(1, 1, "20000"), bare), "W1") == {"tare of the weighing at scale-2"}
    strip = _event(Kind.STRIP, 1.5, "cfs", 5)
    assert found(custody(_weighed(1, 1, "20000"), strip, _weighed(2, 2, "100")), "W1") == []


def test_w1__small_losses_along_one_lane__add_up() -> None:
    def lane(losses: int) -> BookData:
        events = []
        for i in range(losses):
            box = replace(BOX, unit=f"BL/{i}")
            events += [replace(_weighed(3 * i, 2 * i + 1, "20000"), legs=(box,), actor="a"),
                       replace(_weighed(3 * i + 1, 2 * i + 2, "19940"), legs=(box,), actor="b")]
        return custody(*events)

    assert found(lane(4), "W1") == []
    finding, = found(lane(8), "W1")
    assert finding.severity == "medium" and Fraction(finding.difference or 0) <= -300


# -- clocks -------------------------------------------------------------------------------------------------------


def _stored(kind: str, days: int, *, left: bool = True, **fields: Any) -> BookData:
    """A box stays in a store, and is handed to another one of the kind half-way: the clock does not start anew."""
    places = (Place("quay", kind="port"), Place("one", kind=kind), Place("two", kind=kind))
    events = [_event(Kind.ARRIVE, 0, "carrier", 1, place="quay"), _event(Kind.ACCEPT, 24, "w1", 2, place="one"),
              _event(Kind.ACCEPT, 24 + days * 12, "w2", 3, place="two")]
    if left:
        events.append(_event(Kind.GATE_OUT, 24 + days * 24, "w2", 4, place="two"))
    return custody(*events, places=places, **fields)


@pytest.mark.parametrize(("kind", "days", "severity"), [
    ("cfs", 90, None), ("cfs", 92, "medium"), ("cfs", 182, "high"), ("bonded", 364, None), ("yard", 88, None)])
def test_t1__stay_in_a_store__moved_within_the_kind_goes_on(kind: str, days: int, severity: str | None) -> None:
    assert [f.severity for f in found(_stored(kind, days), "T1")] == ([severity] if severity else [])


def test_t1__still_running__is_pending_and_named_when_near() -> None:
    book = _stored("cfs", 80, left=False)
    start = PERIOD.start_ms + DAY_MS
    for day, named in ((60, set()), (70, {"beyond_75_percent"}),
                       (85, {"beyond_75_percent", "beyond_90_percent"})):
        report = examine(replace(book, as_of_ms=start + day * DAY_MS), [rule("T1")])
        assert report.findings == [] and set(report.results[0].metrics) == named
    assert found(replace(book, as_of_ms=start + 90 * DAY_MS + HOUR_MS), "T1") == []  # its last day
    assert found(replace(book, as_of_ms=start + 91 * DAY_MS + HOUR_MS), "T1") != []


def test_t1__kind_of_place_not_known__is_not_evaluable_once_it_would_matter() -> None:
    book = replace(_stored("cfs", 200), places=None)
    assert found(book, "T1") == [] and missing(book, "T1") == {"kind of the place two (places)"}
    assert missing(replace(_stored("cfs", 80), places=None), "T1") == set()


def test_t1__twelve_months__are_calendar_months() -> None:
    leap = parse_span("2028-02-29T12:00:00", OFFSET).start_ms
    assert STORES["bonded"].due(leap, OFFSET) == parse_span("2029-02-28", OFFSET).end_ms


def test_t1__settlement__filed_in_time_late_or_not_known() -> None:
    book = clean_book()
    late = replace(book, as_of_ms=PERIOD.end_ms + 120 * DAY_MS)
    assert missing(late, "T1") == {"date on which the settlement report was filed"}
    assert found(replace(late, filed=point(PERIOD.end_ms + 89 * DAY_MS)), "T1") == []
    finding, = found(replace(late, filed=point(PERIOD.end_ms + 100 * DAY_MS)), "T1")
    assert (finding.subject_type, finding.difference, finding.uom) == ("book", "10", "DAY")


def test_t1__split_keeps_the_clock_and_merge_takes_the_earliest() -> None:
    pen = Pen()
    for name in ("A", "B", "C", "D"):
        pen.lot(name, "M", "KGM", Origin.IMPORTED)
    a, b = (pen.leg(x, q(10), LineRole.OUTPUT, Balance.RAW) for x in ("A", "B"))
    at = PERIOD.start_ms
    events = (
        Event("r-a", 1, Kind.RECEIVE_FACTORY, point(at), at, OWNER, (a,), place="store"),
        Event("r-b", 2, Kind.RECEIVE_FACTORY, point(at + 60 * DAY_MS), at, OWNER, (b,), place="store"),
        Event("split", 3, Kind.SPLIT, point(at + 61 * DAY_MS), at, OWNER,
              (replace(a, role=LineRole.INPUT), pen.leg("C", q(4)))),
        Event("merge", 4, Kind.MERGE, point(at + 62 * DAY_MS), at, OWNER,
              (replace(b, role=LineRole.INPUT), pen.leg("C", 0, LineRole.INPUT), pen.leg("D", 0, LineRole.OUTPUT))))
    book = BookData("book", OWNER, PERIOD, at + 95 * DAY_MS, lots=tuple(pen.lots.values()), events=events,
                    places=(Place("store", kind="cfs"),))
    assert {f.subject_id for f in found(book, "T1")} >= {"A", "D"}


@pytest.mark.parametrize(("after_days", "kind", "outcome"), [
    (-2, "yard", "clean"), (29, "yard", "clean"), (31, "yard", "late"), (31, "", "unknown"), (31, "cfs", "stored"), (29, "", "clean"),
])
def test_t1__declared_after_arrival__within_thirty_days_or_out_of_a_store(after_days: int, kind: str, outcome: str) -> None:
    pen = Pen()
    pen.arrive("BL/BOX", "S1")
    arrival = first(BookData("book", OWNER, PERIOD, PERIOD.end_ms, events=tuple(pen.events)), Kind.ARRIVE)
    pen.now_ms += 40 * DAY_MS
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(10), "KGM")
    pen.receive("L", line, q(10), "BL/BOX")
    registered = point(arrival.occurred.start_ms + after_days * DAY_MS + 1)
    book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()), events=tuple(pen.events),
                    lines=(replace(pen.lines[line], registered=registered),),
                    places=tuple(Place(name, kind=kind) for name in ("port", "terminal", "yard") if kind))
    lodged = [f for f in found(book, "T1") if f.subject_id == "IM/1"]
    assert [(f.severity, f.difference) for f in lodged] == ([("high", "1")] if outcome == "late" else [])
    assert ("kinds of the places where its goods stood (places)" in missing(book, "T1")) == (outcome == "unknown")
    undated = replace(book, lines=(replace(book.lines[0], registered=None),))
    assert "date on which it was registered" in missing(undated, "T1")
    cancelled = replace(book, lines=(replace(book.lines[0], cancelled=point(PERIOD.end_ms)),))
    assert not [f for f in found(cancelled, "T1") if f.subject_id == "IM/1"]


def test_t1__temporary_import__until_all_of_it_left() -> None:
    pen = Pen()
    line = pen.declare("TI/1", LineRole.RECEIVE, "M", q(10), "KGM", regime="G11")
    back = pen.declare("RE/1", LineRole.RE_EXPORT, "M", q(10), "KGM", original="TI/1")
    pen.receive("L", line, q(10))
    cleared = pen.lines["TI/1"].cleared
    assert cleared is not None

    def book(days: int) -> BookData:
        out = Event("exit", 999, Kind.EXIT_CONFIRM, point(cleared.start_ms + days * DAY_MS), 0, "customs",
                    (pen.leg("L", q(10)),), line=back)
        return BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                        lines=tuple(pen.lines.values()), events=(*pen.events, out))

    assert [[f.severity for f in found(book(d), "T1")] for d in (60, 65, 130)] == [[], ["medium"], ["high"]]


# -- lineage, units, origin, outcome ------------------------------------------------------------------------------


def test_l2__whole_unit_in_two_transformations__and_parts_of_one_lot() -> None:
    for uom, quantity, fires in (("C62", MICRO, True), ("KGM", MICRO, False), ("C62", 4 * MICRO, False)):
        pen = Pen()
        pen.lot("ENGINE", "E", uom, Origin.IMPORTED)
        pen.write(Kind.OPENING, pen.leg("ENGINE", quantity, LineRole.IMPORTED, Balance.RAW))
        for _ in range(2):
            pen.write(Kind.TRANSFORM, pen.leg("ENGINE", quantity // 2, LineRole.INPUT))
        book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()), events=tuple(pen.events))
        assert bool(found(book, "L2")) == fires


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_b2__a_stock_counted_again_for_the_same_moment__the_later_statement_counts(ids: tuple[str, str]) -> None:
    book = clean_book()
    (true,) = (c for c in book.counts if (c.stock, c.code) == ("material", "M0"))
    others = tuple(c for c in book.counts if c is not true)
    wrong = replace(true, quantity_micro=true.quantity_micro - q(40), event=ids[0])
    assert found(replace(book, counts=(*others, wrong, replace(true, event=ids[1]))), "B2") == []
    (finding,) = found(replace(book, counts=(*others, replace(true, event=ids[1]), wrong)), "B2")
    assert finding.difference == "-40"


def test_l2__one_lot_counted_in_two_places__beyond_what_it_held() -> None:
    book = clean_book()
    at = parse_span("2026-12-31", OFFSET)
    counts = tuple(Count(at, "material", "M0", q(2000), "KGM", lot="M0-1", place=p) for p in ("a", "b"))
    finding, = found(replace(book, counts=(*book.counts, *counts)), "L2")
    assert finding.subject_id == "M0-1" and finding.observed == "4000"
    assert found(replace(book, counts=(*book.counts, counts[0])), "L2") == []


@pytest.mark.parametrize(("change", "subject"), [
    (lambda e: replace(e, line="NO/1"), ("line", "NO/1")),
    (lambda e: replace(e, reference="no-such-act"), ("event", "no-such-act")),
    (lambda e: replace(e, cited=("NO/2",)), ("line", "NO/2")),
    (lambda e: replace(e, legs=(replace(e.legs[0], unit="NO-LOT"),)), ("lot", "NO-LOT")),
])
def test_l6__named_and_never_created__unless_it_exists_elsewhere(
        change: Callable[[Event], Event], subject: tuple[str, str]) -> None:
    load = first(clean_book(), Kind.EXPORT_LOAD)
    book = edit(clean_book(), lambda e: e.id == load.id, change)
    assert [(f.subject_type, f.subject_id) for f in found(book, "L6")] == [subject]
    assert found(replace(book, elsewhere=frozenset({subject[1]})), "L6") == []


def test_l6__refused_for_an_unknown_reference__is_low() -> None:
    load = first(clean_book(), Kind.EXPORT_LOAD)
    tried = after(load, Kind.UNLOAD, load.legs, outcome=Outcome.UNKNOWN_REFERENCE, line="NO/9")
    assert [(f.subject_id, f.severity) for f in found(added(clean_book(), tried), "L6")] == [("NO/9", "low")]


def test_u1__no_factor__is_not_evaluable_never_one_to_one_and_never_found() -> None:
    book = clean_book()
    metres = replace(book, norms=tuple(replace(n, material_uom="MTR") for n in book.norms))
    report = examine(metres, [rule("U1")])
    assert report.findings == []
    assert "factor for M0 from MTR to KGM (norm)" in {m for f in report.not_evaluable for m in f.missing}
    factor = tuple(Conversion(n.material, "MTR", "KGM", Fraction(1, 5), "grammage") for n in book.norms)
    assert missing(replace(metres, conversions=(*book.conversions, *factor)), "U1") == set()


@pytest.mark.parametrize(("ratio", "near"), [
    (Fraction(1000), "1000"), (Fraction(1, 1000), "0.001"), (Fraction(4536, 10000), "0.4536"),
    (Fraction(9144, 10000), None), (Fraction(1020), "1000"), (Fraction(1030), None), (Fraction(1), None)])
def test_u3__norm_wrong_by_a_factor__names_it(ratio: Fraction, near: str | None) -> None:
    book = clean_book()
    book = replace(book, norms=tuple(replace(n, norm=n.norm * ratio) if n.material == "M0" else n for n in book.norms))
    findings = found(book, "U3")
    assert [f.explanation.rstrip(".").rpartition(" ")[2] for f in findings] == ([near] if near else [])
    assert {f.severity for f in findings} <= {"low"}


def test_u3__counted_in_yards__is_seen_where_goods_are_measured_in_metres() -> None:
    book = clean_book()
    metres = replace(book, lots=tuple(replace(x, uom="MTR") for x in book.lots), counts=tuple(
        replace(c, uom="MTR", quantity_micro=c.quantity_micro * 9144 // 10000) if (c.stock, c.code) == ("material", "M0")
        else replace(c, uom="MTR") for c in book.counts), previous=None)
    assert any("0.9144" in f.explanation for f in found(metres, "U3"))


def test_o1__imported_goods_loaded_through_a_split__no_transformation_between() -> None:
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(100), "KGM", hs="540752")
    pen.receive("I", line, q(100))
    pen.lot("HALF", "M", "KGM", Origin.OWN)
    pen.write(Kind.SPLIT, pen.leg("I", 0, LineRole.INPUT), pen.leg("HALF", q(40), LineRole.OUTPUT, Balance.RAW))
    export = pen.declare("EX/1", LineRole.EXPORT, "M", q(40), "KGM", origin="VN")
    pen.write(Kind.EXPORT_LOAD, pen.leg("HALF", q(40)), line=export)
    book = BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events), tolerances=NO_FLOOR)
    finding, = found(book, "O1")
    assert (finding.severity, finding.difference) == ("critical", "40")
    foreign = replace(book, lines=tuple(replace(x, origin="CN") for x in book.lines))
    assert found(foreign, "O1") == []
    certified = replace(foreign, lines=tuple(replace(x, certificate="AB-1") for x in foreign.lines))
    assert len(found(certified, "O1")) == 1


def test_o2__same_subheading__severity_by_weight_value_or_neither() -> None:
    book = replace(clean_book(), lines=tuple(
        replace(x, hs="54075299") if x.key == "EX/1" else
        replace(x, hs="60019200") if x.code == "M1" else x for x in clean_book().lines))
    finding, = found(book, "O2")
    assert finding.severity == "medium" and "58 % of the product's weight" in finding.explanation
    assert found(book, "O2", share="0.5")[0].severity == "critical"
    weightless = replace(book, conversions=())
    assert "not known" in found(weightless, "O2")[0].explanation
    valued = replace(weightless, lines=tuple(
        replace(x, value=Fraction(5 * 1200)) if x.key == "EX/1" else x for x in weightless.lines))
    assert "96 % of the product's value" in found(valued, "O2")[0].explanation
    assert found(valued, "O2")[0].severity == "critical"


def test_o2__four_digits_by_parameter_and_missing_codes() -> None:
    book = replace(clean_book(), lines=tuple(
        replace(x, hs="54077700") if x.key == "EX/1" else x for x in clean_book().lines))
    assert found(book, "O2") == [] and len(found(book, "O2", digits="4")) == 1
    bare = replace(book, lines=tuple(replace(x, hs="") for x in book.lines))
    assert missing(bare, "O2") >= {"tariff code of P", "tariff code of M0"}
    known = replace(bare, hs={"P": "620193", "M0": "540752", "M1": "540752"})
    assert missing(known, "O2") == set() and found(known, "O2") == []


def test_d5__each_way_to_lack_a_declaration() -> None:
    book = clean_book()
    sale = first(book, Kind.SELL_INLAND)
    sold = sale.legs[0].quantity_micro

    def lines(**change: Any) -> BookData:
        return replace(book, lines=tuple(replace(x, **change) if x.key == "A42/1" else x for x in book.lines))

    assert [(f.severity, f.difference) for f in found(lines(original=""), "D5")] == [("medium", "150")]
    assert [(f.severity, f.difference) for f in found(lines(quantity_micro=sold - q(30)), "D5")] == [("high", "30")]
    assert [f.difference for f in found(lines(purpose=LineRole.EXPORT), "D5")] == ["150"]
    tried = after(sale, Kind.SELL_INLAND, sale.legs, outcome=Outcome.UNKNOWN_REFERENCE)
    assert [f.difference for f in found(added(book, tried), "D5")] == ["150"]
    other = after(sale, Kind.SELL_INLAND, sale.legs, outcome=Outcome.BAD_SIGNATURE)
    assert found(added(book, other), "D5") == []


def test_d5__changes_beyond_the_original_line__and_domestic_goods() -> None:
    book = clean_book()
    imported = next(x for x in book.lines if x.key == "IM-M0/1")
    change = replace(imported, key="A42/2", purpose=LineRole.CHANGE_OF_PURPOSE, original="IM-M0/1",
                     quantity_micro=imported.quantity_micro + q(7))
    finding, = found(replace(book, lines=(*book.lines, change)), "D5")
    assert (finding.subject_id, finding.difference) == ("IM-M0/1", "7")
    domestic = next(x for x in book.lots if x.origin == Origin.DOMESTIC)
    sale = after(first(book, Kind.SELL_INLAND), Kind.SELL_INLAND, [Leg(
        domestic.id, Thing.LOT, LineRole.NONE, Balance.RAW, q(5), domestic.code, domestic.uom)])
    assert found(added(book, sale), "D5") == []
