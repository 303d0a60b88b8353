"""Units that arrived in a period, and when each passed the stages of its release. From the index.

A stage is told by a kind of event, or a step of OBSERVE, that names the unit, or a declaration line on which
the unit was cleared (`cl:supportedBy` of its ELIGIBLE, where that can be read). The first counts; of
inspections and of ELIGIBLE, which may be given again, the last before the gate. What was done for the line
before the goods came is no stage of their wait: they were declared before arrival. What happens after the
gate is not in the study.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from indexer import models as m
from indexer.lookups import HOLDER, Reader, readable, visible_units
from ledger.directory import Directory
from ledger.vocabulary import Kind, Outcome, Step, Thing
from tracer.labels import line_label
from tracer.moment import Span
from tracer.names import Names

STAGES: tuple[tuple[str, Kind, Step | None], ...] = (
    ("arrive", Kind.ARRIVE, None),
    ("discharge", Kind.OBSERVE, Step.DISCHARGE),
    ("manifest", Kind.OBSERVE, Step.MANIFEST),
    ("declared", Kind.DECLARE, None),
    ("channel", Kind.OBSERVE, Step.CHANNEL),
    ("documents", Kind.OBSERVE, Step.DOC_CHECK),
    ("inspect", Kind.OBSERVE, Step.INSPECT),
    ("duty_paid", Kind.OBSERVE, Step.DUTY_PAID),
    ("permit", Kind.OBSERVE, Step.PERMIT),
    ("eligible", Kind.ELIGIBLE, None),
    ("gate_out", Kind.GATE_OUT, None),
)
"""Stages in their usual order: TRS 0 to 5 and 7 to 11 of the domain reference, section 10."""
FIRST, LAST = "arrive", "gate_out"
_LATEST = frozenset({"inspect", "eligible"})
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Passage:
    """A stage passed: when, by whose act (short id)."""

    at_ms: int
    by: str


@dataclass(slots=True)
class Case:
    """A unit's way from arrival to the gate.

    Attributes:
        port: facility at which it arrived. channel: green, yellow, red, or unknown.
        prearrival: yes if it was declared before it came, no, or unknown.
        holder: who has it now. stages: by name.
        regime, chapter: of the declaration lines on which it was cleared, the customs procedure and the first
            two digits of the tariff code; `several` where they differ, unknown where none can be read.
        load: full if a container was cleared for one declarant, part if for several, or if it is cargo.
    """

    unit: str
    label: str
    type: str
    port: str
    channel: str = "unknown"
    prearrival: str = "unknown"
    holder: str = ""
    stages: dict[str, Passage] = field(default_factory=dict)
    regime: str = "unknown"
    chapter: str = "unknown"
    load: str = "unknown"

    @property
    def agency(self) -> str:
        """Who gave the permit that it needed; none where nobody did."""
        return self.stages["permit"].by if "permit" in self.stages else "none"


def read_cases(
    session: Session, directory: Directory, period: Span, as_of_ms: int, reader: Reader = HOLDER
) -> list[Case]:
    """Containers and cargo whose ARRIVE occurred in a period, with the stages passed by `as_of_ms`.

    What declarations say of the goods is taken from those that the reader may read.
    """
    names = Names(session, directory)
    arrived = (
        select(col(m.EventLine.unit), col(m.Event.facility))
        .join(m.Event, col(m.Event.event_id) == col(m.EventLine.event_id))
        .where(
            *_counts(as_of_ms),
            col(m.Event.kind) == Kind.ARRIVE.name,
            col(m.Event.occurred_at_ms) >= period.start_ms,
            col(m.Event.occurred_at_ms) <= period.end_ms,
        )
        .order_by(col(m.Event.seq))
    )
    ports: dict[str, int] = {}
    for unit, facility in session.execute(arrived):
        ports.setdefault(unit, facility)
    units, cases = sorted(ports), []
    for part in _parts(units):
        names.prepare(set(part))
        holders = {
            row.unit: row
            for row in session.execute(select(m.Unit).where(col(m.Unit.unit).in_(part))).scalars()
        }
        own = _events(session, part, as_of_ms)
        lines = _lines(session, own)
        of_lines = _events(session, sorted({line for named in lines.values() for line in named}), as_of_ms)
        channels = _channels(session, own, of_lines)
        declared = _declared(session, of_lines, reader)
        every = sorted({line for named in lines.values() for line in named})
        declarants = _declarants(session, sorted(visible_units(session, every, reader)))
        for unit in part:
            row = holders.get(unit)
            if row is None or row.thing not in (Thing.CONTAINER.name, Thing.CARGO.name):
                continue
            port = names.facility(ports[unit]) or "unknown"
            case = Case(
                unit, names.unit(unit), row.thing.lower(), port, holder=names.participant(row.custodian)
            )
            _pass(case, own[unit], names)
            said = [event for line in lines.get(unit, ()) for event in of_lines[line]]
            _pass_lines(case, said, names)
            cleared_on = lines.get(unit, ())
            case.regime = _one(declared[line].get("regime") for line in cleared_on if line in declared)
            case.chapter = _one(str(declared[line].get("hs") or "")[:2] for line in cleared_on
                                if line in declared)
            case.load = _load(case.type, [declarants.get(line) for line in cleared_on])
            found = [event for event in (*own[unit], *said) if event.event_id in channels]
            if found:
                case.channel = channels[
                    max(found, key=lambda event: (event.occurred_at_ms, event.seq)).event_id
                ]
            cases.append(case)
    return sorted(cases, key=lambda case: (case.stages[FIRST].at_ms, case.label))


def _counts(as_of_ms: int) -> tuple[ColumnElement[bool], ...]:
    """Conditions under which an event counts: recorded, not taken back, had occurred."""
    return (
        col(m.Event.outcome) == int(Outcome.RECORDED),
        col(m.Event.voided_by).is_(None),
        col(m.Event.occurred_at_ms) <= as_of_ms,
    )


def _events(session: Session, units: Sequence[str], as_of_ms: int) -> dict[str, list[m.Event]]:
    """Events of these kinds about each unit or line, in the order in which they occurred."""
    found: dict[str, list[m.Event]] = defaultdict(list)
    kinds = sorted({kind.name for _, kind, _ in STAGES})
    for part in _parts(units):
        for unit, event in session.execute(
            select(col(m.EventLine.unit), m.Event)
            .join(m.Event, col(m.Event.event_id) == col(m.EventLine.event_id))
            .where(col(m.EventLine.unit).in_(part), col(m.Event.kind).in_(kinds), *_counts(as_of_ms))
            .order_by(col(m.Event.occurred_at_ms), col(m.Event.seq))
        ):
            found[unit].append(event)
    return found


_BY_KIND = {
    (kind.name, (step or Step.NONE).name if kind is Kind.OBSERVE else ""): name for name, kind, step in STAGES
}


def _stage(event: m.Event) -> str | None:
    return _BY_KIND.get((event.kind, event.step if event.kind == Kind.OBSERVE.name else ""))


def _pass(case: Case, events: Iterable[m.Event], names: Names) -> None:
    """Take the stages from events in the order in which they occurred."""
    for event in events:
        name = _stage(event)
        if name is None or (name in case.stages and (name not in _LATEST or LAST in case.stages)):
            continue
        case.stages[name] = Passage(event.occurred_at_ms, names.participant(event.participant))


def _pass_lines(case: Case, events: Iterable[m.Event], names: Names) -> None:
    """Take the stages that its declaration lines passed while it was there."""
    arrived = case.stages[FIRST].at_ms
    for event in sorted(events, key=lambda event: (event.occurred_at_ms, event.seq)):
        name = _stage(event)
        if name == "declared":
            case.prearrival = "yes" if event.occurred_at_ms <= arrived else "no"
        if name is not None and name not in case.stages and event.occurred_at_ms > arrived:
            case.stages[name] = Passage(event.occurred_at_ms, names.participant(event.participant))


def _lines(session: Session, events: Mapping[str, Iterable[m.Event]]) -> dict[str, list[str]]:
    """Declaration lines on which units were cleared, by what their ELIGIBLE says where it can be read."""
    of_unit = {
        event.event_id: unit
        for unit, listed in events.items()
        for event in listed
        if event.kind == Kind.ELIGIBLE.name
    }
    labels: dict[str, set[str]] = defaultdict(set)
    units: dict[str, list[str]] = defaultdict(list)
    for unit, listed in events.items():
        for event in listed:
            units[event.event_id].append(unit)
    for event_id, document in _documents(session, of_unit):
        for line in filter(None, (line_label(str(said)) for said in document.get("cl:supportedBy") or ())):
            for unit in units[event_id]:
                labels[unit].add(line)
    wanted, ids = sorted({line for named in labels.values() for line in named}), dict[str, str]()
    for part in _parts(sorted({line.rpartition("/")[0] for line in wanted})):
        for row in session.execute(
            select(m.UnitName).where(col(m.UnitName.type) == "line", col(m.UnitName.scope).in_(part))
        ).scalars():
            ids[f"{row.scope}/{row.number}"] = row.unit
    return {unit: sorted(ids[line] for line in named if line in ids) for unit, named in labels.items()}


def _declared(
    session: Session, events: Mapping[str, Iterable[m.Event]], reader: Reader
) -> dict[str, dict[str, Any]]:
    """What each declaration line says, as last declared, of those that the reader may read."""
    line_of = {
        event.event_id: line
        for line, listed in events.items()
        for event in listed
        if event.kind == Kind.DECLARE.name
    }
    said = {
        event_id: document["cl:declaration"]
        for event_id, document in _documents(session, line_of, reader)
        if isinstance(document.get("cl:declaration"), dict)
    }
    return {line_of[event_id]: said[event_id] for event_id in line_of if event_id in said}  # in their order


def _declarants(session: Session, lines: Sequence[str]) -> dict[str, int]:
    """Whose each declaration line is."""
    return {
        line: declarant
        for part in _parts(lines)
        for line, declarant in session.execute(
            select(col(m.LineState.line), col(m.LineState.declarant)).where(col(m.LineState.line).in_(part))
        )
    }


def _one(values: Iterable[Any]) -> str:
    """The one value that is said."""
    found = sorted({str(value) for value in values if value})
    return "unknown" if not found else found[0] if len(found) == 1 else "several"


def _load(thing: str, declarants: Sequence[int | None]) -> str:
    """Whether goods of one party fill a container; a line that may not be seen leaves it open."""
    if thing == Thing.CARGO.name.lower():
        return "part"
    if not declarants or None in declarants:
        return "unknown"
    return "full" if len(set(declarants)) == 1 else "part"


def _channels(session: Session, *events: Mapping[str, Iterable[m.Event]]) -> dict[str, str]:
    """The channel that each CHANNEL event gives, where it can be read."""
    asked = {
        event.event_id
        for found in events
        for listed in found.values()
        for event in listed
        if event.step == Step.CHANNEL.name
    }
    return {
        event_id: str(document["cl:channel"]).lower()
        for event_id, document in _documents(session, asked)
        if document.get("cl:channel")
    }


def _documents(
    session: Session, event_ids: Iterable[str], reader: Reader = HOLDER
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What opened payloads say."""
    for part in _parts(sorted(event_ids)):
        for event_id, document in session.execute(
            select(col(m.Payload.event_id), col(m.Payload.document))
            .join(m.Event, col(m.Event.event_id) == col(m.Payload.event_id))
            .where(col(m.Payload.event_id).in_(part), col(m.Payload.status) == m.OPEN, readable(reader))
        ):
            yield event_id, json.loads(document or "{}", parse_float=Decimal)


def _parts(units: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(units), _CHUNK):
        yield units[start : start + _CHUNK]
