"""A book from the index: what counts, what is evidence, what cannot be read; and the journey's own promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from journey_index import JourneyIndex, irregularities, journey
from sqlalchemy import select, update
from sqlmodel import col

from indexer import models as m
from ledger.errors import InputError, NotFoundError
from ledger.vocabulary import Kind, Outcome
from tracer.book import BookData
from tracer.check import check, examine
from tracer.load import load_all, load_book, load_custody, period_of
from tracer.rules import rule
from tracer.settlement import settle
from tracer.timeline import timeline
from tracer.trace import ask

YEAR = period_of("2025-01-01", "2025-12-31")
BOOK = "thanh-lam-sxxk"
LOT = "thanh-lam-garment"


@pytest.fixture
def clean() -> Iterator[JourneyIndex]:
    index = journey()
    yield index
    index.engine.dispose()


def load(index: JourneyIndex, book: str = BOOK, **more: Any) -> BookData:
    with index.session() as session:
        return load_book(session, index.directory, book, period=YEAR, **more)


def refused(fault: dict[str, Any]) -> dict[str, Outcome]:
    """Which events of a fault's own documents the ledger refuses, from its description."""
    if not fault["refusals"]:
        return {}
    (name,) = fault["refusals"]
    from journey_index import JOURNEY
    result = {}
    for document in fault["adds"]:
        text = (JOURNEY / "irregularities" / fault["name"] / document["file"]).read_text("utf-8")
        for event in json.loads(text)["epcisBody"]["eventList"]:
            result[event["eventID"]] = Outcome[name]
    return result


def said(book: BookData) -> set[tuple[str | None, ...]]:
    return {(f.rule, f.subject_id, f.expected, f.observed, f.difference, f.uom) for f in check(book)}


def test_journey__as_it_should_be__no_finding_in_any_book(clean: JourneyIndex) -> None:
    with clean.session() as session:
        books = load_all(session, clean.directory, period=YEAR)
    assert [b.id for b in books] == [BOOK, "an-khe-gc", ""]
    for book in books:
        report = examine(book)
        assert report.findings == []
        assert all(m.startswith(("weight in KGM", "closing stock of the period before", "norms of", "notified places",
                                 "machines and", "declaration lines of the period before", "coordinates of", "book of scrap",
                                 "claims of refund", "serial numbers of", "price of scrap", "hashes of papers", "contracts and", "trade-remedy", "manifests of",
                                 "ranges of seal", "reports of electronic", "20 units of", "registered keys", "registered devices", "who signed"))
                   for f in report.not_evaluable for m in f.missing)


@pytest.mark.parametrize("fault", irregularities(), ids=lambda f: f["name"])
def test_journey__one_irregularity__is_found_with_the_promised_figures(fault: dict[str, Any]) -> None:
    index = journey(fault["name"], outcomes=refused(fault))
    promised = {(f["rule"], f["subject"], f["expected"], f["observed"], f["difference"], f["uom"])
                for f in fault["findings"]}
    found = said(load(index))
    assert {r for r in fault["caught_by"] if len(r) == 2} <= {f[0] for f in found}
    assert promised <= found
    if promised:
        assert found == promised
    assert check(load(index, "an-khe-gc")) == []
    index.engine.dispose()


def test_journey__all_irregularities_at_once__each_is_still_found() -> None:
    faults = irregularities()
    outcomes = {k: v for f in faults for k, v in refused(f).items()}
    index = journey(*(f["name"] for f in faults), outcomes=outcomes)
    found = {f.rule for f in check(load(index))}
    assert {r for f in faults for r in f["caught_by"] if len(r) == 2} <= found
    index.engine.dispose()


