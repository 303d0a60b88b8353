"""The rules after the first release: each is set off by a fault of its own with the right figure, and not without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from enterprise import OFFSET, PERIOD, Pen, Plan, added, after, clean_book, edit, first, q
from test_more_rules import BOX, custody, found, missing
from test_settlement import book_of

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Step, Thing
from tracer.book import (
    BookData,
    Capacity,
    Conversion,
    Event,
    ExchangeRate,
    Leg,
    Loss,
    Lot,
    Norm,
    PeerNorm,
    Place,
    Substitute,
    Weighing,
)
from tracer.check import examine
from tracer.moment import DAY_MS, HOUR_MS, Span, parse_span, point
from tracer.rules import rule
from tracer.rules.place import check_digit

CLEAN = clean_book()
Spoil = Callable[[BookData], BookData]
YEAR_AGO = parse_span("2025-06-01", OFFSET)


def day(text: str) -> Span:
    return parse_span(text, OFFSET)


def own_lines(book: BookData, match: Callable[[Any], bool], **fields: Any) -> BookData:
    return replace(book, lines=tuple(replace(x, **fields) if match(x) else x for x in book.lines))


def own_norms(book: BookData, material: str, **fields: Any) -> BookData:
    return replace(book, norms=tuple(replace(n, **fields) if n.material == material else n for n in book.norms))


def _line(key: str, **fields: Any) -> Spoil:
    return lambda book: own_lines(book, lambda x: x.key == key, **fields)


def _adjusted(*amounts: int, reason: str = "", partner: str = "") -> Spoil:
    """M0-1 adjusted by these kilograms after all else."""
    def spoil(book: BookData) -> BookData:
        last = max(book.events, key=lambda e: e.seq)
        return added(book, *(after(last, Kind.ADJUST, [Leg(
            "M0-1", Thing.LOT, LineRole.INPUT if a < 0 else LineRole.OUTPUT, Balance.RAW, q(abs(a)), "M0", "KGM")], i,
            reason=reason, counterparty=partner) for i, a in enumerate(amounts, 1)))
    return spoil


def _early_count(less: int) -> Spoil:
    def spoil(book: BookData) -> BookData:
        from tracer.balance import stock_at
        from tracer.replay import replay
        at = parse_span("2026-06-30", OFFSET)
        stock = stock_at(book, replay(book).deltas, at.end_ms)["material", "M0"]
        one = next(c for c in book.counts if (c.stock, c.code) == ("material", "M0"))
        return replace(book, counts=(replace(one, at=at, quantity_micro=stock - q(less)), *book.counts))
    return spoil


def _history(*norms: str) -> Spoil:
    """Earlier versions of the norm on M0, one a year."""
    def spoil(book: BookData) -> BookData:
        now = next(n for n in book.norms if n.material == "M0")
        old = [replace(now, norm=Fraction(text), valid_from=day(f"{2025 - i}-01-01")) for i, text in enumerate(reversed(norms))]
        return replace(book, norms=(*book.norms, *old))
    return spoil


def _peers(*norms: str) -> Spoil:
    rows = tuple(PeerNorm("620193", "540752", "C62", "KGM", Fraction(n)) for n in norms)
    return lambda book: replace(book, peers=rows)


def _capacity(machines: int) -> Spoil:
    """Machines that make one unit an hour, eight hours a day, on 300 of 365 days: 2,400 a year each."""
    return lambda book: replace(book, capacity=(Capacity("P", "C62", Fraction(machines), Fraction(1), Fraction(8)),))


def _mixed_in(amount: int) -> Spoil:
    """Some of M0 is bought inland and issued instead of imported goods."""
    def spoil(book: BookData) -> BookData:
        issue = next(e for e in book.events if e.kind == Kind.ISSUE_PROD and e.legs[0].unit == "M0-0")
        lot = Lot("M0-INLAND", "M0", "KGM", Origin.DOMESTIC, "", "book")
        leg = Leg("M0-INLAND", Thing.LOT, LineRole.OUTPUT, Balance.RAW, q(amount), "M0", "KGM")
        buy = replace(issue, id="buy", seq=issue.seq - 2, kind=Kind.RECEIVE_DOMESTIC, legs=(leg,), product="")
        take = replace(issue, id="take", seq=issue.seq + 1, legs=(replace(leg, role=LineRole.NONE),))
        return added(replace(book, lots=(*book.lots, lot)), buy, take)
    return spoil


def _more_loss(amount: int) -> Spoil:
    def spoil(book: BookData) -> BookData:
        run = first(book, Kind.TRANSFORM)
        return edit(book, lambda e: e.id == run.id, lambda e: replace(e, loss=tuple(
            replace(x, quantity_micro=x.quantity_micro + q(amount)) if x.code == "M0" else x for x in e.loss)))
    return spoil


def _round_trip(partner: str) -> Spoil:
    def spoil(book: BookData) -> BookData:
        out = next(x for x in book.lines if x.key == "EX/1")
        assert out.registered
        back = replace(out, key="IM-BACK/1", purpose=LineRole.RECEIVE, regime="E31", cleared_by="", partner=partner, origin="CN",
                       cleared=None, registered=Span(out.registered.start_ms + 9 * DAY_MS, out.registered.end_ms + 9 * DAY_MS))
        return replace(own_lines(book, lambda x: x.key == "EX/1", partner="Nordfjell"), lines=(
            *own_lines(book, lambda x: x.key == "EX/1", partner="Nordfjell").lines, back))
    return spoil


def _weighed_with(kind: Kind, difference: int) -> Spoil:
    """The first act of a kind has a scale's reading: its goods, and so much more."""
    def spoil(book: BookData) -> BookData:
        act = next(e for e in book.events if e.kind == kind)
        lots = [x for x in act.legs if x.thing == Thing.LOT]
        each = {c.code: c.factor for c in book.conversions if c.to_uom == "KGM"}
        net = sum(x.quantity_micro * (1 if x.uom == "KGM" else each[x.code]) for x in lots)
        return edit(book, lambda e: e.id == act.id, lambda e: replace(
            e, weighing=Weighing(int(net) + q(5_000 + difference), q(5_000))))
    return spoil


