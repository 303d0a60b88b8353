"""Facts to rows. Holds no rule of custody or customs: every state row is what the contract said.

What it adds are places (`seq`), heads (the fold of outcomes, which the contract keeps but does not log) and
the links that a recorded APPROVE or CORRECT states. All through `Rows`, so that a block is written whole or
not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sqlalchemy import func, select

from indexer.decode import Change, Happening, Taken, Untaken
from indexer.faults import LogFormatError
from indexer.models import (
    WITHHELD,
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
from indexer.source import CheckedBlock
from indexer.store import Rows, hexed, table_of
from ledger.chain import facts
from ledger.events.model import ZERO32, fold_head
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import CITES_LINE, Kind, Outcome


def last_seq(rows: Rows) -> int:
    """The highest place given to an event, 0 if none was."""
    return rows.connection.execute(select(func.max(table_of(Event).c.seq))).scalar() or 0


def project_block(rows: Rows, block: CheckedBlock, happenings: Sequence[Happening], seq: int) -> int:
    """Turn what a block says into rows.

    Args:
        rows: the transaction's rows.
        block: its header becomes a row.
        happenings: what was decoded from it, in order.
        seq: place of the last event before this block.

    Returns:
        The place of the last event, this block's included.

    Raises:
        LogFormatError: an event has a second outcome.
    """
    header = block.header
    rows.at(header.number, seq)
    rows.add(Block, {
        "number": header.number, "hash": hexed(header.hash), "parent_hash": hexed(header.parent_hash),
        "timestamp": header.timestamp, "receipts_root": hexed(header.receipts_root),
        "rlp": hexed(header.rlp)})
    for happening in happenings:
        fact = happening.outcome if isinstance(happening, Taken) else happening.fact
        rows.cause = (header.number, fact.log_index)
        if isinstance(happening, Taken):
            seq += 1
            rows.at(header.number, seq)
            _take(rows, block, happening, seq)
        elif isinstance(happening, Untaken):
            untaken = happening.fact
            rows.add(NotTaken, {
                "block_number": header.number, "log_index": untaken.log_index,
                "event_id": hexed(untaken.event_id),
                "code": int(untaken.code), "code_name": untaken.code.name,
                "recorded_at_s": header.timestamp})
        else:
            register(rows, happening.fact, header)
    return seq


def prefetch(rows: Rows, happenings: Iterable[Happening]) -> None:
    """Read at once what the events of some blocks will need; without this each unit is a query."""
    events = [happening for happening in happenings if isinstance(happening, Taken)]
    named = {hexed(line.unit) for taken in events for line in taken.outcome.event.lines}
    named |= {hexed(changed) for taken in events for change in taken.changes if (changed := _subject(change))}
    references = {hexed(taken.outcome.event.reference) for taken in events}
    rows.prefetch(Event, [hexed(taken.outcome.event_id) for taken in events] + sorted(references - {ZERO_ID}))
    for model in (Head, Unit, Lot, LineState):
        rows.prefetch(model, sorted(named | references - {ZERO_ID}))


def _subject(change: Change) -> bytes | None:
    """The unit, lot or line that a state log is about."""
    if isinstance(change, facts.UnitChanged | facts.InsideChanged):
        return change.unit
    if isinstance(change, facts.LotCreated | facts.LotChanged | facts.LoadedChanged):
        return change.lot
    return change.line if isinstance(change, facts.LineDeclared | facts.LineChanged) else None


def _take(rows: Rows, block: CheckedBlock, taken: Taken, seq: int) -> None:
    """One event with its outcome: itself, its lines, its payload's place, heads, state, links."""
    fact, event = taken.outcome, taken.outcome.event
    event_id, header = hexed(fact.event_id), block.header
    if rows.get(Event, event_id) is not None:
        raise LogFormatError(
            f"block {header.number}, log {fact.log_index}: event {event_id} has a second outcome.")
    rows.add(Event, {
        "event_id": event_id, "seq": seq, "block_number": header.number, "block_hash": hexed(header.hash),
        "tx_hash": hexed(taken.tx_hash), "log_index": fact.log_index, "signer": hexed(fact.signer),
        "participant": fact.participant, "kind": event.kind.name, "step": event.step.name,
        "counterparty": event.counterparty, "facility": event.facility, "book": event.book,
        "reference": hexed(event.reference), "occurred_at_ms": event.occurred_at_ms,
        "recorded_at_s": header.timestamp, "deadline_s": event.deadline_s, "nonce": str(event.nonce),
        "commitment": hexed(event.commitment), "outcome": int(fact.outcome),
        "outcome_name": fact.outcome.name,
        "voided_by": None, "approved_by": None, "ended_by": None})
    for place, line in enumerate(event.lines):
        rows.add(EventLine, {
            "event_id": event_id, "position": place, "unit": hexed(line.unit),
            "material": hexed(line.material),
            "balance": line.balance.name, "quantity_micro": line.quantity_micro, "role": line.role.name,
            "recorded_at_s": header.timestamp}, told=False)
    rows.add(Payload, {
        "event_id": event_id, "commitment": hexed(event.commitment), "status": WITHHELD,
        "epcis_event_id": None,
        "epcis_type": None, "is_correction": False, "document": None, "fault": None, "missing": None,
        "recorded_at_s": header.timestamp}, told=False)
    _fold(rows, fact)
    for change in taken.changes:
        rows.cause = (header.number, change.log_index)
        _change(rows, taken, change, seq)
    rows.cause = (header.number, fact.log_index)
    _link(rows, fact)


