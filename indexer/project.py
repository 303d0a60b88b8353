"""Sheets to rows. Holds no rule of custody or customs: every state row is what the contract said.

A sheet has what a block says by itself; added here is what depends on the rows there are: places (`seq`),
heads (the fold of outcomes, which the contract keeps but does not log) and the links that a recorded APPROVE
or CORRECT states. All through `Rows`, so that a block is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, select

from indexer.faults import LogFormatError
from indexer.models import (
    ZERO_ID,
    Block,
    Event,
    EventLine,
    Head,
    LineState,
    Lot,
    LotLoaded,
    NormExcess,
    NotTaken,
    Payload,
    Unit,
    UnitState,
)
from indexer.registry import register
from indexer.sheet import (
    DECLARED,
    ENDED,
    INSIDE,
    LINE,
    LINE_AMOUNTS,
    LOADED,
    LOT_AMOUNTS,
    LOT_CHANGED,
    LOT_CREATED,
    NORM_EXCEEDED,
    TAKEN,
    UNIT,
    UNTAKEN,
    Sheet,
    Stroke,
    registry_fact,
)
from indexer.store import Row, Rows, hexed, table_of
from ledger.events.model import ZERO32, fold_head


def last_seq(rows: Rows) -> int:
    """The highest place given to an event, 0 if none was."""
    return rows.connection.execute(select(func.max(table_of(Event).c.seq))).scalar() or 0


def project_block(rows: Rows, sheet: Sheet, seq: int) -> int:
    """Turn what a block says into rows.

    Args:
        rows: the transaction's rows.
        sheet: the block's.
        seq: place of the last event before this block.

    Returns:
        The place of the last event, this block's included.

    Raises:
        LogFormatError: an event has a second outcome.
    """
    number = sheet.number
    rows.at(number, seq)
    rows.add(Block, {
        "number": number, "hash": hexed(sheet.hash), "parent_hash": hexed(sheet.parent_hash),
        "timestamp": sheet.timestamp, "receipts_root": hexed(sheet.receipts_root), "rlp": hexed(sheet.rlp)})
    for stroke in sheet.strokes:
        kind, log_index = stroke[0], stroke[1]
        rows.cause = (number, log_index)
        if kind == TAKEN:
            seq += 1
            rows.at(number, seq)
            _take(rows, sheet, Stroke._make(stroke), seq)
        elif kind == UNTAKEN:
            rows.append(NotTaken, (number, log_index), stroke[2], told=True)
        else:
            register(rows, registry_fact(*stroke[2:]), sheet.header)
    return seq


def prefetch(rows: Rows, sheets: Iterable[Sheet]) -> None:
    """Read at once what the events of some blocks will need; without this each unit is a query."""
    touched: set[str] = set()
    known: set[str] = set()
    loaded: set[tuple[str, str]] = set()
    for sheet in sheets:
        loaded.update(sheet.loaded)
        touched.update(sheet.touched)
        known.update(sheet.known)
    rows.prefetch(Event, sorted(known))
    rows.prefetch(LotLoaded, sorted(loaded))
    for model in (Head, Unit, Lot, LineState):
        rows.prefetch(model, sorted(touched))


def _take(rows: Rows, sheet: Sheet, stroke: Stroke, seq: int) -> None:
    """One event with its outcome: itself, its lines, its payload's place, heads, state, links."""
    event_id = stroke.event_id
    if rows.get(Event, event_id) is not None:
        raise LogFormatError(
            f"block {sheet.number}, log {stroke.log_index}: event {event_id} has a second outcome.")
    row = stroke.row
    placed = (event_id, seq, *row[1:]) if isinstance(row, tuple) else {**row, "seq": seq}
    rows.append(Event, (event_id,), placed, told=True)
    for position, line in stroke.lines:
        rows.append(EventLine, (event_id, position), line)
    rows.append(Payload, (event_id,), stroke.payload)
    _fold(rows, stroke)
    for change in stroke.changes:
        rows.cause = (sheet.number, change[1])
        _change(rows, stroke, change, (seq, sheet.timestamp))
    if stroke.link is not None:
        rows.cause = (sheet.number, stroke.log_index)
        _link(rows, stroke, stroke.link)


def _fold(rows: Rows, stroke: Stroke) -> None:
    """Heads of what the event names and of the declaration line it refers to, as the contract folds them."""
    named, cited = stroke.named, stroke.cited
    if cited is not None and rows.get(LineState, cited) is not None:
        named = (*named, cited)
    if not named:
        return
    event_id, era, code = bytes.fromhex(stroke.event_id[2:]), rows.era, stroke.code
    anew = {change[2] for change in stroke.changes if change[0] in _WITH_HEAD}
    heads, states = rows.of(Head), [(model, rows.of(model)) for model in (Unit, LineState)]
    for name in named:
        key = (name,)
        before = heads.seen[key] if key in heads.seen else rows.get(Head, name)
        first = before is None or before["era"] != era  # a new ledger begins every head anew
        start = ZERO32 if before is None or first else bytes.fromhex(before["head"][2:])
        head = "0x" + fold_head(start, event_id, code).hex()
        rows.replace(heads, key, {"unit": name, "head": head, "era": era}, before)
        if name in anew:
            continue
        for model, kept in states:
            row = kept.seen[key] if key in kept.seen else rows.get(model, name)
            if row is not None:
                rows.replace(kept, key, {**row, "head": head}, row)