def _destroyed(difference: int) -> Spoil:
    def spoil(book: BookData) -> BookData:
        last = max(book.events, key=lambda e: e.seq)
        leg = Leg("M0-1", Thing.LOT, LineRole.NONE, Balance.RAW, q(50), "M0", "KGM")
        return added(book, after(last, Kind.DESTROY, [leg], weighing=Weighing(q(1_050 + difference), q(1_000))))
    return spoil


def _told_twice(book: BookData) -> BookData:
    issue = first(book, Kind.ISSUE_PROD)
    return added(book, replace(issue, id="again", seq=issue.seq + 1, occurred=point(issue.occurred.end_ms + 30_000)))


def _elsewhere(book: BookData) -> BookData:
    issue = first(book, Kind.ISSUE_PROD)
    return edit(replace(book, places=(Place("factory", kind="factory"),)), lambda e: e.kind == Kind.ISSUE_PROD,
                lambda e: replace(e, place="shed" if e.id == issue.id else "factory"))


def _substitute(groups: tuple[Substitute, ...] | None) -> Spoil:
    """The second material stands in no norm."""
    return lambda book: replace(book, groups=groups, norms=tuple(n for n in book.norms if n.material != "M1"))


def _orphan(book: BookData) -> BookData:
    issue = first(book, Kind.ISSUE_PROD)
    ghost = replace(issue, id="ghost", seq=issue.seq + 1, legs=(replace(issue.legs[0], unit="GHOST"),))
    return added(replace(book, lots=(*book.lots, Lot("GHOST", "M0", "KGM", Origin.IMPORTED))), ghost)


def _reworked_into_itself(book: BookData) -> BookData:
    run = first(book, Kind.TRANSFORM)
    return edit(book, lambda e: e.id == run.id, lambda e: replace(
        e, legs=(*e.legs, Leg("P-0", Thing.LOT, LineRole.INPUT, Balance.WIP, q(1), "P", "C62"))))


def _re_exported(amount: int) -> Spoil:
    def spoil(book: BookData) -> BookData:
        line = next(x for x in book.lines if x.key == "IM-M0/1")
        again = replace(line, key="RE/1", purpose=LineRole.RE_EXPORT, regime="B13", original="IM-M0/1", quantity_micro=q(amount))
        return replace(book, lines=(*book.lines, again))
    return spoil


def _factors(*rows: Conversion) -> Spoil:
    return lambda book: replace(book, conversions=(*book.conversions, *rows))


