"""A book as the ways in show it: its settlement, what does not add up, and who may ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import func
from sqlmodel import Session, col, select

from api.views.forms import tables_of
from api.views.names import iso_s
from api.views.past import PRESENT, When
from api.views.tables import FOLDER, joined, said_of
from api.views.ways import note_look_at_book
from indexer.lookups import HOLDER, Reader
from indexer.models import Book, Event, EventLine, Grant, Lot
from indexer.queries import position
from ledger.directory import BookEntry
from ledger.errors import InputError, NotFoundError
from ledger.events.strict_json import parse_json
from ledger.vocabulary import Regime, Role
from tracer.allocation import POLICIES
from tracer.check import examine
from tracer.facts import Facts
from tracer.load import load_book, period_of
from tracer.moment import iso, iso_day
from tracer.policy import OWN_POLICY, Policy
from tracer.settlement import settle_facts
from tracer.yields import BASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.home import Home
    from tracer.papers.kinds import PaperKind

OFFSET = "+07:00"
"""Zone in which days of a book begin and end."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question about a book: where, for whom, which one, and of which days (YYYY-MM-DD, both included).

    Attributes:
        session: of the present; by it is judged what the reader may see.
        policy: how it is settled.
        when: nothing after `as_of_ms` is known; `known_at` is what `then` answers for.
        then: the session that answers, where it is one about the past (`indexer.past`).
        beside: folder of tables beside the book, instead of the home's own (`tables`).
        told: what the tables read for this question were; filled by `facts`.
    """

    home: Home
    session: Session
    book: str
    first: str = ""
    last: str = ""
    reader: Reader = HOLDER
    policy: Policy = OWN_POLICY
    when: When = PRESENT
    then: Session | None = None
    beside: Path | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Session:
        """The session that answers."""
        return self.session if self.then is None else self.then

    def known_at(self) -> dict[str, Any] | None:
        """The last block that the answer knows of: asked again as known at it, the answer is the same."""
        here = position(self.data)
        return None if here is None else {
            "block": here.block_number, "hash": here.block_hash, "time": iso_s(here.timestamp)}

    def query(self) -> str:
        """What was asked, as the query of an address: days, policy and moment."""
        asked = {"from": self.first, "to": self.last, "allocation": self.policy.allocation,
                 "yield_basis": self.policy.yield_basis, "turnover_days": self.policy.turnover_days,
                 "as_of": None if self.when.as_of_ms is None else iso(self.when.as_of_ms, OFFSET),
                 "known_at": self.when.known_at}
        return urlencode({key: value for key, value in asked.items() if value not in (None, "")})

    def during(self, first: str, last: str) -> Ask:
        """The same of other days."""
        return replace(self, first=first, last=last)

    def named_days(self) -> tuple[str, str]:
        """First and last day: as asked, else of the year of the book's latest event."""
        return _period(self, self.entry())

    def entry(self) -> BookEntry:
        """The book, where the reader may settle it; see `book_for`."""
        return book_for(self.home, self.session, self.reader, self.book)

    def facts(self, first: str, last: str) -> Facts:
        """The book's data in a period that the reader may settle.

        Raises:
            NotFoundError: the book is not for this reader, or not these days of it.
            InputError: not days.
        """
        entry = self.days(first, last)
        facts = facts_of(self, entry, first, last)
        note_look_at_book(self.home, self.reader, entry, f"/books/{entry.id}?from={first}&to={last}")
        return facts

    def days(self, first: str, last: str) -> BookEntry:
        """The book, where the reader may settle it in a period; errors as `facts`."""
        entry = self.entry()
        owner = self.home.directory.participant(entry.owner).number
        if not self.reader.everything and self.reader.participant != owner:
            asked = period_of(first, last, OFFSET)
            spans = _granted(self.home, self.session, self.reader).get(entry.number, [])
            if not any(start <= asked.start_ms and asked.end_ms <= end for start, end in spans):
                raise NotFoundError(f"nothing of book {entry.id!r} on those days is granted to you.",
                                    remedy="Ask its owner or customs for a grant of the period.")
        return entry


def books_for(home: Home, reader: Reader, session: Session | None = None) -> list[dict[str, Any]]:
    """Books that a reader may settle: customs all, an owner its own, an auditor those granted to it."""
    if session is None:
        with home.session() as opened:
            return books_for(home, reader, opened)
    granted = {} if reader.everything else _granted(home, session, reader)
    found = []
    for entry in home.directory.books:
        owner = home.directory.participant(entry.owner)
        if reader.everything or owner.number == reader.participant or entry.number in granted:
            found.append(_book(home, entry))
    return found


