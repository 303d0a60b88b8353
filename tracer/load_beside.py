"""What the ledger and its index hold beside the events of a book: places, keys, devices, papers of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.vocabulary import Role
from tracer.beside import Beside, Device, Document, Signer
from tracer.book import DeclarationLine, Event, Place
from tracer.moment import Span, point
from tracer.names import Names
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