def _since(text: str, allocation: str = "FIFO") -> Spoil:
    return lambda book: replace(book, allocation=allocation, allocation_since=day(text))


def _exported_in_the_same_hours(book: BookData) -> BookData:
    """The goods are loaded three hours after most of them came in."""
    receipt = next(e for e in book.events if e.kind == Kind.RECEIVE_FACTORY and e.line == "IM-M0/1")
    return edit(book, lambda e: e.kind == Kind.EXPORT_LOAD, lambda e: replace(
        e, occurred=point(receipt.occurred.start_ms + 3 * HOUR_MS)))


def _priced(value: int | None) -> Spoil:
    """Imports at 3 a kilogram, about 8 a unit; this is what the units that left are declared at."""
    return _line("EX/1", value=None if value is None else Fraction(value))


def _with_last_year(exports: str, imports: str) -> Spoil:
    """The year before had this share of this year's exports and imports."""
    def spoil(book: BookData) -> BookData:
        span = PERIOD.end_ms - PERIOD.start_ms + 1
        old = [replace(x, key=f"OLD-{x.key}", cleared_by="", cleared=Span(x.cleared.start_ms - span, x.cleared.end_ms - span),
                       quantity_micro=int(x.quantity_micro * Fraction(exports if x.purpose == LineRole.EXPORT else imports)))
               for x in book.lines if x.cleared and x.purpose in (LineRole.EXPORT, LineRole.RECEIVE)]
        return replace(book, lines=(*book.lines, *old))
    return spoil


FIRES: list[tuple[str, Spoil, str, str, str | None]] = [
    ("B4", _line("IM-M0/1", quantity_micro=q(2800)), "M0", "medium", "-540"),
    ("B4", _line("EX/1", quantity_micro=q(1195)), "P", "info", "5"),
    ("B8", _adjusted(-4), "M0", "medium", "-4"),
    ("B8", _adjusted(-20), "M0", "medium", "-20"),
    ("B9", _early_count(7), "M0", "high", "-7"),
    ("N2", lambda b: own_norms(b, "M0", norm=Fraction(17, 10)), "P", "medium", "-150"),
    ("N3", _history("1.59", "1.61", "1.6", "1.3"), "P", "medium", "0.3"),
    ("N3", _history("1", "1", "1"), "P", "high", "0.6"),
    ("N4", _peers("1.00", "1.01", "1.02", "1.03", "1.04"), "P", "medium", "0.58"),
    ("N7", _mixed_in(30), "M0", "low", "30"),
    ("N7", lambda b: own_norms(b, "M0", flag="X"), "M0", "medium", "2400"),
    ("N9", _more_loss(30), "M0", "medium", "30"),
    ("N9", lambda b: own_norms(b, "M0", loss_rate=Fraction(1)), "M0", "medium", None),
    ("X3", _capacity(2), "P", "low", "-3300"),
    ("X5", _weighed_with(Kind.EXPORT_LOAD, -300), "P-0", "medium", "-300"),
    ("X6", _round_trip(""), "IM-BACK/1", "medium", "1200"),
    ("X6", _round_trip("Nordfjell"), "IM-BACK/1", "high", "1200"),
    ("O3", _exported_in_the_same_hours, "EX/1", "high", "-1"),
    ("O4", _priced(12_000), "EX/1", "medium", None),
    ("O7", _with_last_year("0.5", "0.4"), "book", "low", "600"),
    ("C4", _elsewhere, "", "medium", "1"),
    ("W2", _weighed_with(Kind.RECEIVE_FACTORY, 200), "M0-0", "medium", "200"),
    ("D3", _destroyed(-60), "M0-1", "medium", "-60"),
    ("D9", _adjusted(-4, reason="stolen at night"), "M0-1", "high", "4"),
    ("D9", _adjusted(-4, reason="hỏa hoạn"), "M0-1", "low", "4"),
    ("L3", _re_exported(2300), "IM-M0/1", "high", "40"),
    ("L5", _orphan, "GHOST", "medium", None),
    ("L7", _reworked_into_itself, "P-0", "high", "1"),
    ("L8", _told_twice, "", "medium", None),
    ("T2", lambda b: replace(b, as_of_ms=b.as_of_ms + 400 * DAY_MS), "M0-1", "medium", "100"),
    ("U4", _factors(Conversion("M0", "KGM", "MTR", Fraction(4)), Conversion("M0", "MTR", "KGM", Fraction(26, 100))),
     "M0", "low", "0.04"),
    ("U5", _factors(Conversion("M0", "MTR", "KGM", Fraction(1, 4)),
                    Conversion("M0", "MTR", "KGM", Fraction(3, 10), valid_from=day("2026-07-01"))), "M0", "low", "0.05"),
    ("U6", _factors(Conversion("M0", "CEL", "FAH", Fraction(9, 5))), "M0", "low", None),
    ("P5", _since("2026-03-01"), "book", "medium", "-59"),
    ("P5", _since("2025-12-01", "AVERAGE"), "", "", None),
    ("P6", _substitute(None), "M1", "medium", "1800"),
]
"""Rule, fault, subject, severity and difference; no severity: nothing is to be found."""


