"""Questions about one thing: where it came from, where it is now, and the graph to draw.

`backward` of a lot or an export line gives the import lines (and other sources) in it, `forward` of an
import line or a lot gives every place its goods are in now, adding up to all of it. `ask` does either for a
unit of the index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from ledger.directory import Directory
from ledger.errors import NotFoundError
from ledger.vocabulary import Kind, LineRole, Thing
from tracer import collector
from tracer.blend import Ratio, fractions_of, plus, together
from tracer.book import BookData, DeclarationLine
from tracer.graph import Basis, Lineage, lineage
from tracer.load_part import load_part
from tracer.load_sql import LOT
from tracer.network import SINKS, Direction, figures, within_limit
from tracer.quantity import largest_remainder, micro_text, ratio_text

_MICROSHARES = 1_000_000
_SOURCES = {LineRole.RECEIVE: "line", LineRole.TRANSFER_IN: "transferred"}
"""Kind of source that comes in on a line of this purpose; on others goods leave, and may be `returned`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the answer.

    Attributes:
        kind, name: of a source (`line`, `opening`, `domestic`, `returned`, `unexplained`) or, forward, the
            state
            (`in_store`, `in_production`, `semi_finished`, `finished`, `loaded`, `exported`, `repurposed`,
            `sold_inland`, `scrap`, `scrapped_out`, `loss`, `short`, `not_received`, `not_drawn`, ...) and the
            lot.
        line: forward, the declaration line on which it left.
        quantity_micro: in `uom` of the material `code`.
        share: of the total of that code, in millionths; shares of one code add up to a million.
        units: containers or cargo that a source came in.
    """

    kind: str
    name: str
    code: str
    uom: str
    quantity_micro: int
    share: int
    line: str = ""
    units: tuple[str, ...] = ()

    def to_json(self, direction: Direction) -> dict[str, Any]:
        """As JSON values: `source` or `state` by direction."""
        amount = {"code": self.code, "uom": self.uom, "quantity": micro_text(self.quantity_micro),
                  "share": ratio_text(Fraction(self.share, _MICROSHARES))}
        if direction == "backward":
            return {"source": self.kind, "id": self.name, "units": list(self.units), **amount}
        return {"state": self.kind, "lot": self.name, "line": self.line, **amount}


@dataclass(slots=True)
class Trace:
    """An answer, and what it rests on.

    Attributes:
        ids: ledger ids of the names in it (and of others of its book), for whoever has to look them up.
    """

    subject_type: str
    subject: str
    direction: Direction
    basis: Basis
    book: str
    rows: list[Row] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)
    ids: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return {
            "subject": {"type": self.subject_type, "id": self.subject}, "direction": self.direction,
            "basis": self.basis, "policy": "lots as recorded; in proportion within a lot", "book": self.book,
            "rows": [row.to_json(self.direction) for row in self.rows],
            "graph": {"nodes": self.nodes, "edges": self.edges},
        }


def backward(book: BookData, subject: str, basis: Basis = "used") -> Trace:
    """The sources of a lot (all that ever went into it) or of an export line (what was loaded for it).

    A scrap lot is always traced on the physical basis: on the legal one it has no part of its inputs.

    Raises:
        NotFoundError: the book has no such lot or line.
    """
    kind = _kind(book, subject)
    flow = lineage(book, basis=basis)
    if kind == "lot":
        mixture = together(flow.received.get(subject, ()))
        if not mixture and basis == "used":
            flow = lineage(book, basis="physical")
            mixture = together(flow.received.get(subject, ()))
    else:
        mixture = {source: q.as_integer_ratio() for source, q in flow.column(line=subject).items()}
    parts: dict[tuple[str, str, str], Ratio] = {}
    units: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    about = {}
    for source, q in mixture.items():
        s = flow.sources[source]
        key = s.kind, s.name, s.code
        parts[key] = plus(parts[key], q) if key in parts else q
        units[key].update(dict.fromkeys(s.units))
        about[key] = s
    trace = Trace(kind, subject, "backward", flow.basis, book.id, ids=book.unit_ids)
    trace.rows = [Row(key[0], key[1], key[2], about[key].uom, q, share, units=tuple(units[key]))
                  for key, (q, share) in _shares(fractions_of(parts), {k: k[2] for k in parts}).items()]
    trace.nodes, trace.edges = drawing(flow, f"{kind}:{subject}", "backward")
    return trace


def forward(book: BookData, subject: str, basis: Basis = "used") -> Trace:
    """Where all of a declaration line's or a lot's goods are now.

    Of a line on which goods come in that is where they went on to, and what was never received. Of one on
    which they leave it is what left, from which lots, what is loaded, what came back and where that is now,
    and what of the line was not drawn. Either adds up to the line.

    Raises:
        NotFoundError: the book has no such lot or line.
    """
    kind = _kind(book, subject)
    line = next((x for x in book.lines if x.key == subject), None) if kind == "line" else None
    lot = next((x for x in book.lots if x.id == subject), None) if kind == "lot" else None
    code, uom = (line.code, line.uom) if line else (lot.code, lot.uom) if lot else ("", "")
    source = kind if line is None else _SOURCES.get(line.purpose, "returned")
    flow = lineage(book, basis=basis, mark=subject if kind == "lot" else "", only=(source, subject))
    parts = {(p.state, p.lot, p.line): q for p, q in flow.row(subject, source).items()}
    if line is not None:
        for key, q in (_left_on(book, line) if source == "returned" else {}).items():
            parts[key] = parts.get(key, Fraction(0)) + q
        rest = line.quantity_micro - sum(parts.values(), Fraction(0))
        if rest > 0:
            parts["not_drawn" if source == "returned" else "not_received", "", subject] = rest
    trace = Trace(kind, subject, "forward", flow.basis, book.id, ids=book.unit_ids)
    trace.rows = [Row(key[0], key[1], code, uom, q, share, line=key[2])
                  for key, (q, share) in _shares(parts, dict.fromkeys(parts, "")).items()]
    trace.nodes, trace.edges = drawing(flow, f"{kind}:{subject}", "forward")
    return trace


def _left_on(book: BookData, line: DeclarationLine) -> dict[tuple[str, str, str], Fraction]:
    """What acts that stand took out of lots for a line, by what became of it; what came back is taken from
    what left in proportion, since it comes back as a lot of its own.
    """
    loaded: dict[str, int] = defaultdict(int)
    gone: dict[tuple[str, str], int] = defaultdict(int)
    returned = 0
    for event in book.events:
        if event.line != line.key or not event.recorded:
            continue
        for leg in event.legs:
            if leg.thing != Thing.LOT:
                continue
            if event.kind in (Kind.EXPORT_LOAD, Kind.REEXPORT):
                loaded[leg.unit] += leg.quantity_micro
            elif event.kind in (Kind.UNLOAD, Kind.EXIT_CONFIRM):
                loaded[leg.unit] -= leg.quantity_micro
                if event.kind == Kind.EXIT_CONFIRM:
                    gone["exported", leg.unit] += leg.quantity_micro
            elif event.kind == Kind.FG_RETURN:
                returned += leg.quantity_micro
            elif event.kind in SINKS and leg.role not in (LineRole.OUTPUT, LineRole.FROM_SHORT):
                gone[SINKS[event.kind], leg.unit] += leg.quantity_micro
    exited = sum(q for (state, _), q in gone.items() if state == "exported")
    stays = {"exported": 1 - Fraction(min(returned, exited), exited) if exited else Fraction(1)}
    parts = {(state, lot, line.key): q * stays.get(state, Fraction(1)) for (state, lot), q in gone.items()}
    parts |= {("loaded", lot, line.key): Fraction(q) for lot, q in loaded.items()}
    return {key: q for key, q in parts.items() if q > 0}


def _kind(book: BookData, subject: str) -> str:
    if any(lot.id == subject for lot in book.lots):
        return "lot"
    if any(line.key == subject for line in book.lines):
        return "line"
    raise NotFoundError(f"book {book.id} has no lot or declaration line {subject!r}.",
                        remedy="Name it as owner/lot number or declaration/line.")


def _shares(parts: Mapping[tuple[str, str, str], Fraction], groups: Mapping[tuple[str, str, str], str]
            ) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Whole micro-units and millionths for exact parts; each group adds up exactly, by largest remainder."""
    result: dict[tuple[str, str, str], tuple[int, int]] = {}
    for group in dict.fromkeys(groups[key] for key in sorted(parts)):
        keys = [key for key in sorted(parts) if groups[key] == group]
        total = sum((parts[key] for key in keys), Fraction(0))
        whole = largest_remainder([parts[key] for key in keys])
        share = (
            largest_remainder([parts[key] * _MICROSHARES / total for key in keys], _MICROSHARES)
            if total
            else whole
        )
        result.update({key: (q, s) for key, q, s in zip(keys, whole, share, strict=True)})
    return result


