"""Rows of the index as records of a book: which events count, what their legs are, what their payloads say.

Content comes from opened payloads alone; a unit or code that no opened payload names keeps its ledger id.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from indexer.among import Among
from ledger.vocabulary import Balance, Kind, LineRole, Origin, Outcome, Step, Thing
from tracer.beside import NOTHING_MORE, More
from tracer.book import HELD, DeclarationLine, Event, Leg, Lot
from tracer.content import Content, content_of, moved
from tracer.labels import label
from tracer.load_sql import (
    CLEARS,
    EVENT,
    EVENTS,
    EVENTS_BY_ID,
    LEG,
    LEGS_OF,
    LOTS_BY_ID,
    by_key,
    columns,
    keyed,
    rows_of,
    table_of,
)
from tracer.moment import parse_span, point
from tracer.names import Names
from tracer.quantity import number
from tracer.voids import Voids

_APPROVED = frozenset({Kind.OPENING.name, Kind.ADJUST.name, Kind.REASSIGN.name, Kind.DESTROY.name})
_ZERO = "0x" + "00" * 32
_KINDS, _STEPS, _OUTCOMES = dict(Kind.__members__), dict(Step.__members__), {o.value: o for o in Outcome}
_ROLES, _BALANCES, _ORIGINS = dict(LineRole.__members__), dict(Balance.__members__), dict(Origin.__members__)
_THINGS = {"container": Thing.CONTAINER, "cargo": Thing.CARGO, "lot": Thing.LOT}
_DOCUMENTS = keyed(columns(m.Payload, "event_id", "status", "document"), table_of(m.Payload).c.event_id)
_UNITS = keyed(columns(m.Unit, "unit", "thing"), table_of(m.Unit).c.unit)
_CONTENTS = keyed(select(table_of(m.DeclarationLine)), table_of(m.DeclarationLine).c.unit)
_CLEARS = keyed(CLEARS, LEG.unit)
_POSITION = itemgetter(1)  # in a row of `LEGS`


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
    others: frozenset[int] = frozenset()
    """Other books of the owner: acts with lots of theirs alone are left out."""
    named_only: bool = False
    """Whether of materials only those that are asked for are read: a part of a book needs few."""
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
    """Whether the names of all materials were read: there may be none."""
    _about: dict[str, tuple[str, Thing, str, str]] = field(default_factory=dict)
    """Name, thing, code and unit of measure of what legs name."""
    _held: dict[str, Any] = field(default_factory=dict)
    """Rows of lots by name."""
    _signed: dict[str, More] = field(default_factory=dict)
    _goods: dict[str, tuple[str, str]] = field(default_factory=dict)
    voids: Voids = field(init=False)
    """What was corrected."""

    def __post_init__(self) -> None:
        self.voids = Voids(self.session, self.customs)

    def read_lots(self, rows: Sequence[Any]) -> None:
        """Lots, by name, from rows of their table."""
        self.names.prepare({r.unit for r in rows} | {r.source_line for r in rows})
        self._read_materials({r.material for r in rows})
        unit = self.names.unit
        for name, row in sorted([(unit(r.unit), r) for r in rows], key=itemgetter(0)):
            code, uom = self._materials.get(row.material, (row.material, ""))
            source = "" if row.source_line == _ZERO else unit(row.source_line)
            self._things[row.unit] = Thing.LOT
            self._goods[row.unit] = (code, uom)
            self._held[name] = row
            self.lots[name] = Lot(name, code, uom, _ORIGINS[row.origin], source, self.names.book(row.book))

    def material(self, material: str) -> tuple[str, str]:
        """Code and unit of measure behind a material id; the id itself where no opened payload names it."""
        if material not in self._materials:
            self._read_materials({material})
        return self._materials.get(material, (material, ""))

    def _read_materials(self, wanted: set[str]) -> None:
        """Look up what materials are called; all of them at once where the book is read whole."""
        missing = wanted - self._materials.keys()
        if not missing or self._asked:
            return
        query = columns(m.Material, "material", "code", "uom", "description", "hs")
        if self.named_only:
            self._materials.update((x, (x, "")) for x in missing)
            query = query.where(Among(table_of(m.Material).c.material, sorted(missing)))
        self._asked = not self.named_only
        for row in rows_of(self.session, query):
            self._materials[row.material] = (row.code, row.uom)
            if row.description:
                self.descriptions.setdefault(row.code, row.description)
            if row.hs:
                self.hs.setdefault(row.code, row.hs)

    def read_lines(self, rows: Sequence[Any]) -> None:
        """Declaration lines as they stand, and when they were cleared or cancelled, from rows of their table.
        """
        self._read_materials({r.material for r in rows})
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
        found = by_key(self.session, _CONTENTS, (r.line for r in rows))
        declares = {e.event_id: e for e in by_key(self.session, EVENTS_BY_ID, {c.event_id for c in found})}
        lines = {r.line: r for r in rows}
        contents: dict[str, list[m.DeclarationLine]] = defaultdict(list)
        for content in found:
            line, event = lines[content.unit], declares.get(content.event_id)
            if content.event_id == line.version or (
                    event is not None and event.outcome == 0 and self.may_state(event, line.declarant)):
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

    def _clears(self, lines: Sequence[str]) -> dict[str, list[Any]]:
        result: dict[str, list[Any]] = defaultdict(list)
        for row in by_key(self.session, _CLEARS, lines, as_of_ms=self.as_of_ms):
            result[row.unit].append(row)
        return result

    def read_events(self, condition: ColumnElement[bool]) -> None:
        """Events that meet a condition, with their legs and content, in the ledger's order."""
        self.take_events(rows_of(self.session, EVENTS.where(
            condition, EVENT.occurred_at_ms <= self.as_of_ms).order_by(EVENT.seq)))

    def take_events(self, rows: Sequence[Any], legs: Mapping[str, Sequence[Any]] | None = None) -> None:
        """Events from rows of `EVENTS` in the ledger's order, none of them later than what is known.

        Args:
            legs: rows of the legs of all these events, by event, where the caller has them.
        """
        others = {r.approved_by or "" for r in rows}
        known = {r.event_id: r for r in rows}
        for row in by_key(self.session, EVENTS_BY_ID, others - known.keys() - {""}):
            known[row.event_id] = row
        self.voids.prepare(rows)
        kept = [r for r in rows if self._counts(r, known)]
        if legs is None:
            legs = self.legs_of([r.event_id for r in kept])
        if self.others:
            foreign = self._lots_of_others({leg.unit for r in kept for leg in legs.get(r.event_id, ())})
            kept = [r for r in kept if self._concerns(legs.get(r.event_id, ()), foreign)]
        of_event = [sorted(legs.get(r.event_id, ()), key=_POSITION) for r in kept]
        units = {line.unit for lines in of_event for line in lines}
        self.names.prepare(units | {r.reference for r in kept})
        self._read_materials({x.material for lines in of_event for x in lines if x.unit not in self._goods})
        missing = units - self._things.keys()
        for unit, thing in by_key(self.session, _UNITS, missing):
            self._things[unit] = Thing[thing]
        read = [r.event_id for r in kept if self.content_of is None or r.kind in self.content_of]
        documents = by_key(self.session, _DOCUMENTS, read)
        contents = {p.event_id: _content(p) for p in documents if p.status == "open" and p.document}
        self._about.clear()  # what was read since then may say more of them
        nothing = Content()
        for row, lines in zip(kept, of_event, strict=True):
            self.events.append(self._event(row, lines, contents.get(row.event_id, nothing), known))

    def legs_of(self, events: Sequence[str]) -> dict[str, list[Any]]:
        """Rows of the legs of events, by event."""
        result: dict[str, list[Any]] = defaultdict(list)
        for line in by_key(self.session, LEGS_OF, events):
            result[line.event_id].append(line)
        return result

    def _lots_of_others(self, units: set[str]) -> set[str]:
        """Those of the units that are lots of other books of the owner."""
        rows = by_key(self.session, LOTS_BY_ID, (unit for unit in units if unit not in self._goods))
        return {row.unit for row in rows if row.book in self.others}

    def _concerns(self, legs: Sequence[Any], foreign: set[str]) -> bool:
        """Whether an act has to do with the book: one that names lots of other books names one of it too."""
        return not any(leg.unit in foreign for leg in legs) or any(
            self._things.get(leg.unit) is Thing.LOT and leg.unit not in foreign for leg in legs)

    def _counts(self, row: m.Event, known: dict[str, m.Event]) -> bool:
        """Whether an event stands: what was voided or waits for approval does not."""
        outcome = _OUTCOMES[row.outcome]
        if outcome is Outcome.RECORDED and row.voided_by is None:
            return True
        if outcome == Outcome.PENDING:
            approval = known.get(row.approved_by or "")
            return (
                row.kind in _APPROVED
                and approval is not None
                and approval.outcome == 0
                and self.voids.stands(row)
            )
        if outcome.refused:
            return row.voided_by is None or (bool(self.voids.own(row)) and not self._by_others(row))
        return self.voids.stands(row)

    def _by_others(self, row: m.Event) -> bool:
        return row.participant not in self.customs and self.voids.by_customs(row)

    def _event(
        self, row: m.Event, lines: list[m.EventLine], content: Content, known: dict[str, m.Event]
    ) -> Event:
        """The record of a row; its legs come in their order."""
        outcome = _OUTCOMES[row.outcome]
        approval = known.get(row.approved_by or "") if outcome is Outcome.PENDING else None
        recorded = approval or row
        own = "" if row.voided_by is None else self.voids.own(row)
        kind = _KINDS[row.kind]
        reference = "" if row.reference == _ZERO else row.reference
        named = reference in self._line_units or self.names.unit_type(reference) == "line"
        line = self.names.unit(reference) if reference and named else ""
        legs = tuple(map(self._leg, lines))
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
            outcome=Outcome.RECORDED if approval else outcome,
            step=_STEPS[row.step],
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
            withdrawn_by=own if outcome >= Outcome.BAD_SIGNATURE else "",
            voided_by=own if outcome < Outcome.BAD_SIGNATURE else "",
            customs_seals=content.customs_seals,
            broken_seals=content.broken_seals,
            weighing=content.weighing if kind != Kind.CORRECT else None,  # it repeats what it takes back
            more=self._signed_by(row.signer, content.more),
        )

    def _signed_by(self, signer: str, more: More) -> More:
        if more is not NOTHING_MORE:
            return replace(more, signer=signer)
        if signer not in self._signed:
            self._signed[signer] = More(signer=signer)
        return self._signed[signer]

    def _own_line(self, lines: list[m.EventLine]) -> str:
        """Of the two declaration lines that a transfer names, the one of this book: they may have one owner.
        """
        incoming = any(x.role == LineRole.OUTPUT.name and x.unit in self._goods for x in lines)
        role = (LineRole.TRANSFER_IN if incoming else LineRole.TRANSFER_OUT).name
        own = (x.unit for x in lines if x.role == role and x.unit in self._line_units)
        return self.names.unit(unit) if (unit := next(own, "")) else ""

    def _leg(self, row: Any) -> Leg:
        """The record of a row of `LEGS`."""
        _, _, unit, material, balance, quantity, role = row
        about = self._about.get(unit)
        if about is None:
            about = self._about[unit] = (
                self.names.unit(unit), self._thing(unit), *self._goods.get(unit, ("", "")))
        name, thing, code, uom = about
        if not code and material != _ZERO:
            code, uom = self.material(material)
        return Leg(name, thing, _ROLES[role], _BALANCES[balance], int(quantity), code, uom)

    def _thing(self, unit: str) -> Thing:
        known = self._things.get(unit)
        return _THINGS.get(self.names.unit_type(unit), Thing.NONE) if known is None else known

    def settled_balances(self, book: int) -> dict[str, dict[Balance, int]]:
        """The index's balances of the lots that no act after `as_of` names: those are to be compared."""
        later = select(col(m.EventLine.unit)).distinct().join(
            m.Event, col(m.Event.event_id) == col(m.EventLine.event_id)).join(
            m.Lot, col(m.Lot.unit) == col(m.EventLine.unit)).where(
            col(m.Lot.book) == book, col(m.Event.occurred_at_ms) > self.as_of_ms,
            col(m.Event.outcome) < int(Outcome.BAD_SIGNATURE))
        moved = {self.names.unit(unit) for unit in self.session.execute(later).scalars()}
        return {lot: {b: int(getattr(row, f"{b.name.lower()}_micro")) for b in HELD}
                for lot, row in sorted(self._held.items(), key=itemgetter(0)) if lot not in moved}

    def may_state(self, event: m.Event, owner: int) -> bool:
        """Whether a poster may speak for a book: its owner, or customs. What a payload names is no right."""
        return event.participant == owner or event.participant in self.customs


def _content(payload: m.Payload) -> Content:
    return content_of(json.loads(payload.document or "{}", parse_float=Decimal))


def _optional(text: str) -> Fraction | None:
    return number(text) if text else None


def _percent(text: str) -> Fraction | None:
    """A duty rate as declared, in per cent, as a fraction."""
    return number(text) / 100 if text else None