@pytest.mark.parametrize(("rule_id", "spoil", "subject", "severity", "difference"), FIRES,
                         ids=[f"{i}-{row[0]}" for i, row in enumerate(FIRES)])
def test_rule__its_fault__is_found_with_the_figure(
        rule_id: str, spoil: Spoil, subject: str, severity: str, difference: str | None) -> None:
    findings = found(spoil(CLEAN), rule_id)
    if not severity:
        assert findings == []
        return
    (one,) = [f for f in findings if subject in ("", f.subject_id)][:1]
    assert len(findings) == 1 or subject
    assert (one.severity, one.difference if difference is not None else None) == (severity, difference), one
    assert one.explanation and one.legal_ref
    assert found(CLEAN, rule_id) == []


@pytest.mark.parametrize(("rule_id", "spoil"), [
    ("B9", _early_count(0)), ("N3", _history("1.6", "1.61", "1.59")), ("N4", _peers("1.1", "1.2", "1.3", "1.5", "1.6", "1.7")),
    ("N7", lambda b: replace(_mixed_in(30)(b), norms=(
        *b.norms, *(replace(n, flag="X", product="Q") for n in b.norms if n.material == "M0")))),
    ("X3", _capacity(1)), ("X5", _weighed_with(Kind.EXPORT_LOAD, 10)), ("O4", _priced(90_000)),
    ("O7", _with_last_year("0.5", "0.9")), ("O7", _with_last_year("0.95", "0.1")), ("W2", _weighed_with(Kind.RECEIVE_FACTORY, -40)),
    ("D3", _destroyed(20)), ("D9", _adjusted(-4, reason="fire", partner="police")), ("D9", _adjusted(-4, reason="recount")),
    ("L3", _re_exported(2260)), ("U4", _factors(Conversion("M0", "KGM", "MTR", Fraction(4)), Conversion(
        "M0", "MTR", "KGM", Fraction(1, 4)))), ("U5", _factors(Conversion("M0", "MTR", "KGM", Fraction(1, 4)), Conversion(
            "M0", "MTR", "KGM", Fraction(3, 10), valid_from=day("2027-01-01")))),
    ("P6", _substitute((Substitute("yarn", "M1"), Substitute("yarn", "M0")))), ("P5", _since("2024-01-01")),
    ("X6", lambda b: own_lines(_round_trip("")(b), lambda x: x.key == "IM-BACK/1", registered=day("2026-11-30")))])
def test_rule__just_within_or_explained__is_evaluated_and_clean(rule_id: str, spoil: Spoil) -> None:
    (result,) = examine(spoil(CLEAN), [rule(rule_id)]).results
    assert result.failed == 0 and result.tested > 0


@pytest.mark.parametrize(("rule_id", "words"), [
    ("N3", "norms of three earlier periods (3 of 3)"), ("N4", "norms of peers (peers.csv)"),
    ("X3", "machines and their rates (capacity.csv)"), ("O4", "value of EX/1 in the book's currency"),
    ("O7", "declaration lines of the period before"), ("T3", "coordinates of places (places.csv)")])
def test_rule__lacks_what_it_needs__says_what(rule_id: str, words: str) -> None:
    assert missing(CLEAN, rule_id) == {words}


