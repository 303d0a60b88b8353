"""events.jsonl as the same records that movements.csv gives: EPCIS events of the customs profile.

A line is one EPCIS event, a whole EPCIS document, or an envelope `{"as": POSTER, "recordedAt": TIME,
"event": EVENT}` (or `"document"`) that also says who posted it and when it was recorded. Without an envelope
the poster is the giver of an offer, the taker of an acceptance, customs for what only customs does, else the
enterprise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import is_
from pathlib import Path
from typing import Any

from ledger.errors import InputError
from ledger.events import cbv
from ledger.events.content import Content, Declaration
from ledger.events.document import document_of, is_bare_event
from ledger.events.ids import NamedUnit, UnitType
from ledger.events.profile import Interpretation, NamingContext, interpret
from ledger.events.strict_json import parse_json
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import Kind, LineRole, Role, Step, Thing
from tracer.beside import More
from tracer.book import Count, DeclarationLine, Event, Leg, Norm
from tracer.content import content_of, moved
from tracer.files.folder import EVENTS, PARTICIPANTS, Folder
from tracer.files.guests import SECRET, Guests, Keys, guests
from tracer.files.movements import CUSTOMS
from tracer.labels import label
from tracer.moment import Span, parse_span, point
from tracer.quantity import micro, number

_BY_CUSTOMS = frozenset({"HOLD", "UNHOLD", "ELIGIBLE", "REVOKE", "CLEAR", "EXIT_CONFIRM", "APPROVE", "DENY"})
_THINGS = {UnitType.CONTAINER: Thing.CONTAINER, UnitType.CARGO: Thing.CARGO, UnitType.LOT: Thing.LOT}
_NOTHING = Content()
_PARTIES = ("possessing_party", "owning_party")
_SMALL = DEFAULT_LIMITS.event_bytes_max // 4
"""Bytes of a line whose event is of no forbidden size, however it is written."""
_REMARKS = frozenset({Kind.OBSERVE, Kind.COUNT, Kind.CORRECT})


@dataclass(slots=True)
class _Said:
    """One event as it was read; `content` only where it states something beside its lines."""

    event: Event
    epcis: str
    correction: bool
    content: Content | None
    customs: bool
    line: int

    @property
    def declaration(self) -> Declaration | None:
        """The declaration line that it declares."""
        return self.content.declaration if self.content is not None else None


@dataclass(slots=True)
class Signed:
    """Reads events.jsonl.

    Attributes:
        events: what happened. counts, norms, lines: what the events state.
        hs, descriptions: tariff code and name of goods, by code.
        elsewhere: names of what the file tells of and the book leaves out. customs: who is customs.
    """

    folder: Folder
    enterprise: str
    book: str
    events: list[Event] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    norms: list[Norm] = field(default_factory=list)
    lines: dict[str, DeclarationLine] = field(default_factory=dict)
    hs: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    customs: set[str] = field(default_factory=lambda: {CUSTOMS})
    _said: list[_Said] = field(default_factory=list)
    _units: dict[bytes, NamedUnit] = field(default_factory=dict)
    _goods: dict[str, tuple[str, str]] = field(default_factory=dict)
    _asked: dict[bytes, str] = field(default_factory=dict)
    _once: dict[str, str] = field(default_factory=dict)  # a name in memory once, however many events have it
    _mores: dict[More, More] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        """Take in every line; one that cannot be read is told and left out.

        Raises:
            InputError: participants.json is not a directory of names.
        """
        self.folder.read.append(EVENTS)
        directory = guests(self.folder.path / PARTICIPANTS)
        if self.folder.has(PARTICIPANTS):
            self.folder.read.append(PARTICIPANTS)
        self.customs |= {p.id for p in directory.with_role(Role.CUSTOMS)}
        with path.open("rb") as file:
            for at, text in enumerate(file, 1):
                if not text.strip():
                    continue
                try:
                    for poster, recorded, event in _opened(text, self.enterprise):
                        who = directory.participant(poster).id
                        meaning = interpret(
                            event, NamingContext(SECRET, directory, Keys(), who, self._resolve)
                        )
                        self._take(meaning, event, directory, who, recorded, at)
                except InputError as fault:
                    self.folder.faults.add(EVENTS, at, fault.pointer, fault.message, fault.remedy)
        self._settle()

    def _resolve(self, identifier: str) -> bytes:
        digest = hashlib.sha256(identifier.encode()).digest()
        self._asked[digest] = identifier
        return digest

    def _take(  # noqa: PLR0917 - one event with all that is known of it
        self,
        meaning: Interpretation,
        epcis: dict[str, Any],
        directory: Guests,
        who: str,
        recorded: str,
        at: int,
    ) -> None:
        said = meaning.event
        for named in meaning.units:
            self._units[named.unit] = named
        self._units.update({n.unit.unit: n.unit for n in meaning.line_names if n.unit is not None})
        for about in meaning.line_names:
            if about.material is not None and about.unit is not None:
                key = label(about.unit.scope, about.unit.number)
                self._goods[key] = (about.material.code, about.material.uom)
                if about.material.hs:
                    self.hs.setdefault(about.material.code, about.material.hs)
                if about.material.description:
                    self.descriptions.setdefault(about.material.code, about.material.description)
        name = meaning.epcis_event_id or f"{EVENTS}:{at}"
        content = content_of(epcis)
        line, reference = self._reference(said.reference)
        when = point(said.occurred_at_ms)
        event = Event(
            id=f"{name} (correction)" if meaning.is_correction else name,
            seq=0,
            kind=said.kind,
            step=said.step,
            occurred=when,
            recorded_ms=parse_span(recorded, self.folder.offset).end_ms if recorded else when.end_ms,
            actor=who,
            legs=tuple(self._legs(meaning)),
            counterparty=directory.participant(said.counterparty).id if said.counterparty else "",
            place=directory.facility(said.facility).id if said.facility else "",
            book=meaning.book or "",
            line=line,
            reference=reference,
            cited=content.cited,
            product=content.product,
            norm=reference if said.kind == Kind.TRANSFORM else "",
            loss=content.loss,
            seals=content.seals,
            customs_seals=content.customs_seals,
            broken_seals=content.broken_seals,
            weighing=content.weighing if said.kind != Kind.CORRECT else None,  # it repeats what it takes back
            reason=content.reason,
            epcis_id=content.epcis_id,
            more=self._mores.setdefault(content.more, content.more),
        )
        stated = meaning.content
        states = stated.declaration is not None or stated.norm is not None or stated.counts
        self._said.append(_Said(
            event, name, meaning.is_correction, stated if states else None, who in self.customs, at))

    def _reference(self, digest: bytes) -> tuple[str, str]:
        """The declaration line and the event that a reference names; one of them is empty."""
        unit = self._units.get(digest)
        if unit is not None:
            return label(unit.scope, unit.number), ""
        return "", self._asked.get(digest, "")

    def _legs(self, meaning: Interpretation) -> Iterator[Leg]:
        for line, about in zip(meaning.event.lines, meaning.line_names, strict=True):
            if about.unit is None:
                continue
            named = label(about.unit.scope, about.unit.number)
            code, uom = self._goods.get(named, ("", about.uom))
            yield Leg(
                self._once.setdefault(named, named),
                _THINGS.get(about.unit.type, Thing.NONE),
                line.role,
                line.balance,
                line.quantity_micro,
                code,
                uom or about.uom,
            )

    def _settle(self) -> None:
        """Events of this book, corrections applied, statements of it as records."""
        declared = self._declared()
        own = sorted(
            (s for s in self._said if self._of_book(s, declared)),
            key=lambda s: (s.event.occurred.start_ms, s.line),
        )
        voided = self._voided(own)
        denied = {s.event.reference for s in own if s.event.kind == Kind.DENY}
        for said in own:
            void = voided.get(said.event.id)
            if said.event.id in denied or (
                void is not None
                and (
                    void.customs
                    or said.event.kind in _REMARKS
                    or (said.event.kind == Kind.DECLARE and said.event.step == Step.NORM)
                )
            ):
                continue
            event = said.event if void is None else replace(said.event, voided_by=void.event.id)
            self._state(said)
            self.events.append(self._named(event))
        kept = {event.id for event in self.events}
        for said in self._said:
            if said.event.id not in kept:
                self.elsewhere |= {said.event.id, *(leg.unit for leg in said.event.legs)}

    def _voided(self, own: list[_Said]) -> dict[str, _Said]:
        return {s.epcis: s for s in own if s.correction and s.event.kind == Kind.CORRECT}

    def _of_book(self, said: _Said, declared: set[str]) -> bool:
        """Whether an event is about this book, not about another or somebody else's lot or declaration."""
        if said.event.book:
            return said.event.book == self.book
        if said.declaration is not None:
            return (said.declaration.enterprise or said.event.actor) == self.enterprise
        lots = [leg for leg in said.event.legs if leg.thing == Thing.LOT]
        if lots:
            return any(leg.unit.startswith(f"{self.enterprise}/") for leg in lots)
        lines = [leg for leg in said.event.legs if leg.thing == Thing.NONE]
        if lines:
            return any(leg.unit in declared for leg in lines)
        return True

    def _declared(self) -> set[str]:
        return {
            label(s.declaration.declaration, s.declaration.line)
            for s in self._said
            if s.declaration is not None
            and (s.declaration.enterprise or s.event.actor) == self.enterprise
        }

    def _named(self, event: Event) -> Event:
        """Legs with the code of their lot, which a later event may not repeat."""
        legs = tuple(self._coded(leg) for leg in event.legs)
        if event.kind == Kind.ACCEPT and any(leg.role == LineRole.OUTPUT for leg in legs):
            return replace(event, kind=Kind.TRANSFER, legs=moved(legs))
        return event if all(map(is_, legs, event.legs)) else replace(event, legs=legs)

    def _coded(self, leg: Leg) -> Leg:
        code, uom = self._goods.get(leg.unit, (leg.code, leg.uom))
        return leg if (code, uom) == (leg.code, leg.uom) else replace(leg, code=code, uom=uom)

    def _state(self, said: _Said) -> None:
        event, content = said.event, said.content or _NOTHING
        if content.declaration is not None:
            self._line(content.declaration, said)
        if content.norm is not None:
            norm = content.norm
            self.norms += [
                Norm(
                    norm.product,
                    x.material,
                    number(x.norm),
                    norm.product_uom,
                    x.material_uom,
                    x.flag,
                    self._span(norm.valid_from),
                    self._span(norm.valid_to),
                    number(x.loss_rate) or None,
                    event.id,
                    event.recorded_ms,
                )
                for x in norm.lines
            ]
        for count in content.counts:
            lot = label(self.enterprise, count.lot) if count.lot else ""
            code = count.code or self._goods.get(lot, ("", ""))[0]
            at = parse_span(count.at, self.folder.offset)
            self.counts.append(
                Count(at, count.stock, code, micro(count.quantity), count.uom, lot, count.place, event.id)
            )
        if event.kind == Kind.CLEAR:
            for leg in event.legs:
                line = self.lines.get(leg.unit)
                if line is None:
                    continue
                if event.step == Step.LINE_CANCELLED:
                    self.lines[leg.unit] = replace(
                        line, cancelled=event.occurred, cancelled_recorded_ms=event.recorded_ms
                    )
                else:
                    self.lines[leg.unit] = replace(line, cleared=event.occurred, cleared_by=event.id)

    def _line(self, said: Declaration, about: _Said) -> None:
        key = label(said.declaration, said.line)
        before = self.lines.get(key)
        papers = about.content.papers if about.content is not None else ()
        line = DeclarationLine(
            key,
            said.purpose,
            said.code,
            micro(said.quantity),
            said.uom,
            said.regime,
            said.description,
            said.hs,
            said.origin,
            None if said.value is None else number(said.value),
            said.currency,
            None if said.duty_rate is None else number(said.duty_rate) / 100,
            said.partner,
            label(said.original_declaration, said.original_line) if said.original_declaration else "",
            self._span(said.registered_at),
            declared_by=about.event.id,
            book=about.event.book,
            certificate=next((p.number for p in papers if "certificate" in p.type.lower()), ""),
            contract=next((p.number for p in papers if "contract" in p.type.lower()), ""),
            stated_uom=said.uom,
        )
        self._goods[key] = (said.code, said.uom)
        self.lines[key] = (
            line
            if before is None
            else replace(
                line,
                cleared=before.cleared,
                cleared_by=before.cleared_by,
                cancelled=before.cancelled,
                cancelled_recorded_ms=before.cancelled_recorded_ms,
            )
        )

    def _span(self, text: str) -> Span | None:
        return parse_span(text, self.folder.offset) if text else None