_WITH_HEAD = frozenset({UNIT, LOT_CREATED})
"""Changes that write the whole row of the unit, with its head."""


def _change(rows: Rows, stroke: Stroke, change: tuple[Any, ...], place: tuple[int, int]) -> None:
    """One state log as rows; `place` is the event's `seq` and its block's time."""
    kind, key = change[0], change[2]
    if kind == UNIT:
        _unit(rows, stroke, key, change[3], place)
    elif kind == LOT_CHANGED:
        rows.change(Lot, key, **_amounts(change[3]))
    elif kind == LINE:
        rows.change(LineState, key, **dict(zip(_LINE, change[3], strict=True)))
    elif kind == LOT_CREATED:
        _, _, _, state, book, material, origin, source_line, amounts = change
        rows.put(Lot, {
            "unit": key, "book": book, "material": material, "origin": origin, "source_line": source_line,
            "created_by": _act(rows, stroke), **_amounts(amounts)})
        _unit(rows, stroke, key, state, place)
    elif kind == LOT_AMOUNTS:
        rows.change(Lot, key, **dict(change[3]))
    elif kind == LOADED:
        rows.put(LotLoaded, {"unit": key, "line": change[3], "quantity_micro": change[4]})
    elif kind == LINE_AMOUNTS:
        rows.change(LineState, key, **dict(change[3]))
    elif kind == DECLARED:
        _declared(rows, change)
    elif kind == INSIDE:
        rows.change(Unit, key, inside=change[3])
    elif kind == NORM_EXCEEDED:
        rows.append(NormExcess, (stroke.event_id, key), (stroke.event_id, key, change[3], change[4]))
    elif kind == ENDED:
        if not stroke.executes and rows.get(Event, key) is not None:
            rows.change(Event, key, ended_by=stroke.event_id)
    else:  # no contents of the container are eligible
        rows.flush()
        there = select(table_of(Unit).c.unit).where(table_of(Unit).c.inside == key)
        for unit in list(rows.connection.execute(there).scalars()):
            rows.change(Unit, unit, eligible=False)


_AMOUNTS = ("raw_micro", "wip_micro", "finished_micro", "scrap_micro", "short_micro", "loaded_micro")
_LINE = ("declarant", "purpose", "status", "holds", "quantity_micro", "drawn_micro", "exited_micro",
         "returned_micro")



def _amounts(held: tuple[int, ...]) -> Mapping[str, int]:
    return dict(zip(_AMOUNTS, held, strict=True))


def _unit(rows: Rows, stroke: Stroke, key: str, state: tuple[Any, ...], place: tuple[int, int]) -> None:
    same, empty, expires_at_s, inside, own = state
    thing, status, eligible, holds, custodian, facility, offeree = same
    event_id = stroke.event_id
    head = rows.get(Head, key)
    before = rows.get(Unit, key)
    offer = None
    if offeree:
        offer = event_id if own else before["offer_event"] if before else None
    row: Row = {
        "unit": key, "thing": thing, "status": status, "eligible": eligible, "empty": empty, "holds": holds,
        "custodian": custodian, "facility": facility, "offeree": offeree, "offer_expires_at_s": expires_at_s,
        "offer_event": offer, "inside": before["inside"] if before and inside else None,
        "head": head["head"] if head else ZERO_ID, "changed_by": event_id}
    rows.put(Unit, row)
    seq, now_s = place
    rows.append(UnitState, (key, seq), (key, seq, event_id, *same, now_s))


def _declared(rows: Rows, change: tuple[Any, ...]) -> None:
    _, _, key, material, original, version = change
    head = rows.get(Head, key)
    said = {"material": material, "original": original, "version": version}
    if rows.get(LineState, key) is not None:
        rows.change(LineState, key, **said)
        return
    # state and amounts follow in the LineChanged that the contract logs next
    rows.put(LineState, {
        "line": key, "declarant": 0, "purpose": "NONE", "status": "NONE", "holds": 0, **said,
        "quantity_micro": 0,
        "drawn_micro": 0, "exited_micro": 0, "returned_micro": 0, "head": head["head"] if head else ZERO_ID})


def _act(rows: Rows, stroke: Stroke) -> str:
    """The event that wanted this: for a recorded APPROVE the event that it executes."""
    if stroke.approves and rows.get(Event, stroke.reference) is not None:
        return stroke.reference
    return stroke.event_id


def _link(rows: Rows, stroke: Stroke, column: str) -> None:
    """What a recorded APPROVE or CORRECT says of the event it refers to; the contract has checked who may."""
    target = rows.get(Event, stroke.reference)
    # A poster may correct what it signed but the ledger never took: nothing to mark, and nothing wrong.
    if target is not None and target[column] is None:
        rows.change(Event, stroke.reference, **{column: stroke.event_id})