def test_more_that_is_missing__is_named() -> None:
    assert missing(replace(CLEAN, places=None), "C4") == {"notified places (places.csv)"}
    assert missing(replace(CLEAN, allocation="FIFO"), "P5") == {
        "since when FIFO holds (allocation_since of book.toml)"}
    assert missing(replace(CLEAN, capacity=()), "X3") == {"capacity for P"}
    assert missing(own_norms(CLEAN, "M0", loss_rate=None), "N9") == {"loss rate of M0"}
    assert missing(_peers("1", "2")(CLEAN), "N4") == {"tariff codes and five peers that differ (3 of 3)"}
    load = _weighed_with(Kind.EXPORT_LOAD, 0)(CLEAN)
    assert missing(replace(load, conversions=()), "X5") == {"weight in KGM of P"}


def test_b8__three_of_one_sign__however_small_and_counted() -> None:
    count = next(c for c in CLEAN.counts if (c.stock, c.code) == ("material", "M0"))
    before = replace(count, at=day("2026-01-10"))
    book = replace(CLEAN, counts=(*CLEAN.counts, before))
    assert found(_adjusted(-1, 1, -1)(book), "B8") == []
    (finding,) = found(_adjusted(-1, -1, -1)(book), "B8")
    assert finding.difference == "-3" and "same sign" in finding.explanation


def test_b4__cleared_in_the_last_days__may_still_be_on_its_way() -> None:
    late = Span(PERIOD.end_ms - 3 * DAY_MS, PERIOD.end_ms - 3 * DAY_MS)
    more = {"quantity_micro": q(2800)}
    assert found(_line("IM-M0/1", **more, cleared=late)(CLEAN), "B4") == []
    assert found(_line("IM-M0/1", **more, cancelled=late)(CLEAN), "B4") == []
    (finding,) = found(_line("IM-M0/1", quantity_micro=q(2000))(CLEAN), "B4")  # 2,260 came in
    assert (finding.difference, finding.severity, finding.expected) == ("260", "medium", "2000")


def test_b7__work_in_progress_for_longer_than_the_cycle__is_found() -> None:
    run = max((e for e in CLEAN.events if e.kind == Kind.TRANSFORM), key=lambda e: e.seq)
    book = edit(CLEAN, lambda e: e.id == run.id, lambda e: replace(e, legs=tuple(
        x for x in e.legs if not (x.role == LineRole.INPUT and x.code == "M0"))))
    (finding,) = found(book, "B7")  # 800 of 2,400 issued lie on the line: 121 days of issues
    assert (finding.expected, finding.observed) == ("591.780822", "800")
    assert "121 days" in finding.explanation
    assert found(book, "B7", cycle="130") == []