def _fold(rows: Rows, fact: facts.EventOutcome) -> None:
    """Heads of what the event names and of the declaration line it refers to, as the contract folds them.

    Lines that are no list (not ascending, one twice, too many) name nothing: such an event moves no head.
    """
    units = [line.unit for line in fact.event.lines]
    if len(units) > DEFAULT_LIMITS.lines_max or any(a >= b for a, b in pairwise(units)):
        return
    named = [unit for unit in units if unit != ZERO32]
    reference = fact.event.reference
    cites = fact.event.kind in CITES_LINE and reference != ZERO32 and reference not in named
    if cites and rows.get(LineState, hexed(reference)) is not None:
        named.append(reference)
    for unit in named:
        key = hexed(unit)
        before = rows.get(Head, key)
        first = before is None or before["era"] != rows.era  # a new ledger begins every head anew
        start = ZERO32 if before is None or first else _unhex(before["head"])
        head = fold_head(start, fact.event_id, int(fact.outcome))
        rows.put(Head, {"unit": key, "head": hexed(head), "era": rows.era})
        for model in (Unit, LineState):
            if rows.get(model, key) is not None:
                rows.change(model, key, head=hexed(head))


def _change(rows: Rows, taken: Taken, change: Change, seq: int) -> None:
    """One state log as rows."""
    event_id = hexed(taken.outcome.event_id)
    if isinstance(change, facts.UnitChanged):
        _unit(rows, taken, change.unit, change.state, seq)
    elif isinstance(change, facts.InsideChanged):
        inside = None if change.container == ZERO32 else hexed(change.container)
        rows.change(Unit, hexed(change.unit), inside=inside)
    elif isinstance(change, facts.ContentsNotEligible):
        rows.flush()
        there = select(table_of(Unit).c.unit).where(table_of(Unit).c.inside == hexed(change.container))
        for key in list(rows.connection.execute(there).scalars()):
            rows.change(Unit, key, eligible=False)
    elif isinstance(change, facts.NormExceeded):
        rows.add(NormExcess, {
            "event_id": event_id, "material": hexed(change.material),
            "allowed_micro": str(change.allowed_micro), "used_micro": str(change.used_micro)}, told=False)
    elif isinstance(change, facts.LotCreated):
        rows.put(Lot, {
            "unit": hexed(change.lot), "book": change.book, "material": hexed(change.material),
            "origin": change.origin.name, "source_line": hexed(change.source_line),
            "created_by": _act(rows, taken), **_amounts(change.balances)})
        _unit(rows, taken, change.lot, change.state, seq)
    elif isinstance(change, facts.LotChanged):
        rows.change(Lot, hexed(change.lot), **_amounts(change.balances))
    elif isinstance(change, facts.LoadedChanged):
        rows.change(Lot, hexed(change.lot), **_amounts(change.balances))
        rows.put(LotLoaded, {
            "unit": hexed(change.lot), "line": hexed(change.line), "quantity_micro": change.quantity_micro})
    elif isinstance(change, facts.LineDeclared):
        _declared(rows, change)
    elif isinstance(change, facts.LineChanged):
        state, amounts = change.state, change.amounts
        rows.change(
            LineState, hexed(change.line), declarant=state.declarant, purpose=state.purpose.name,
            status=state.status.name, holds=state.holds, quantity_micro=amounts.quantity_micro,
            drawn_micro=amounts.drawn_micro, exited_micro=amounts.exited_micro,
            returned_micro=amounts.returned_micro)
    else:
        ended = hexed(change.event_id)
        approved = taken.outcome.event.kind is Kind.APPROVE and taken.outcome.outcome is Outcome.RECORDED
        if not approved and rows.get(Event, ended) is not None:
            rows.change(Event, ended, ended_by=event_id)