def books_view(home: Home, session: Session, reader: Reader = HOLDER) -> dict[str, Any]:
    """Books that a reader may settle, with how many lots each has and what was last recorded of it.

    A book that the ledger knows and the directory does not name is told to who sees everything: it can be
    settled only once it has a name.
    """
    chain = {row.number: row for row in session.exec(select(Book))}
    named = books_for(home, reader, session)
    if reader.everything:
        numbers = {entry["number"] for entry in named}
        named += [_nameless(home, row) for number, row in chain.items() if number not in numbers]
    lots = dict(session.exec(select(Lot.book, func.count()).group_by(col(Lot.book))).all())
    rows = []
    for entry in sorted(named, key=lambda b: b["number"]):
        row = chain.get(entry["number"])
        rows.append({
            **entry, "openingOpen": None if row is None else row.opening_open,
            "lots": lots.get(entry["number"], 0), "lastAct": _last_act(home, session, entry["number"])})
    return {"books": rows}


def _nameless(home: Home, row: Book) -> dict[str, Any]:
    owner = next((p for p in home.directory.participants if p.number == row.owner), None)
    regime = next((r.name for r in Regime if r == row.regime), str(row.regime))
    return {"number": row.number, "id": "", "name": "", "regime": regime,
            "owner": owner.id if owner else "", "ownerName": owner.name if owner else ""}


def _last_act(home: Home, session: Session, book: int) -> dict[str, Any] | None:
    """What was last recorded of a book: an act that names it, or one of its lots."""
    of_lots = select(func.max(Event.seq)).join(
        EventLine, col(EventLine.event_id) == col(Event.event_id)).join(
        Lot, col(Lot.unit) == col(EventLine.unit)).where(col(Lot.book) == book, col(Event.outcome) < 100)
    of_book = select(func.max(Event.seq)).where(col(Event.book) == book, col(Event.outcome) < 100)
    last = max((seq for seq in (session.exec(of_book).one(), session.exec(of_lots).one()) if seq), default=0)
    event = session.exec(select(Event).where(col(Event.seq) == last)).first()
    if event is None:
        return None
    by = next((p.id for p in home.directory.participants if p.number == event.participant), "")
    return {"event": event.event_id, "kind": event.kind, "by": by,
            "occurredAt": iso(event.occurred_at_ms, OFFSET), "recordedAt": iso_s(event.recorded_at_s)}


def book_for(home: Home, session: Session, reader: Reader, book_id: str) -> BookEntry:
    """A book that the reader may settle.

    Raises:
        NotFoundError: there is none of that id, or it is not for this reader: both look the same.
    """
    known = {book["id"] for book in books_for(home, reader, session)}
    if book_id not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise NotFoundError(f"no book {book_id!r} is known.", remedy=f"Known: {listed}.")
    return home.directory.book(book_id)


def facts_of(ask: Ask, entry: BookEntry, first: str, last: str) -> Facts:
    """The data of a book in a period under the policy asked for, ready for rules and forms.

    Args:
        first, last: days, YYYY-MM-DD, both included.

    Raises:
        InputError: not days, the last lies before the first, all of them before the book began or after what
            is known, or the moment asked about lies before them.
    """
    if not (len(first) == len(last) == 10):
        raise InputError("a period is two days.", remedy="Write them like 2026-01-01 and 2026-12-31.")
    period = period_of(first, last, OFFSET)
    as_of_ms = ask.when.as_of_ms
    if as_of_ms is not None and as_of_ms < period.start_ms:
        raise InputError(f"as of {iso(as_of_ms, OFFSET)} nothing of a period from {first} on had happened.",
                         remedy="Ask as of a time in the period or after it.", pointer="/as_of")
    began, known = _extent(ask, entry)
    if began is not None and (period.end_ms < began or period.start_ms > known):
        raise InputError(
            f"{first} to {last} lies outside book {entry.id}: it begins on {iso_day(began, OFFSET)} and is "
            f"known up to {iso_day(known, OFFSET)}.", remedy="Name days between the two.", pointer="/from")
    book = load_book(ask.data, ask.home.directory, entry.id, period=period, as_of_ms=as_of_ms, offset=OFFSET)
    tables = joined(book, ask.home.path, ask.beside)
    if tables is not None:
        book = tables.book
        ask.told["beside"] = said_of(tables, ask.beside or ask.home.path / FOLDER / book.id)
    return Facts(ask.policy.on(book))


def _extent(ask: Ask, entry: BookEntry) -> tuple[int | None, int]:
    """When the book's first event happened, and up to when anything can be known (ms since 1970)."""
    first = ask.data.exec(select(func.min(Event.occurred_at_ms)).where(
        col(Event.book) == entry.number, col(Event.outcome) < 100)).one()
    here = position(ask.data)
    if ask.when.known_at is None or here is None:
        return None if first is None else int(first), ask.home.clock() * 1_000
    return None if first is None else int(first), here.timestamp * 1_000


def settlement_view(ask: Ask, kind: PaperKind | None = None, given: Mapping[str, str] | None = None
                    ) -> dict[str, Any]:
    """Forms, exemption and findings of a book's period, under the policy asked for.

    Args:
        kind: the paper that is wanted; what it adds stands under its name. given: its particulars.
    """
    facts = ask.facts(ask.first, ask.last)
    settled = settle_facts(facts)
    paper = kind.of(facts, settled, given or {}) if kind else {}
    return {**settled.to_json(), "known_at": ask.known_at(), "report": examine(facts).to_json(),
            **ask.told, **paper}


