"""Risk as the ways in show it: scores of books, records of actors, findings in order, proposals of controls.

All of it is of the latest runs of the questions that are kept (docs/runs.md), and of what the caller may see:
customs everything, an enterprise its own books and its own record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from api.views.findings import Sight, once
from api.views.names import iso_ms
from indexer.lookups import visible_units
from indexer.models import EventLine, Unit, UnitName
from indexer.queries import position
from ledger.errors import InputError
from tracer.labels import label
from tracer.moment import DAY_MS
from tracer.names import Names
from tracer.risk.conduct import WINDOW_DAYS, incidents, records, standing
from tracer.risk.controls import propose
from tracer.risk.ranking import confirmed_shares, ranked
from tracer.risk.score import WEIGHTS, currency_of, duty_at_risk, score_of
from tracer.runs.store import Run

if TYPE_CHECKING:
    from sqlmodel import Session

    from api.home import Home

_CHUNK = 500  # ids in one query
_OF_CONTROL = ("score", "band", "expected_duty", "currency")
_THINGS = ("container", "cargo", "lot")


def risk_view(sight: Sight, *, capacity: int = 0, aeo: Sequence[str] = ()) -> dict[str, Any]:
    """Books with their scores, actors with their records, units, and what to control.

    Args:
        capacity: how many books can be controlled; 0 proposes nothing.
        aeo: participants that are authorised economic operators, which customs says.

    Raises:
        NotFoundError: an unknown participant. InputError: nothing is indexed yet.
    """
    home = sight.home
    here = position(sight.session)
    if here is None:
        raise InputError("nothing is indexed yet.", remedy="Post something, or start the server.")
    operators = {home.directory.participant(one).number for one in aeo}
    kept = list(sight.latest())
    closed = confirmed_shares(home.runs.closed())
    books = _books(home, kept, closed)
    everything = once(f for _, _, findings in kept for f in findings)
    return {
        "known_at": {"block": here.block_number, "hash": here.block_hash},
        "books": books,
        "actors": _actors(sight, books, everything, operators, here.timestamp * 1000 + 999),
        "units": _units(sight, ranked(everything, closed)),
        "controls": propose([{"id": b["book"], **{k: b[k] for k in _OF_CONTROL}} for b in books], capacity,
                            here.block_hash),
        "capacity": capacity,
        "rules_judged": {rule: {"confirmed": yes, "dismissed": no}
                         for rule, (yes, no) in sorted(closed.items())},
    }


def _books(home: Home, kept: Sequence[tuple[Run, dict[str, Any], list[dict[str, Any]]]],
           closed: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """Books, the worst first: of several periods and policies the highest score counts."""
    periods: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run, document, findings in kept:
        if not run.question.book:
            continue  # custody on its own has units and actors, and no score of a book
        still = [f for f in findings if f["status"] != "dismissed"]
        report = document["report"]
        score = score_of({**report, "findings": still, "rules": _tested(report, still)})
        expected = sum((Decimal(f["expected_duty"] or 0) for f in ranked(still, closed)), Decimal(0))
        periods[run.question.book].append({
            "run": run.number, "from": run.question.first, "to": run.question.last,
            "duty_at_risk": duty_at_risk(still), "expected_duty": str(expected),
            "currency": currency_of(still), **score})
    rows = []
    for book, each in periods.items():
        worst = max(each, key=lambda p: (Decimal(p["score"] or 0), Decimal(p["duty_at_risk"])))
        rows.append({
            "book": book, "owner": home.directory.book(book).owner,
            **{k: worst[k] for k in ("score", "band", "checks", "combinations", "clean", "not_evaluable")},
            "duty_at_risk": str(max(Decimal(p["duty_at_risk"]) for p in each)),
            "expected_duty": str(max(Decimal(p["expected_duty"]) for p in each)),
            "currency": next((p["currency"] for p in each if p["currency"]), ""), "periods": each})
    return sorted(rows, key=lambda b: (-Decimal(b["expected_duty"]), -Decimal(b["score"] or 0), b["book"]))


def _tested(report: Mapping[str, Any], still: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each rule tested, dismissed findings no longer counted as failed."""
    left: dict[str, int] = defaultdict(int)
    for finding in still:
        left[finding["rule"]] += 1
    dropped: dict[str, int] = defaultdict(int)
    for finding in report["findings"]:
        dropped[finding["rule"]] += 1
    return [{**rule, "failed": max(0, rule["failed"] - (dropped[rule["rule"]] - left[rule["rule"]]))}
            for rule in report["rules"]]