def test_journey__settled__form_15_of_the_fabric_is_the_readme_s(clean: JourneyIndex) -> None:
    form = settle(load(clean)).to_json()
    row = next(r for r in form["form15"] if r["code"] == "FAB-PES-150")
    assert [row[c] for c in ("opening", "received", "re_exported", "repurposed", "issued", "other_issue", "closing")] \
        == ["2400", "24200", "0", "400", "24500", "0", "1700"]
    jacket = next(r for r in form["form15a"] if r["code"] == "JKT-M-01")
    assert [jacket[c] for c in ("opening", "received", "repurposed", "exported", "closing")] \
        == ["300", "8500", "150", "8300", "350"]
    assert form["missing"] == [] and form["book"] == BOOK and form["enterprise"] == "thanh-lam-garment"
    freed = {(r["material"], r["import_line"]): r["duty_freed"] for r in form["exemption"]}
    assert freed["PAD-PES-100", "106550118230/3"] == str(round(7470 * 223_520_000 // 8000 / 10))


def test_journey__scales_seals_customs_and_tariff_codes__are_loaded(clean: JourneyIndex) -> None:
    book = load(clean)
    weighed = [e for e in book.events if e.weighing is not None]
    assert weighed and all(e.kind == Kind.OBSERVE for e in weighed)  # a CORRECT only repeats what it takes back
    assert all(e.weighing.gross_micro > (e.weighing.tare_micro or 0) > 0 for e in weighed if e.weighing)
    assert "VNHQ0091745" in {s for e in book.events for s in e.customs_seals}
    assert not {"RD4503377"} & {s for e in book.events for s in e.customs_seals}
    assert book.customs == {"customs-hai-phong", "customs-bac-ninh"} and book.hs["FAB-PES-150"]
    result, = examine(book, [rule("L6")]).results
    assert result.tested > 50 and result.failed == 0 and book.elsewhere


def test_other_enterprise__not_in_the_index__changes_nothing(clean: JourneyIndex) -> None:
    alone = load(clean)
    with clean.engine.begin() as connection:
        connection.execute(update(m.Event).where(col(m.Event.participant) == clean.directory.participant(
            "an-khe-sportswear").number).values(outcome=201, outcome_name="ROLE_MISSING"))
    assert json.dumps(settle(load(clean)).to_json()) == json.dumps(settle(alone).to_json())


def _set(index: JourneyIndex, kind: Kind, number: int = 0, **values: Any) -> str:
    """Change the n-th event of a kind of the enterprise; its id."""
    with index.engine.begin() as connection:
        rows = connection.execute(select(col(m.Event.event_id)).where(
            col(m.Event.kind) == kind.name,
            col(m.Event.book) == 1).order_by(col(m.Event.seq))).scalars().all()
        if values:
            connection.execute(update(m.Event).where(col(m.Event.event_id) == rows[number]).values(**values))
        return str(rows[number])


def test_opening__waiting_for_approval__is_no_stock(clean: JourneyIndex) -> None:
    assert any(e.kind == Kind.OPENING and e.recorded for e in load(clean).events)
    _set(clean, Kind.OPENING, approved_by=None)
    book = load(clean)
    assert not [e for e in book.events if e.kind == Kind.OPENING]
    assert settle(book).form15[1]["opening"] == 0


def test_opening__approved__stands_at_the_approval_s_place_in_the_order(clean: JourneyIndex) -> None:
    book = load(clean)
    opening = next(e for e in book.events if e.kind == Kind.OPENING)
    approval = next(e for e in book.events if e.kind == Kind.APPROVE) if any(
        e.kind == Kind.APPROVE for e in book.events) else None
    with clean.session() as session:
        row = session.execute(select(m.Event).where(col(m.Event.kind) == "APPROVE")).scalars().first()
    assert row is not None and opening.seq == row.seq and opening.recorded_ms == row.recorded_at_s * 1000
    assert approval is None or approval.seq == opening.seq


def test_recorded_event__voided_by_customs__does_not_count(clean: JourneyIndex) -> None:
    before = settle(load(clean)).form15[1]["received"]
    voided = _set(clean, Kind.RETURN_PROD)
    clean.correct(voided, LOT)  # what its poster says first changes nothing
    clean.correct(voided, "customs-bac-ninh")
    book = load(clean)
    assert voided not in {e.id for e in book.events}
    assert before - settle(book).form15[1]["received"] == 200_000_000


@pytest.mark.parametrize("kind", [Kind.RECEIVE_FACTORY, Kind.ISSUE_PROD, Kind.TRANSFORM, Kind.OPENING, Kind.COUNT])
def test_recorded_event__voided_by_its_own_poster__counts_and_is_reported(clean: JourneyIndex, kind: Kind) -> None:
    before = load(clean)
    voided = _set(clean, kind)
    void = clean.correct(voided, LOT)
    book = load(clean)
    assert settle(book).to_json() == settle(before).to_json() and book.counts == before.counts
    assert next(e for e in book.events if e.id == voided).voided_by == void
    assert [(f.rule, f.subject_id, f.severity) for f in check(book)] == [("B5", voided, "high")]
    assert voided in {e.id for e in check(book)[0].evidence}


def test_book__every_event_voided_by_its_owner__stays_as_the_ledger_has_it(clean: JourneyIndex) -> None:
    before = load(clean)
    owner = clean.directory.participant(LOT).number
    with clean.session() as session:
        own = session.execute(select(m.Event.event_id).where(
            col(m.Event.participant) == owner, col(m.Event.outcome) < 2, col(m.Event.kind) != "OBSERVE")).scalars().all()
    for event in own:
        clean.correct(event, LOT)
    book = load(clean)
    assert settle(book).to_json() == settle(before).to_json()
    assert book.norms == before.norms and book.counts == before.counts
    assert len([f for f in check(book) if f.rule == "B5"]) > 20


def test_norm__voided_by_its_own_poster__counts_until_it_is_stated_again(clean: JourneyIndex) -> None:
    norms = load(clean).norms
    voided = norms[0].declared_by
    void = clean.correct(voided, LOT)
    assert load(clean).norms == norms
    assert [f.subject_id for f in check(load(clean))] == [voided]
    _again(clean, voided, m.Norm)
    book = load(clean)
    assert voided not in {n.declared_by for n in book.norms} and len(book.norms) == len(norms)
    assert check(book) == [] and void not in {e.voided_by for e in book.events}


def test_count__voided_by_its_own_poster_and_stated_again__is_out(clean: JourneyIndex) -> None:
    counts = load(clean).counts
    voided = counts[0].event
    clean.correct(voided, LOT)
    _again(clean, voided, m.CountEntry)
    book = load(clean)
    assert voided not in {c.event for c in book.counts} and len(book.counts) == len(counts)
    assert check(book) == []


def _again(index: JourneyIndex, event: str, table: Any) -> None:
    """The same statement once more, by the same poster, as the latest event of the ledger."""
    index.seq += 1
    new = {"event_id": f"0x{index.seq:064x}"}
    with index.session() as session:
        row = session.get_one(m.Event, event)
        session.add(m.Event(**row.model_dump() | new | {"seq": index.seq, "log_index": index.seq, "voided_by": None}))
        payload = session.get_one(m.Payload, event)
        session.add(m.Payload(**payload.model_dump() | new | {"epcis_event_id": f"again-{index.seq}"}))
        for entry in session.execute(select(table).where(table.event_id == event)).scalars().all():
            session.add(table(**entry.model_dump() | new))
        session.commit()


def test_ledger__holds_more_than_the_events_add_up_to__is_b5_of_the_lot(clean: JourneyIndex) -> None:
    name = next(lot.id for lot in load(clean).lots)
    unit = load(clean).unit_ids[name]
    with clean.engine.begin() as connection:
        connection.execute(update(m.Lot).where(col(m.Lot.unit) == unit).values(short_micro=Decimal(5_000_000)))
    assert said(load(clean)) == {("B5", name, "5", "0", "-5", load(clean).lots[0].uom)}


@pytest.mark.parametrize(("poster", "enterprise", "kept"), [
    (LOT, LOT, True), (LOT, "", True), (LOT, "an-khe-sportswear", False), ("customs-bac-ninh", LOT, True),
    ("customs-bac-ninh", "", False), ("an-khe-sportswear", LOT, False), ("cat-hai-terminal", LOT, False)])
def test_norm__of_whom_and_by_whom__only_the_owner_s_or_customs_s_for_it(
        clean: JourneyIndex, poster: str, enterprise: str, kept: bool) -> None:
    event = load(clean).norms[0].declared_by
    _state(clean, event, poster)
    with clean.engine.begin() as connection:
        connection.execute(update(m.Norm).where(col(m.Norm.event_id) == event).values(enterprise=enterprise))
    assert (event in {n.declared_by for n in load(clean).norms}) is kept


@pytest.mark.parametrize(("poster", "kept"), [(LOT, True), ("customs-bac-ninh", True), ("an-khe-sportswear", False)])
def test_count__by_whom__only_the_owner_s_or_customs_s(clean: JourneyIndex, poster: str, kept: bool) -> None:
    event = load(clean).counts[0].event
    _state(clean, event, poster)
    assert (event in {c.event for c in load(clean).counts}) is kept


@pytest.mark.parametrize(("poster", "read"), [(LOT, True), ("customs-bac-ninh", True), ("an-khe-sportswear", False)])
def test_declaration__of_a_version_that_is_not_readable__is_taken_from_its_declarant_or_customs_alone(
        clean: JourneyIndex, poster: str, read: bool) -> None:
    line = next(x for x in load(clean).lines if x.key == "106550118230/1")
    _state(clean, line.declared_by, poster)
    with clean.engine.begin() as connection:  # the ledger stands at a later version, sealed to others
        connection.execute(update(m.LineState).where(
            col(m.LineState.version) == line.declared_by).values(version="0x" + "cd" * 32))
    now = next(x for x in load(clean).lines if x.key == line.key)
    assert now.value == (line.value if read else None)


def _state(index: JourneyIndex, event: str, poster: str) -> None:
    number = index.directory.participant(poster).number
    with index.engine.begin() as connection:
        connection.execute(update(m.Event).where(col(m.Event.event_id) == event).values(participant=number))


@pytest.mark.parametrize(("by_poster", "kept"), [(True, True), (False, False)])
def test_refused_event__taken_back__stays_only_if_its_own_poster_did_it(
        clean: JourneyIndex, by_poster: bool, kept: bool) -> None:
    attempt = _set(clean, Kind.ISSUE_PROD, outcome=int(Outcome.NOT_ENOUGH), outcome_name="NOT_ENOUGH")
    correct = clean.correct(attempt, LOT if by_poster else "customs-bac-ninh")
    events = {e.id: e for e in load(clean).events}
    assert (attempt in events) is kept
    if kept:
        assert events[attempt].withdrawn_by == correct and not events[attempt].recorded


def test_payload__sealed_to_others__names_stay_ids_and_nothing_is_guessed(clean: JourneyIndex) -> None:
    with clean.engine.begin() as connection:
        connection.execute(update(m.Payload).values(status="sealed", document=None))
        for table in (m.UnitName, m.Material, m.DeclarationLine, m.Norm, m.CountEntry):
            connection.execute(table.__table__.delete())  # type: ignore[attr-defined]
    book = load(clean)
    assert all(lot.id.startswith("0x") and lot.code.startswith("0x") and not lot.uom for lot in book.lots)
    assert book.norms == () and book.counts == () and not any(e.seals for e in book.events)
    report = examine(book)
    assert report.findings == []
    assert {f.rule for f in report.not_evaluable} >= {"B2", "N1"}
    assert settle(book).form15


def test_payload__other_content_than_signed__is_not_read(clean: JourneyIndex) -> None:
    with clean.engine.begin() as connection:
        connection.execute(update(m.Payload).values(status="mismatch"))
    assert not any(e.seals or e.loss or e.reason for e in load(clean).events)


def test_as_of__before_the_exports__nothing_later_is_known(clean: JourneyIndex) -> None:
    as_of = period_of("2025-03-31", "2025-03-31").end_ms
    book = load(clean, as_of_ms=as_of)
    assert max(e.occurred.start_ms for e in book.events) <= as_of
    assert settle(book).form15a[0]["exported"] == 0
    assert all(x.cleared is None or x.cleared.start_ms <= as_of for x in book.lines)


def test_known_at__only_what_was_recorded_by_then(clean: JourneyIndex) -> None:
    book = load(clean)
    middle = sorted(e.recorded_ms for e in book.events)[100]
    assert len(book.known_at(middle).events) < len(book.events)
    assert all(e.recorded_ms <= middle for e in book.known_at(middle).events)


def test_quantities__from_the_index__are_whole_micro_units(clean: JourneyIndex) -> None:
    for event in load(clean).events:
        assert all(type(leg.quantity_micro) is int for leg in event.legs)


def test_duty_rate__twelve_per_cent__is_a_fraction(clean: JourneyIndex) -> None:
    line = next(x for x in load(clean).lines if x.key == "106550118230/1")
    assert line.duty_rate is not None and Decimal(line.duty_rate.numerator) / line.duty_rate.denominator == Decimal("0.12")
    assert line.value == 589_280_000 and line.cleared is not None


def test_book__unknown__is_not_found(clean: JourneyIndex) -> None:
    with pytest.raises(NotFoundError):
        load(clean, "no-such-book")


def test_period__backwards__is_refused() -> None:
    with pytest.raises(InputError):
        period_of("2025-12-31", "2025-01-01")


def test_custody__of_no_book__is_checked_apart() -> None:
    fault = next(f for f in irregularities() if f["name"] == "release-under-hold")
    index = journey(fault["name"], outcomes=refused(fault))
    book = load(index)
    with index.session() as session:
        alone = load_custody(session, index.directory, period=YEAR)
        beside = load_custody(session, index.directory, period=YEAR, without=[book])
    assert {f.rule for f in check(alone)} == {"C1"}
    assert check(beside) == []
    index.engine.dispose()


def _unit(index: JourneyIndex, scope: str, number: str) -> str:
    with index.session() as session:
        return str(session.execute(select(col(m.UnitName.unit)).where(
            col(m.UnitName.scope) == scope, col(m.UnitName.number) == number)).scalar_one())


def test_timeline__container__tells_who_held_it_where_and_what_was_refused() -> None:
    fault = next(f for f in irregularities() if f["name"] == "release-under-hold")
    index = journey(fault["name"], outcomes=refused(fault))
    unit = _unit(index, "RDLHPH2505238", "RDLU3044166")
    with index.session() as session:
        entries = timeline(session, unit, index.directory)
    assert [e.seq for e in entries] == sorted(e.seq for e in entries)
    assert entries[0].kind in ("ARRIVE", "DECLARE") and {"HOLD", "UNHOLD", "ELIGIBLE"} <= {e.kind for e in entries}
    attempts = [e for e in entries if e.refused]
    assert [(e.kind, e.outcome, e.actor) for e in attempts] == [("GATE_OUT", "HELD", "cat-hai-terminal")]
    assert entries[-1].holder == "thanh-lam-garment"
    assert not any(e.uncovered for e in entries)
    assert json.loads(json.dumps(entries[0].to_json()))["kind"] == entries[0].kind
    index.engine.dispose()


def test_timeline__payload_not_readable__is_marked(clean: JourneyIndex) -> None:
    unit = _unit(clean, LOT, "FAB-2505-P")
    with clean.engine.begin() as connection:
        connection.execute(update(m.Payload).values(status="withheld", document=None))
    with clean.session() as session:
        entries = timeline(session, unit, clean.directory)
    assert entries and all(e.uncovered and e.payload == "withheld" for e in entries)
    assert {e.holder for e in entries} == {"thanh-lam-garment", "phuc-hai-print"}


def test_timeline__opening_lot__shows_its_approval_but_not_its_siblings(clean: JourneyIndex) -> None:
    with clean.session() as session:
        entries = timeline(session, _unit(clean, LOT, "JKT-OPEN"), clean.directory)
    assert [e.kind for e in entries][:2] == ["OPENING", "APPROVE"]
    assert entries[0].approved_by == entries[1].event_id and entries[0].outcome == "PENDING"


def test_timeline__unknown_unit__is_not_found(clean: JourneyIndex) -> None:
    with clean.session() as session, pytest.raises(NotFoundError):
        timeline(session, "0x" + "77" * 32, clean.directory)


@pytest.mark.parametrize(("scope", "number", "direction", "books"), [
    (LOT, "JKT-2503", "backward", 1), ("307318802640", "3", "backward", 1), ("106550118230", "1", "forward", 1),
    ("RDLHPH2502117", "RDLU2011701", "forward", 1), ("307318802640", "3", "forward", 1)])
def test_ask__any_unit__is_answered(clean: JourneyIndex, scope: str, number: str, direction: Any, books: int) -> None:
    with clean.session() as session:
        answers = ask(session, clean.directory, _unit(clean, scope, number), direction, as_of_ms=YEAR.end_ms)
    assert len(answers) == books
    for answer in answers:
        assert answer.nodes and answer.to_json()["direction"] == direction
        assert answer.rows


def test_ask__fabric_line_forward__16000_m_by_place(clean: JourneyIndex) -> None:
    with clean.session() as session:
        answer, = ask(session, clean.directory, _unit(clean, "106550118230", "1"), "forward", as_of_ms=YEAR.end_ms)
    assert sum(r.quantity_micro for r in answer.rows) == 16_000_000_000
    states = {r.kind for r in answer.rows}
    assert states == {"exported", "finished", "repurposed"}


def test_ask__container_never_received__is_not_found(clean: JourneyIndex) -> None:
    with clean.session() as session, pytest.raises(NotFoundError):
        ask(session, clean.directory, "0x" + "77" * 32, "forward", as_of_ms=YEAR.end_ms)