def _opened(text: bytes, enterprise: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Poster, time of recording and event of a line.

    Raises:
        InputError: not JSON, or not EPCIS.
    """
    value = parse_json(text)
    poster = recorded = ""
    if isinstance(value, dict) and ("event" in value or "document" in value):
        poster, recorded = str(value.get("as", "")), str(value.get("recordedAt", ""))
        value = value.get("event", value.get("document"))
    if is_bare_event(value) and len(text) <= _SMALL:
        yield poster or _poster(value) or enterprise, recorded, value
        return
    for event in document_of(value, len(text)).events:
        yield poster or _poster(event) or enterprise, recorded, event


def _poster(event: Mapping[str, Any]) -> str:
    """Who posts an event of which nothing says so."""
    kind = str(event.get("cl:kind", ""))
    if kind in _BY_CUSTOMS:
        return CUSTOMS
    side = {"OFFER": "sourceList", "TRANSFER": "sourceList", "ACCEPT": "destinationList"}.get(kind, "")
    return _party(event, side) if side else ""


def _party(event: Mapping[str, Any], side: str) -> str:
    part = side.removesuffix("List")
    items = event.get(side)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and cbv.bare(str(item.get("type", "")), "sourceDest") in _PARTIES:
            return str(item.get(part, ""))
    return ""