def _actors(sight: Sight, books: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]],
            aeo: set[int], until_ms: int) -> list[dict[str, Any]]:
    home, session, reader = sight.home, sight.session, sight.reader
    worst: dict[str, str] = {}
    for book in books:
        if book["score"] is not None:
            worst[book["owner"]] = max(book["score"], worst.get(book["owner"], "0"), key=Decimal)
    confirmed = {home.directory.book(f["book"]).owner for f in findings
                 if f["book"] and f["severity"] == "critical" and f["status"] == "confirmed"}
    told = incidents(session, [f for f in findings if f["status"] != "dismissed"])
    rows = []
    for number, record in sorted(records(session, until_ms, home.settings.late_after_s).items()):
        if not reader.everything and reader.participant != number:
            continue
        who = home.directory.participant(number)
        rows.append({"participant": who.id, "name": who.name, **standing(
            {**record, **told.get(number, {})}, worst.get(who.id), confirmed_critical=who.id in confirmed,
            aeo=number in aeo), "from": iso_ms(until_ms - WINDOW_DAYS * DAY_MS), "to": iso_ms(until_ms)})
    return sorted(rows, key=lambda a: (-a["level"], a["participant"]))


def _units(sight: Sight, findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Containers, cargo and lots that open findings are about, or whose custody events are their evidence:
    points (the sum of the findings' weights), what is suggested, and where the unit is, where the caller may
    see that.
    """
    named = _named(sight.session, findings)
    about: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for finding in findings:
        if finding["subject"]["type"] in _THINGS:
            about[finding["subject"]["id"]].append(finding)
        elif finding["rule"][0] in "CSW":
            for unit in sorted({unit for e in finding["evidence"] for unit in named.get(e["id"], ())}):
                about[unit].append(finding)
    rows, places = [], _places(sight, list(about))
    for unit, told in about.items():
        points = sum(WEIGHTS[f["severity"]] for f in told)
        rows.append({"unit": unit, "place": places.get(unit, ""), "points": points,
                     "suggested": list(dict.fromkeys(f["suggested"] for f in told)),
                     "because": [{"id": f["id"], "rule": f["rule"], "severity": f["severity"],
                                  "explanation": f["explanation"]} for f in told],
                     "expected_duty": str(sum((Decimal(f["expected_duty"] or 0) for f in told), Decimal(0))),
                     "currency": currency_of(told)})
    return sorted(rows, key=lambda u: (-Decimal(u["expected_duty"]), -u["points"], u["unit"]))


def _places(sight: Sight, units: Sequence[str]) -> dict[str, str]:
    """The facility at which each unit is, by the unit's name, of those that the caller may see."""
    named: dict[str, str] = {}
    facility: dict[str, int] = {}
    numbers = sorted({unit.rpartition("/")[2] for unit in units})
    for start in range(0, len(numbers), _CHUNK):
        for name, unit in sight.session.exec(
            select(UnitName, Unit).join(Unit, col(Unit.unit) == col(UnitName.unit)).where(
                col(UnitName.number).in_(numbers[start:start + _CHUNK]))
        ):
            named[label(name.scope, name.number)] = unit.unit
            facility[unit.unit] = unit.facility
    wanted = {unit: named[unit] for unit in units if unit in named}
    seen = visible_units(sight.session, wanted.values(), sight.reader)
    names = Names(sight.session, sight.home.directory)
    return {unit: names.facility(facility[found]) for unit, found in wanted.items() if found in seen}


def _named(session: Session, findings: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names of the containers and cargo that events of evidence are about."""
    ids = sorted({e["id"] for f in findings for e in f["evidence"]
                  if f["rule"][0] in "CSW" and f["subject"]["type"] not in _THINGS})
    found: dict[str, list[str]] = defaultdict(list)
    for start in range(0, len(ids), _CHUNK):
        rows = session.exec(
            select(EventLine.event_id, UnitName).join(Unit, col(Unit.unit) == col(EventLine.unit)).join(
                UnitName, col(UnitName.unit) == col(Unit.unit)).where(
                col(EventLine.event_id).in_(ids[start:start + _CHUNK]),
                col(Unit.thing).in_(("CONTAINER", "CARGO"))))
        for event_id, name in rows:
            found[event_id].append(label(name.scope, name.number))
    return found
