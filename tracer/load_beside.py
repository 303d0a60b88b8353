"""What the ledger and its index hold beside the events of a book: places, keys, devices, papers of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.vocabulary import MICRO, Role
from tracer.beside import Beside, Device, Document, OnSpot, Signer
from tracer.book import DeclarationLine, Event, Place
from tracer.load_rows import Reader
from tracer.load_sql import by_key, keyed, table_of
from tracer.moment import Span, point
from tracer.names import Names
from tracer.on_spot import answers
from tracer.on_spot import on_spot as on_spot_export
from tracer.quantity import number

_GEO = re.compile(r"^geo:(-?[0-9]+(?:\.[0-9]+)?),(-?[0-9]+(?:\.[0-9]+)?)")
_KINDS = ((Role.TERMINAL, "port"), (Role.YARD, "yard"), (Role.PROCESSOR, "factory"))
_FOREVER_S = 2**42
"""A validity beyond this many seconds is open; moments are kept in milliseconds of 64 bits."""


def places(session: Session, directory: Directory) -> tuple[Place, ...] | None:
    """Places that the chain knows, called as the directory calls them; coordinates where one is a `geo:` URI
    (RFC 5870). What kind a place is follows from the one role of its operator that says so. None where no
    place was ever registered.
    """
    known = set(session.execute(select(col(m.Facility.number))).scalars())
    if not known:
        return None
    roles = {p.id: p.roles for p in directory.participants}
    result = []
    for entry in sorted(directory.facilities, key=lambda f: f.number):
        if entry.number not in known:
            continue
        at = _GEO.match(entry.uri)
        named = [kind for role, kind in _KINDS if roles.get(entry.operator, Role(0)) & role]
        result.append(Place(
            entry.id, entry.name, named[0] if len(named) == 1 else "", entry.operator,
            latitude=_degrees(at[1]) if at else None, longitude=_degrees(at[2]) if at else None))
    return tuple(result)


def registered(session: Session, names: Names, as_of_ms: int) -> Beside:
    """Keys that may sign and devices that measure, as registered by a moment."""
    signers = tuple(
        Signer(row.address, names.participant(row.participant), "", names.facility(row.facility),
               _span(row.valid_from_s), _span(row.valid_until_s), _until(row.revoked_at_s, as_of_ms))
        for row in session.execute(select(m.Signer).order_by(col(m.Signer.address))).scalars())
    devices = tuple(
        Device(row.public_key, names.participant(row.participant), names.facility(row.facility),
               _span(row.calibrated_until_s), _until(row.revoked_at_s, as_of_ms))
        for row in session.execute(select(m.Device).order_by(col(m.Device.public_key))).scalars())
    return Beside(signers=signers or None, devices=devices or None)


def on_spot(session: Session, reader: Reader) -> tuple[OnSpot, ...] | None:
    """Import lines of others that name an on-spot export line of the book (#&NKTC#&number); None without such
    exports. The ledger shows the pair to customs from the moment at which the import is declared on it.
    """
    exports = {key.rpartition("/")[0]: key for key, line in reader.lines.items() if on_spot_export(line)}
    if not exports:
        return None
    own = {line.key for line in reader.lines.values()}
    found = session.execute(select(col(m.DeclarationLine.unit)).distinct().where(or_(*(
        col(m.DeclarationLine.description).contains(f"#&NKTC#&{number}", autoescape=True)
        for number in sorted(exports))))).scalars().all()
    others = Reader(session, reader.names, reader.as_of_ms, reader.offset, reader.customs)
    states = table_of(m.LineState)
    others.read_lines(by_key(session, keyed(select(states), states.c.line), found))
    result = []
    for line in sorted(others.lines.values(), key=lambda x: x.key):
        declaration, number = answers(line), line.key.rpartition("/")[2]
        same = f"{declaration}/{number}"
        export = same if same in reader.lines else exports.get(declaration, "")
        if export and line.key not in own and line.cancelled is None:
            result.append(OnSpot(
                export, line.key, line.registered, line.cleared, line.registered, line.cleared, line.hs,
                Fraction(line.quantity_micro, MICRO), line.uom, line.partner))
    return tuple(result)


def told_of_lines(lines: Iterable[DeclarationLine], events: Iterable[Event]) -> tuple[DeclarationLine, ...]:
    """Declaration lines with what events say of them: papers of their DECLARE, and their channel."""
    lines = list(lines)
    declares: dict[str, Event] = {}
    channels: dict[str, str] = {}
    for event in sorted(events, key=lambda e: e.seq):
        declares[event.id] = event
        if event.more.channel and event.recorded:
            channels.update(dict.fromkeys((event.line, *(x.unit for x in event.legs)), event.more.channel))
    result = []
    for line in lines:
        papers = declares[line.declared_by].more.documents if line.declared_by in declares else ()
        result.append(replace(
            line,
            certificate=line.certificate or _number(papers, "certificate"),
            contract=line.contract or _number(papers, "contract"),
            channel=line.channel or channels.get(line.key, ""),
            stated_uom=line.stated_uom or line.uom))
    return tuple(result)


def _number(papers: Iterable[Document], kind: str) -> str:
    return next((paper.number for paper in papers if kind in paper.type.lower()), "")


def _degrees(text: str) -> Fraction:
    return number(text)


def _span(seconds: int) -> Span | None:
    return point(int(seconds) * 1_000) if 0 < int(seconds) < _FOREVER_S else None


def _until(seconds: int | None, as_of_ms: int) -> Span | None:
    return None if seconds is None or seconds * 1_000 > as_of_ms else point(seconds * 1_000)