def _runs(*inputs: int, scrap: tuple[int, ...] = ()) -> BookData:
    """Runs of 100 units each from so many kilograms, with so much scrap."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(sum(inputs)), "KGM")
    pen.receive("I", line, q(sum(inputs)))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(sum(inputs))))
    for i, amount in enumerate(inputs):
        made = pen.lot(f"P{i}", "P", "C62", Origin.OWN)
        waste = pen.lot(f"S{i}", "S", "KGM", Origin.OWN)
        legs = [pen.leg(waste, q(scrap[i]), LineRole.SCRAP)] if scrap else []
        pen.write(Kind.TRANSFORM, pen.leg("I", q(amount), LineRole.INPUT), pen.leg(made, q(100), LineRole.PRODUCT), *legs,
                  loss=(Loss("M", q(1), "KGM"),))
    norm = Fraction(sum(inputs), 100 * len(inputs))
    return book_of(pen, norms=(Norm("P", "M", norm, "C62", "KGM", valid_from=PERIOD, loss_rate=Fraction(1, 10)),))


def test_n2__averaged_norm__names_the_run_that_it_hides() -> None:
    (finding,) = found(_runs(200, 201, 199, 200, 240), "N2")
    assert (finding.subject_type, finding.severity, finding.difference) == ("event", "low", "40")
    assert found(_runs(200, 201, 199, 200, 203), "N2") == []


def test_d1_and_d7__scrap_of_a_run_and_over_time() -> None:
    (finding,) = found(_runs(200, 200, 200, 200, 200, scrap=(6, 7, 6, 6, 20)), "D1")
    assert (finding.subject_type, finding.difference) == ("event", "14")
    assert found(_runs(200, 200, 200, 200, 200, scrap=(6, 7, 6, 6, 7)), "D1") == []
    (rising,) = found(_runs(200, 200, 200, 200, scrap=(6, 6, 12, 12)), "D7")
    assert (rising.subject_id, rising.expected, rising.observed) == ("M", "12", "24")
    assert found(_runs(200, 200, 300, 300, scrap=(6, 6, 12, 12)), "D7") == []  # the yield fell with it


def test_n9__last_run_loses_more__drifts() -> None:
    book = _runs(200, 200, 200, 200, 200, 200)
    last = max((e for e in book.events if e.kind == Kind.TRANSFORM), key=lambda e: e.seq)
    worse = edit(book, lambda e: e.id == last.id, lambda e: replace(e, loss=(Loss("M", q(9), "KGM"),)))
    (finding,) = found(worse, "N9")
    assert (finding.expected, finding.observed) == ("1", "9") and found(book, "N9") == []


def test_d8__scrap_of_an_export_processing_enterprise__needs_an_export_line() -> None:
    book = _runs(200, scrap=(6,))
    last = max(book.events, key=lambda e: e.seq)
    sold = added(book, after(last, Kind.SCRAP_OUT, [Leg("S0", Thing.LOT, LineRole.NONE, Balance.SCRAP, q(6), "S", "KGM")]))
    (finding,) = found(replace(sold, regime="EPE"), "D8")
    assert finding.difference == "6" and found(replace(sold, regime="SXXK"), "D8") == []
    paired = edit(sold, lambda e: e.kind == Kind.SCRAP_OUT, lambda e: replace(e, line="EX/9"))
    line = replace(book.lines[0], key="EX/9", purpose=LineRole.EXPORT, code="S")
    assert found(replace(paired, regime="EPE", lines=(*book.lines, line)), "D8") == []


def _same_goods(amount: int, uom: str = "KGM") -> BookData:
    """1,000 kg come in, this much goes out as a product that claims to be from here."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(1000), "KGM", hs="0306")
    pen.receive("I", line, q(1000))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(1000)))
    pen.lot("P", "P", uom, Origin.OWN)
    pen.write(Kind.TRANSFORM, pen.leg("I", q(1000), LineRole.INPUT), pen.leg("P", q(amount), LineRole.PRODUCT))
    export = pen.declare("EX/1", LineRole.EXPORT, "P", q(amount), uom, origin="VN", certificate="CO-1")
    pen.write(Kind.EXPORT_LOAD, pen.leg("P", q(amount)), Leg("BL/1", Thing.CONTAINER, LineRole.CONTAINER), line=export)
    pen.write(Kind.EXIT_CONFIRM, pen.leg("P", q(amount)), line=export)
    return book_of(pen, norms=(Norm("P", "M", Fraction(1000, amount), uom, "KGM", valid_from=PERIOD),))


def test_o5__as_much_out_as_in__is_found_in_the_band_only() -> None:
    for amount, hit in ((950, 1), (1000, 1), (1020, 1), (949, 0), (1021, 0), (600, 0)):
        assert len(found(_same_goods(amount), "O5")) == hit
    assert found(_same_goods(1000, "C62"), "O5") == []  # counted otherwise
    heavy = replace(_same_goods(1000, "C62"), conversions=(Conversion("P", "C62", "KGM", Fraction(1)),))
    assert found(heavy, "O5") == []


def test_o4__another_currency__by_its_rate_or_not_at_all() -> None:
    book = _line("EX/1", value=Fraction(3), currency="USD")(CLEAN)
    assert missing(book, "O4") == {"value of EX/1 in the book's currency"}
    rates = (ExchangeRate("USD", Fraction(25_000)),)
    assert found(replace(book, rates=rates), "O4") == [] and not missing(replace(book, rates=rates), "O4")
    (finding,) = found(replace(book, rates=(ExchangeRate("USD", Fraction(4_000)),)), "O4")
    assert finding.expected == "0.4"


def test_o8__one_certificate_on_two_declarations__is_found() -> None:
    book = _same_goods(600)
    line = next(x for x in book.lines if x.key == "EX/1")
    (finding,) = found(replace(book, lines=(*book.lines, replace(line, key="EX2/1", quantity_micro=q(70)))), "O8")
    assert (finding.subject_id, finding.difference) == ("EX2/1", "70")
    assert found(replace(book, lines=(*book.lines, replace(line, key="EX/2"))), "O8") == []