def drawing(
    flow: Lineage, node: str, direction: Direction
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Nodes and edges of the graph that lead to a node (backward) or away from it (forward), as data.

    Raises:
        TooLargeError: more nodes than one answer may have.
    """
    drawn = flow.drawing
    if node not in drawn.nodes:
        return [], []
    reach = drawn.leading(node, back=direction == "backward")
    within_limit(len(reach))
    nodes = [{"id": n, **drawn.nodes[n]} for n in sorted(reach)]
    edges = []
    for key in sorted(key for key in drawn.edges if key[0] in reach and key[1] in reach):
        kind, quantity_micro, uom, role = figures(*drawn.edges[key])
        edges.append({"from": key[0], "to": key[1], "kind": kind, "quantity": micro_text(quantity_micro),
                      "uom": uom, "event": key[2], "role": role})
    return nodes, edges


def ask(session: Session, directory: Directory, unit: str, direction: Direction, *, as_of_ms: int,
        basis: Basis = "used", offset: str = "+07:00") -> list[Trace]:
    """Trace a unit of the index; one answer per book that has to do with it.

    Args:
        session, directory: the index and its names.
        unit: ledger id of a lot, a declaration line, or a container or cargo (then of the lots received
            from it).
        direction: backward or forward.
        as_of_ms: nothing later is known.
        basis: `used` or `physical`.
        offset: zone of the book.

    Raises:
        NotFoundError: nothing that could be traced.
        TooLargeError: the lineage is larger than one answer.
    """
    with collector.paused():
        result = list(_asked(session, directory, unit, direction, as_of_ms=as_of_ms, basis=basis,
                             offset=offset))
    if not result:
        raise NotFoundError(
            f"nothing of {unit} is in a book yet.", remedy="Goods are traced from their receipt on."
        )
    return result


def _asked(session: Session, directory: Directory, unit: str, direction: Direction, *, as_of_ms: int,
           basis: Basis, offset: str) -> Iterator[Trace]:
    lots, numbers = _books_of(session, unit)
    for number in sorted(numbers):
        book = load_part(session, directory, number, direction, lots=lots, line="" if lots else unit,
                         as_of_ms=as_of_ms, offset=offset)
        names = {hexed: name for name, hexed in book.unit_ids.items()}
        known = {lot.id for lot in book.lots} if lots else {line.key for line in book.lines}
        for each in [x for x in lots or [unit] if names.get(x, x) in known]:
            yield (backward if direction == "backward" else forward)(book, names.get(each, each), basis)


def _books_of(session: Session, unit: str) -> tuple[list[str], set[int]]:
    """Lots that stand for a container or cargo (or the lot itself), and the books to look into."""
    own = session.execute(select(LOT.book).where(LOT.unit == unit)).scalar()
    if own is not None:
        return [unit], {own}
    line = session.get(m.LineState, unit)
    if line is not None:
        naming = (
            select(col(m.EventLine.unit))
            .join(m.Event, col(m.Event.event_id) == col(m.EventLine.event_id))
            .where(col(m.Event.reference) == unit)
        )
        drawn = select(m.Lot).where(or_(col(m.Lot.source_line) == unit, col(m.Lot.unit).in_(naming)))
        books = {x.book for x in session.execute(drawn).scalars()}
        owned = select(m.Book).where(col(m.Book.owner) == line.declarant)
        return [], books or {x.number for x in session.execute(owned).scalars()}
    receipts = select(col(m.EventLine.event_id)).where(col(m.EventLine.unit) == unit)
    inside = select(m.Lot).where(col(m.Lot.created_by).in_(receipts)).order_by(col(m.Lot.unit))
    found = list(session.execute(inside).scalars())
    return [x.unit for x in found], {x.book for x in found}
