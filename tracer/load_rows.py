"""Rows of the index as records of a book: which events count, what their legs are, what their payloads say.

Content comes from opened payloads alone; a unit or code that no opened payload names keeps its ledger id.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import BookEntry
from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Step, Thing
from tracer.book import HELD, Count, DeclarationLine, Event, Leg, Lot, Norm
from tracer.content import Content, content_of, moved
from tracer.labels import label
from tracer.moment import Span, parse_span, point
from tracer.names import Names
from tracer.quantity import number
from tracer.voids import Voids

_APPROVED = frozenset({Kind.OPENING.name, Kind.ADJUST.name, Kind.REASSIGN.name, Kind.DESTROY.name})
_ZERO = "0x" + "00" * 32
_CHUNK = 500  # ids in one query


@dataclass(slots=True)
class Reader:
    """Rows of the index to records of a book, as known at a moment."""

    session: Session
    names: Names
    as_of_ms: int
    offset: str
    customs: frozenset[int] = frozenset()
    content_of: frozenset[str] | None = None
    """Kinds of which the content of events is read; of all where None."""
    balances: dict[str, dict[Balance, int]] = field(default_factory=dict)
    taken_back: set[str] = field(default_factory=set)
    """Counts and norms that still count although their poster voided them."""
    lots: dict[str, Lot] = field(default_factory=dict)
    lines: dict[str, DeclarationLine] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    hs: dict[str, str] = field(default_factory=dict)
    _things: dict[str, Thing] = field(default_factory=dict)
    _line_units: set[str] = field(default_factory=set)
    _materials: dict[str, tuple[str, str]] = field(default_factory=dict)
    _asked: bool = False
    """Whether the names of materials were read: there may be none."""
    _goods: dict[str, tuple[str, str]] = field(default_factory=dict)
    _voids: Voids = field(init=False)

    def __post_init__(self) -> None:
        self._voids = Voids(self.session, self.customs)

    def read_lots(self, query: Any) -> None:
        """Lots, by name; of a query of the table, which costs less, or of objects."""
        rows = _plain(self.session.execute(query).all())
        self.names.prepare({r.unit for r in rows} | {r.source_line for r in rows})
        for row in sorted(rows, key=lambda r: self.names.unit(r.unit)):
            code, uom = self.material(row.material)
            name = self.names.unit(row.unit)
            source = "" if row.source_line == _ZERO else self.names.unit(row.source_line)
            self._things[row.unit] = Thing.LOT
            self._goods[row.unit] = (code, uom)
            self.balances[name] = {b: int(getattr(row, f"{b.name.lower()}_micro")) for b in HELD}
            self.lots[name] = Lot(name, code, uom, Origin[row.origin], source, self.names.book(row.book))

    def material(self, material: str) -> tuple[str, str]:
        """Code and unit of measure behind a material id; the id itself where no opened payload names it."""
        if not self._asked:
            self._asked = True
            for row in self.session.execute(select(m.Material)).scalars():
                self._materials[row.material] = (row.code, row.uom)
                if row.description:
                    self.descriptions.setdefault(row.code, row.description)
                if row.hs:
                    self.hs.setdefault(row.code, row.hs)
        return self._materials.get(material, (material, ""))

    def read_lines(self, query: Any) -> None:
        """Declaration lines as they stand, with when they were cleared or cancelled; as `read_lots`."""
        rows = _plain(self.session.execute(query).all())
        self.names.prepare({r.line for r in rows} | {r.original for r in rows})
        contents = self._declared(rows)
        clears = self._clears([r.line for r in rows])
        for row in sorted(rows, key=lambda r: self.names.unit(r.line)):
            said = next((c for c in contents[row.line] if c.event_id == row.version),
                        max(contents[row.line], key=lambda c: c.registered_at, default=None))
            line = self._line(row, said)
            for clear in clears.get(row.line, []):
                if clear.step == Step.LINE_CANCELLED.name:
                    line = replace(line, cancelled=point(clear.occurred_at_ms),
                                   cancelled_recorded_ms=clear.recorded_at_s * 1_000)
                else:
                    line = replace(line, cleared=point(clear.occurred_at_ms), cleared_by=clear.event_id)
            self.lines[line.key] = line
            self._goods[row.line] = (line.code, line.uom)
            self._line_units.add(row.line)

    def _declared(self, rows: Sequence[m.LineState]) -> dict[str, list[m.DeclarationLine]]:
        """What recorded DECLAREs by a line's declarant or customs say of it, and the one it stands at."""
        found: list[m.DeclarationLine] = list(
            self._chunks(m.DeclarationLine, m.DeclarationLine.unit, [r.line for r in rows]))
        declares = {e.event_id: e for e in self._chunks(
            m.Event, m.Event.event_id, sorted({c.event_id for c in found}))}
        lines = {r.line: r for r in rows}
        contents: dict[str, list[m.DeclarationLine]] = defaultdict(list)
        for content in found:
            line, event = lines[content.unit], declares.get(content.event_id)
            if content.event_id == line.version or (
                    event is not None and event.outcome == 0 and self._may_state(event, line.declarant)):
                contents[content.unit].append(content)
        return contents

    def _line(self, row: m.LineState, said: m.DeclarationLine | None) -> DeclarationLine:
        code, uom = self.material(row.material)
        key = self.names.unit(row.line)
        original = "" if row.original == _ZERO else self.names.unit(row.original)
        base = DeclarationLine(
            key,
            LineRole[row.purpose],
            code,
            int(row.quantity_micro),
            uom,
            original=original,
            declared_by=row.version,
        )
        if said is None:
            return base
        if not original and said.original_declaration:
            original = label(said.original_declaration, said.original_line)
        return replace(
            base,
            code=said.code or code,
            uom=said.uom or uom,
            regime=said.regime,
            description=said.description,
            hs=said.hs,
            origin=said.origin,
            value=_optional(said.value),
            currency=said.currency,
            book=said.book,
            duty_rate=_percent(said.duty_rate),
            partner=said.partner,
            original=original,
            registered=parse_span(said.registered_at, self.offset) if said.registered_at else None,
        )

    def _clears(self, lines: Sequence[str]) -> dict[str, list[m.Event]]:
        result: dict[str, list[m.Event]] = defaultdict(list)
        for start in range(0, len(lines), _CHUNK):
            query = select(col(m.EventLine.unit), m.Event).join(
                m.Event, col(m.Event.event_id) == col(m.EventLine.event_id)).where(
                col(m.EventLine.unit).in_(lines[start:start + _CHUNK]), col(m.Event.kind) == Kind.CLEAR.name,
                col(m.Event.outcome) == 0, col(m.Event.voided_by).is_(None),
                col(m.Event.occurred_at_ms) <= self.as_of_ms).order_by(col(m.Event.seq))
            for unit, event in self.session.execute(query):
                result[unit].append(event)
        return result

    def read_events(self, condition: ColumnElement[bool]) -> None:
        """Events that meet a condition, with their legs and content, in the ledger's order."""
        rows: Sequence[Any] = self.session.execute(
            select(table_of(m.Event)).where(condition, col(m.Event.occurred_at_ms) <= self.as_of_ms)
            .order_by(col(m.Event.seq))).all()
        others = {r.approved_by or "" for r in rows}
        known = {r.event_id: r for r in rows}
        for row in self._chunks(m.Event, m.Event.event_id, sorted(others - known.keys() - {""})):
            known[row.event_id] = row
        self._voids.prepare(rows)
        kept = [r for r in rows if self._counts(r, known)]
        ids = [r.event_id for r in kept]
        legs: dict[str, list[m.EventLine]] = defaultdict(list)
        for line in self._chunks(m.EventLine, m.EventLine.event_id, ids):
            legs[line.event_id].append(line)
        units = {line.unit for lines in legs.values() for line in lines}
        self.names.prepare(units | {r.reference for r in kept})
        missing = sorted(u for u in units if u not in self._things)
        for unit in self._chunks(m.Unit, m.Unit.unit, missing):
            self._things[unit.unit] = Thing[unit.thing]
        read = [r.event_id for r in kept if self.content_of is None or r.kind in self.content_of]
        contents = {p.event_id: _content(p) for p in self._chunks(m.Payload, m.Payload.event_id, read)
                    if p.status == "open" and p.document}
        for row in kept:
            self.events.append(
                self._event(row, legs[row.event_id], contents.get(row.event_id, Content()), known)
            )

    def _counts(self, row: m.Event, known: dict[str, m.Event]) -> bool:
        """Whether an event stands: what was voided or waits for approval does not."""
        outcome = Outcome(row.outcome)
        if outcome == Outcome.PENDING:
            approval = known.get(row.approved_by or "")
            return (
                row.kind in _APPROVED
                and approval is not None
                and approval.outcome == 0
                and self._voids.stands(row)
            )
        if outcome.refused:
            return row.voided_by is None or (bool(self._voids.own(row)) and not self._by_others(row))
        return self._voids.stands(row)

    def _by_others(self, row: m.Event) -> bool:
        return row.participant not in self.customs and self._voids.by_customs(row)

    def _event(
        self, row: m.Event, lines: list[m.EventLine], content: Content, known: dict[str, m.Event]
    ) -> Event:
        approval = known.get(row.approved_by or "") if row.outcome == Outcome.PENDING else None
        recorded = approval or row
        kind = Kind[row.kind]
        reference = "" if row.reference == _ZERO else row.reference
        named = reference in self._line_units or self.names.unit_type(reference) == "line"
        line = self.names.unit(reference) if reference and named else ""
        legs = tuple(self._leg(x) for x in sorted(lines, key=lambda x: x.position))
        if kind == Kind.ACCEPT and any(x.role == LineRole.OUTPUT.name for x in lines):
            kind, legs, line = Kind.TRANSFER, moved(legs), self._own_line(lines)
        elif kind == Kind.TRANSFER:
            legs = tuple(replace(leg, role=LineRole.NONE) for leg in legs)
        return Event(
            id=row.event_id,
            seq=recorded.seq,
            kind=kind,
            occurred=point(row.occurred_at_ms),
            recorded_ms=recorded.recorded_at_s * 1_000,
            actor=self.names.participant(row.participant),
            legs=legs,
            outcome=Outcome.RECORDED if approval else Outcome(row.outcome),
            step=Step[row.step],
            counterparty=self.names.participant(row.counterparty),
            place=self.names.facility(row.facility),
            book=self.names.book(row.book),
            line=line,
            reference="" if line else reference,
            cited=content.cited,
            product=content.product,
            norm=reference if kind == Kind.TRANSFORM else "",
            loss=content.loss,
            seals=content.seals,
            reason=content.reason,
            expires_ms=row.deadline_s * 1_000 if kind == Kind.OFFER else 0,
            epcis_id=content.epcis_id,
            tx_hash=row.tx_hash,
            withdrawn_by=self._voids.own(row) if row.outcome >= Outcome.BAD_SIGNATURE else "",
            voided_by=self._voids.own(row) if row.outcome < Outcome.BAD_SIGNATURE else "",
            customs_seals=content.customs_seals,
            weighing=content.weighing if kind != Kind.CORRECT else None,  # it repeats what it takes back
            more=replace(content.more, signer=row.signer),
        )

    def _own_line(self, lines: list[m.EventLine]) -> str:
        """Of the two declaration lines that a transfer names, the one of this book's owner."""
        roles = (LineRole.TRANSFER_IN.name, LineRole.TRANSFER_OUT.name)
        own = (x.unit for x in lines if x.role in roles and x.unit in self._line_units)
        return self.names.unit(unit) if (unit := next(own, "")) else ""

    def _leg(self, row: m.EventLine) -> Leg:
        thing = self._things.get(row.unit)
        if thing is None:
            named = self.names.unit_type(row.unit)
            thing = {"container": Thing.CONTAINER, "cargo": Thing.CARGO, "lot": Thing.LOT}.get(
                named, Thing.NONE
            )
        code, uom = self._goods.get(row.unit, ("", ""))
        if not code and row.material != _ZERO:
            code, uom = self.material(row.material)
        return Leg(
            self.names.unit(row.unit),
            thing,
            LineRole[row.role],
            Balance[row.balance],
            int(row.quantity_micro),
            code,
            uom,
        )

    def settled_balances(self, book: int) -> dict[str, dict[Balance, int]]:
        """The index's balances of the lots that no act after `as_of` names: those are to be compared."""
        later = select(col(m.EventLine.unit)).distinct().join(
            m.Event, col(m.Event.event_id) == col(m.EventLine.event_id)).join(
            m.Lot, col(m.Lot.unit) == col(m.EventLine.unit)).where(
            col(m.Lot.book) == book, col(m.Event.occurred_at_ms) > self.as_of_ms,
            col(m.Event.outcome) < int(Outcome.BAD_SIGNATURE))
        moved = {self.names.unit(unit) for unit in self.session.execute(later).scalars()}
        return {lot: held for lot, held in sorted(self.balances.items()) if lot not in moved}

    def norms(self, of_book: ColumnElement[bool], owner: int) -> tuple[Norm, ...]:
        """Norms that the owner declared (or customs for it) for this book, of events that stand."""
        query = select(m.Norm, m.Event).join(m.Event, col(m.Event.event_id) == col(m.Norm.event_id)).where(
            of_book, col(m.Event.outcome) == 0).order_by(col(m.Event.seq), col(m.Norm.position))
        result = []
        enterprise = self.names.participant(owner)
        for row, event in self.session.execute(query):
            named = ("", enterprise) if event.participant == owner else (enterprise,)
            if not self._may_state(event, owner) or row.enterprise not in named or not self._kept(event):
                continue
            result.append(
                Norm(
                    row.product,
                    row.material,
                    number(row.norm),
                    row.product_uom,
                    row.material_uom,
                    row.flag,
                    self._span(row.valid_from),
                    self._span(row.valid_to),
                    _optional(row.loss_rate),
                    event.event_id,
                    event.recorded_at_s * 1_000,
                )
            )
        return tuple(result)

    def _may_state(self, event: m.Event, owner: int) -> bool:
        """Whether a poster may speak for a book: its owner, or customs. What a payload names is no right."""
        return event.participant == owner or event.participant in self.customs

    def _kept(self, event: m.Event) -> bool:
        """Whether a count or norm stands; one that does against its poster's CORRECT is remembered."""
        if not self._voids.stands(event):
            return False
        if event.voided_by is not None:
            self.taken_back.add(event.event_id)
        return True

    def counts(self, entry: BookEntry, enterprise: str, owner: int) -> tuple[Count, ...]:
        """Stocks that a stock-take of the book by its owner or customs states, by the date they are for."""
        query = (
            select(m.CountEntry, m.Event)
            .join(m.Event, col(m.Event.event_id) == col(m.CountEntry.event_id))
            .where(
                or_(col(m.CountEntry.book) == entry.id, col(m.Event.book) == entry.number),
                col(m.Event.outcome) == 0,
            )
            .order_by(col(m.Event.seq), col(m.CountEntry.position))
        )
        result = []
        for row, event in self.session.execute(query):
            if not self._may_state(event, owner) or not self._kept(event):
                continue
            at = parse_span(row.at, self.offset)
            if at.start_ms <= self.as_of_ms:
                lot = label(enterprise, row.lot) if row.lot else ""
                code = row.code or (self.lots[lot].code if lot in self.lots else "")
                result.append(Count(at, row.stock, code, int(row.quantity_micro), row.uom, lot, row.place,
                                    event.event_id))
        return tuple(result)

    def _span(self, text: str) -> Span | None:
        return parse_span(text, self.offset) if text else None

    def _chunks(self, model: Any, column: Any, keys: Sequence[str]) -> Iterable[Any]:
        """Rows of a table by key. Plain rows: nobody changes them, and objects of the session cost more."""
        for start in range(0, len(keys), _CHUNK):
            yield from self.session.execute(
                select(table_of(model)).where(col(column).in_(keys[start:start + _CHUNK])))


def table_of(model: Any) -> Any:
    """The table of a model: rows of it are plain, and nobody here changes them."""
    return model.__table__


def _plain(rows: Sequence[Any]) -> Sequence[Any]:
    """Rows of a table as they are; of a query of objects the objects."""
    return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows


def _content(payload: m.Payload) -> Content:
    return content_of(json.loads(payload.document or "{}", parse_float=Decimal))


def _optional(text: str) -> Fraction | None:
    return number(text) if text else None


def _percent(text: str) -> Fraction | None:
    """A duty rate as declared, in per cent, as a fraction."""
    return number(text) / 100 if text else None