def _amounts(held: facts.LotBalances) -> dict[str, int]:
    return {
        "raw_micro": held.raw_micro, "wip_micro": held.wip_micro, "finished_micro": held.finished_micro,
        "scrap_micro": held.scrap_micro, "short_micro": held.short_micro, "loaded_micro": held.loaded_micro}


def _unit(rows: Rows, taken: Taken, unit: bytes, state: facts.UnitState, seq: int) -> None:
    key, event_id = hexed(unit), hexed(taken.outcome.event_id)
    head = rows.get(Head, key)
    offer = None
    before = rows.get(Unit, key)
    if state.offeree:
        own = state.is_offer(taken.outcome.event_id)
        offer = event_id if own else before["offer_event"] if before else None
    same = {
        "thing": state.thing.name, "status": state.status.name, "eligible": state.eligible,
        "holds": state.holds,
        "custodian": state.custodian, "facility": state.facility, "offeree": state.offeree}
    rows.put(Unit, {
        "unit": key, **same, "empty": state.empty, "offer_expires_at_s": state.offer_expiry_s,
        "offer_event": offer,
        "inside": before["inside"] if before and state.inside else None,
        "head": head["head"] if head else ZERO_ID, "changed_by": event_id})
    rows.add(UnitState, {
        "unit": key, "seq": seq, "event_id": event_id, **same,
        "recorded_at_s": (rows.get(Event, event_id) or {})["recorded_at_s"]}, told=False)


def _declared(rows: Rows, change: facts.LineDeclared) -> None:
    key = hexed(change.line)
    head = rows.get(Head, key)
    said = {"material": hexed(change.material), "original": hexed(change.original),
            "version": hexed(change.version)}
    if rows.get(LineState, key) is not None:
        rows.change(LineState, key, **said)
        return
    # state and amounts follow in the LineChanged that the contract logs next
    rows.put(LineState, {
        "line": key, "declarant": 0, "purpose": "NONE", "status": "NONE", "holds": 0, **said,
        "quantity_micro": 0,
        "drawn_micro": 0, "exited_micro": 0, "returned_micro": 0, "head": head["head"] if head else ZERO_ID})


def _act(rows: Rows, taken: Taken) -> str:
    """The event that wanted this: for a recorded APPROVE the event that it executes."""
    event = taken.outcome.event
    if event.kind is Kind.APPROVE and rows.get(Event, hexed(event.reference)) is not None:
        return hexed(event.reference)
    return hexed(taken.outcome.event_id)


def _link(rows: Rows, fact: facts.EventOutcome) -> None:
    """What a recorded APPROVE or CORRECT says of the event it refers to; the contract has checked who may."""
    if fact.outcome is not Outcome.RECORDED or fact.event.kind not in (Kind.APPROVE, Kind.CORRECT):
        return
    reference = hexed(fact.event.reference)
    target = rows.get(Event, reference)
    # A poster may correct what it signed but the ledger never took: nothing to mark, and nothing wrong.
    column = "approved_by" if fact.event.kind is Kind.APPROVE else "voided_by"
    if target is not None and target[column] is None:
        rows.change(Event, reference, **{column: hexed(fact.event_id)})


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])