def test_o9__container_loaded_as_it_arrived__unless_it_was_emptied() -> None:
    book = _same_goods(600)
    load = first(book, Kind.EXPORT_LOAD)
    arrive = replace(load, id="arrive", seq=1, kind=Kind.ARRIVE, legs=(BOX,), line="")
    (finding,) = found(added(book, arrive), "O9")
    assert (finding.subject_id, finding.difference) == ("BL/1", "600")
    assert found(added(book, arrive, replace(arrive, id="strip", seq=2, kind=Kind.STRIP)), "O9") == []
    assert found(book, "O9") == []


def _seen(number: int, kind: Kind, unit: str = "BL/1", **fields: Any) -> Event:
    at = PERIOD.start_ms + number * HOUR_MS + 60_000
    return Event(f"e{number}-{unit}", number, kind, point(at), at, fields.pop("actor", "terminal"),
                 (Leg(unit, Thing.CONTAINER, LineRole.CONTAINER),), **fields)


def test_c6__left_and_never_came() -> None:
    assert found(custody(_seen(1, Kind.ARRIVE), _seen(2, Kind.GATE_OUT)), "C6") == []
    assert found(custody(_seen(1, Kind.OBSERVE, step=Step.GATE_IN), _seen(2, Kind.GATE_OUT)), "C6") == []
    (finding,) = found(custody(_seen(2, Kind.GATE_OUT)), "C6")
    assert (finding.subject_id, finding.difference) == ("BL/1", "-1")


def test_c9__check_digit__of_iso_6346() -> None:
    assert check_digit("CSQU305438") == 3
    assert check_digit("TGHU500500") == 2
    right, wrong, other = (custody(_seen(1, Kind.ARRIVE, f"BL/{n}")) for n in ("CSQU3054383", "CSQU3054384", "TRUCK-7"))
    assert found(right, "C9") == [] == found(other, "C9")
    assert [(f.expected, f.observed) for f in found(wrong, "C9")] == [("3", "4")]


def test_t3__faster_than_a_truck__is_found_and_ships_may_be_slower() -> None:
    places = (Place("hai-phong", kind="port", latitude=Fraction("20.85"), longitude=Fraction("106.78")),
              Place("bac-ninh", kind="factory", latitude=Fraction("21.18"), longitude=Fraction("106.07")),
              Place("da-nang", kind="port", latitude=Fraction("16.12"), longitude=Fraction("108.21")))

    def trip(hours: int, to: str) -> BookData:
        return custody(_seen(1, Kind.ARRIVE, place="hai-phong"),
                       _seen(1 + hours, Kind.OBSERVE, place=to, step=Step.DISCHARGE), places=places)

    assert found(trip(1, "bac-ninh"), "T3") == []  # 82 km
    assert len(found(trip(0, "bac-ninh"), "T3")) == 1
    assert len(found(trip(10, "da-nang"), "T3")) == 1 and found(trip(12, "da-nang"), "T3") == []  # 547 km at 25 knots
    assert missing(custody(_seen(1, Kind.ARRIVE, place="x"), places=(Place("x"),)), "T3")


def test_t6__a_hundred_whole_hours__were_not_read_off_a_clock() -> None:
    events = [replace(_seen(n, Kind.OBSERVE), occurred=point(PERIOD.start_ms + n * HOUR_MS)) for n in range(100)]
    (finding,) = found(custody(*events), "T6")
    assert finding.difference == "100"
    assert found(custody(*events[1:]), "T6") == []
    assert found(custody(*events[1:], _seen(100, Kind.OBSERVE)), "T6") == []


def test_w3__tare__differs_from_the_others_by_more_than_two_per_cent() -> None:
    def tares(*kilograms: int) -> BookData:
        return custody(*(_seen(n, Kind.OBSERVE, weighing=Weighing(q(20_000 + n), q(t))) for n, t in enumerate(kilograms)))

    (finding,) = found(tares(3_900, 3_900, 4_000), "W3")
    assert finding.difference == "100"
    assert found(tares(3_900, 3_900, 3_970), "W3") == [] == found(tares(3_900, 4_100), "W3")