def check_view(ask: Ask) -> dict[str, Any]:
    """What the rules say of a book; without days, of the year of its latest event."""
    entry = ask.entry()
    first, last = _period(ask, entry)
    facts = ask.facts(first, last)
    return {**examine(facts).to_json(), "period": {"from": first, "to": last},
            "as_of": iso(facts.book.as_of_ms, OFFSET), "allocation": facts.book.allocation,
            "yield_basis": facts.book.yield_basis, "known_at": ask.known_at(), **ask.told}


def book_view(ask: Ask) -> dict[str, Any]:
    """A book's page: settlement as tables, and findings."""
    entry = ask.entry()
    first, last = _period(ask, entry)
    facts = ask.facts(first, last)
    report = examine(facts).to_json()
    settlement = settle_facts(facts).to_json()
    return {
        **page_of(ask.home, entry, settlement, report),
        "policies": POLICIES,
        "bases": BASES,
        "knownAt": ask.known_at(),
        "query": ask.during(first, last).query(),
        "beside": None,
        **ask.told,
    }


def page_of(home: Home, entry: BookEntry, settlement: dict[str, Any],
            report: dict[str, Any]) -> dict[str, Any]:
    """A settlement and its findings as a page shows them, whenever they were made."""
    return {
        "book": _book(home, entry),
        "period": settlement["period"],
        "tables": tables_of(settlement),
        "missing": settlement["missing"],
        "findings": _titled(report, report["findings"]),
        "notEvaluable": report["not_evaluable"],
        "rulePack": report["rule_pack"],
        "allocation": settlement["allocation"],
        "yieldBasis": settlement["yield_basis"],
        "rules": report["rules"],
    }


def book_entry(ask: Ask) -> dict[str, Any]:
    """The book asked about, as its pages name it."""
    return _book(ask.home, ask.entry())


def findings_about(ask: Ask, unit: dict[str, Any]) -> list[dict[str, Any]]:
    """Findings of a book that are about a unit, or have one of its events as evidence."""
    entry = ask.entry()
    first, last = _period(ask, entry)
    report = examine(ask.facts(first, last))
    events = {row["eventId"] for row in unit["timeline"]}
    name = f"{unit['scope']}/{unit['number']}"
    found = [
        finding.to_json()
        for finding in report.findings
        if finding.subject_id in (name, unit["unit"]) or events & {e.id for e in finding.evidence}
    ]
    return _titled(report.to_json(), found)


def _titled(report: dict[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings with what their rule is called, and by what they are asked for."""
    titles = {rule["rule"]: rule["title"] for rule in report["rules"]}
    return [{**finding, "title": titles.get(finding["rule"], ""),
             "reference": f"{finding['rule']}:{finding['subject']['id']}"} for finding in findings]


def _period(ask: Ask, entry: BookEntry) -> tuple[str, str]:
    if ask.first and ask.last:
        return ask.first, ask.last
    latest = ask.data.exec(
        select(func.max(Event.occurred_at_ms)).where(
            col(Event.book) == entry.number, col(Event.outcome) < 100
        )
    ).one()
    year = iso_day(int(latest), OFFSET)[:4] if latest is not None else "2026"
    return ask.first or f"{year}-01-01", ask.last or f"{year}-12-31"


def _book(home: Home, entry: BookEntry) -> dict[str, Any]:
    owner = home.directory.participant(entry.owner) if entry.owner else None
    return {
        "number": entry.number,
        "id": entry.id,
        "name": entry.name,
        "regime": entry.regime,
        "owner": entry.owner,
        "ownerName": owner.name if owner else "",
    }


def _granted(home: Home, session: Session, reader: Reader) -> dict[int, list[tuple[int, int]]]:
    """Books granted to a reader as a whole, with the periods (ms, both included), of grants not ended.

    Only the owner of a book, and customs, can grant it: whoever else signs such a grant opens what its
    entries open, and no settlement.
    """
    owners = {entry.number: home.directory.participant(entry.owner).number for entry in home.directory.books}
    customs = {one.number for one in home.directory.with_role(Role.CUSTOMS)}
    found: dict[int, list[tuple[int, int]]] = {}
    for grant in session.exec(select(Grant).where(col(Grant.grantee) == reader.participant)):
        if grant.until_s is not None and grant.until_s < reader.now_s:
            continue
        scope = parse_json(grant.scope.encode())
        book = int(scope["book"]) if isinstance(scope, dict) and scope.get("book") else 0
        if book in owners and grant.grantor in {owners[book], *customs}:
            start, end = scope.get("from"), scope.get("to")
            found.setdefault(book, []).append(
                (int(start) if start is not None else 0, int(end) if end is not None else 2**63))
    return found