def test_w4__equal_readings_and_uneven_digits__were_written() -> None:
    def read(*kilograms: int) -> BookData:
        return custody(*(_seen(n, Kind.OBSERVE, f"BL/{n}", place="scale", weighing=Weighing(q(k))) for n, k in
                         enumerate(kilograms)))

    (finding,) = found(read(24_000, 24_000, 24_000, 23_987), "W4")
    assert finding.difference == "2" and found(read(24_000, 24_000, 23_987), "W4") == []
    even = [20_000 + 7 * n for n in range(200)]
    assert found(read(*even), "W4") == []
    (digits,) = found(read(*(20_000 + 100 * n for n in range(200))), "W4")  # noughts only
    assert digits.observed == "200"
    assert found(read(*(20_000 + 20 * n for n in range(200))), "W4") == []  # a scale that shows steps of 20 kg


def test_s3__seal_on_two_boxes_or_used_again() -> None:
    one, two = _seen(1, Kind.ARRIVE, "BL/1", seals=("A",)), _seen(2, Kind.ARRIVE, "BL/2", seals=("A",))
    (finding,) = found(custody(one, two), "S3")
    assert (finding.subject_id, finding.difference) == ("BL/2", "1")
    broken = _seen(2, Kind.OBSERVE, step=Step.SEAL_BREAK, seals=("A",))
    (again,) = found(custody(one, broken, _seen(3, Kind.GATE_OUT, seals=("A",))), "S3")
    assert again.difference == "1"
    assert found(custody(one, broken, _seen(3, Kind.OBSERVE, step=Step.SEAL_APPLY, seals=("B",))), "S3") == []


def test_s6__weight_changed__behind_the_same_whole_seal_only() -> None:
    def trip(*between: Event) -> BookData:
        return custody(_seen(1, Kind.ARRIVE, seals=("A",), weighing=Weighing(q(24_000), q(3_900))), *between,
                       _seen(9, Kind.GATE_OUT, seals=("A",), weighing=Weighing(q(23_000), q(3_900))))

    (finding,) = found(trip(), "S6")
    assert (finding.severity, finding.difference) == ("critical", "-1000")
    assert found(trip(_seen(5, Kind.OBSERVE, step=Step.SEAL_BREAK, seals=("A",))), "S6") == []


def test_l3__one_declaration_of_two_temporary_imports__is_found() -> None:
    base = next(x for x in CLEAN.lines if x.key == "IM-M0/1")
    both = [replace(base, key=f"G{n}/1", regime="G11") for n in (1, 2)]
    out = [replace(base, key=f"RE/{n}", purpose=LineRole.RE_EXPORT, original=f"G{n}/1") for n in (1, 2)]
    (finding,) = found(replace(CLEAN, lines=(*CLEAN.lines, *both, *out)), "L3")
    assert finding.difference == "1" and "82.2.c" in finding.legal_ref


def test_every_second_rule__in_a_large_clean_enterprise__finds_nothing() -> None:
    plan = Plan(materials=((160, False), (50, True), (75, False)), runs=(400, 800, 400, 1200), exported_share=100, opening=True)
    assert examine(clean_book(plan)).findings == []


def test_t2__split_or_merged__is_as_old_as_what_it_came_from() -> None:
    book = replace(CLEAN, as_of_ms=CLEAN.as_of_ms + 400 * DAY_MS)
    lot = next(x for x in book.lots if x.id == "M0-1")
    seq = max(e.seq for e in book.events)
    at = point(PERIOD.end_ms - HOUR_MS)

    def part(kind: Kind, number: int, source: str, result: str) -> Event:
        return Event(f"part-{number}", seq + number, kind, at, at.end_ms, CLEAN.enterprise, (
            Leg(source, Thing.LOT, LineRole.INPUT, Balance.RAW, q(100) if kind == Kind.MERGE else 0, "M0", "KGM"),
            Leg(result, Thing.LOT, LineRole.OUTPUT, Balance.RAW, q(100) if kind == Kind.SPLIT else 0, "M0", "KGM")))

    lots = (*book.lots, replace(lot, id="M0-1a"), replace(lot, id="M0-1b"))
    parted = replace(book, lots=lots, events=(*book.events, part(Kind.SPLIT, 1, "M0-1", "M0-1a"),
                                              part(Kind.MERGE, 2, "M0-1a", "M0-1b")))
    assert {(f.subject_id, f.difference) for f in found(book, "T2")} >= {("M0-1", "100")}
    assert {(f.subject_id, f.difference) for f in found(parted, "T2")} >= {("M0-1b", "100")}
    assert "M0-1" not in {f.subject_id for f in found(parted, "T2")}
