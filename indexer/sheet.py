"""What a block says, as plain values: everything of its rows that needs no other row.

Pure: a checked, decoded block in, tuples of texts and numbers out. `project` adds what depends on the rows
there are (places, heads, links, how a row was before) in the transaction that writes. The two are apart so
that this part can be done by another process (`indexer.ahead`): a sheet holds nothing that `marshal` cannot
carry.

Ids stand as the tables have them, 0x and hex. A row is a tuple in the order of the table's columns, for the
driver as it is; or a mapping where a number is beyond what both engines take unasked (`columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from indexer.decode import Change, Happening, Registered, Registry, Taken, Untaken
from indexer.reconcile import Link
from indexer.words import WITHHELD, ZERO_ID
from ledger.chain import facts
from ledger.chain.client import Header
from ledger.events.model import ZERO32
from ledger.limits import DEFAULT_LIMITS
from ledger.vocabulary import CITES_LINE, Kind, Outcome

Values = tuple[Any, ...] | Mapping[str, Any]
"""A row for the driver, or one by names where a value must be converted first."""

_PLAIN_MAX = 2**63 - 1


class Sheet(NamedTuple):
    """A block's header and what our contracts said in it.

    Attributes:
        number, hash, parent_hash, timestamp, receipts_root, rlp: of the header, which was checked.
        events: how many were taken.
        touched: ids of the units, lots and lines that it names or changes, ascending.
        loaded: lot and line of each load that it changes.
        known: ids of the events that it takes or refers to.
        strokes: what happened, in order: tuples that begin with their kind and the log's index.
    """

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    receipts_root: bytes
    rlp: bytes
    events: int
    touched: tuple[str, ...]
    loaded: tuple[tuple[str, str], ...]
    known: tuple[str, ...]
    strokes: tuple[tuple[Any, ...], ...]

    @property
    def link(self) -> Link:
        """The block's place in the chain."""
        return Link(self.number, self.hash, self.parent_hash)

    @property
    def header(self) -> Header:
        """The block's header."""
        return Header(self.number, self.hash, self.parent_hash, self.timestamp, self.receipts_root, self.rlp)


TAKEN, UNTAKEN, REGISTERED = range(3)
"""Kinds of strokes."""

(UNIT, INSIDE, NOT_ELIGIBLE, NORM_EXCEEDED, LOT_CREATED, LOT_CHANGED, LOT_AMOUNTS, LOADED, DECLARED, LINE,
 LINE_AMOUNTS, ENDED) = range(12)
"""Kinds of changes of a stroke of an event that was taken."""


class Stroke(NamedTuple):
    """An event that was taken; in a sheet the plain tuple of these.

    Attributes:
        row: of the event, a tuple without its `seq`, which is only known where it is written.
        lines, payload: rows.
        named: ids whose heads the event moves; cited: one that it moves if it is a line.
        code: of the outcome. changes: the state it left, in order. link: column of the event that it refers
            to which this one fills; None for none. approves, executes: an APPROVE, and a recorded one.
    """

    stroke: int
    log_index: int
    event_id: str
    row: Values
    lines: tuple[tuple[int, Values], ...]
    payload: Values
    named: tuple[str, ...]
    cited: str | None
    code: int
    reference: str
    changes: tuple[tuple[Any, ...], ...]
    link: str | None
    approves: bool
    executes: bool


def sheet_of(header: Header, happenings: Sequence[Happening]) -> Sheet:
    """A block's sheet.

    Args:
        header: checked.
        happenings: what was decoded from the block, in order.
    """
    block_hash, now_s = _hex(header.hash), header.timestamp
    strokes: list[tuple[Any, ...]] = []
    touched: set[str] = set()
    known: list[str] = []
    loaded: list[tuple[str, str]] = []
    events = 0
    for happening in happenings:
        if isinstance(happening, Taken):
            stroke = _taken(happening, header.number, block_hash, now_s)
            strokes.append(tuple(stroke))
            touched.update([unit_of(line) for _, line in stroke.lines])
            touched.update([change[2] for change in stroke.changes if change[0] in _OF_A_THING])
            loaded += [(change[2], change[3]) for change in stroke.changes if change[0] == LOADED]
            known.append(stroke.event_id)
            if stroke.reference != ZERO_ID:
                known.append(stroke.reference)
                touched.add(stroke.reference)
            events += 1
        elif isinstance(happening, Untaken):
            fact = happening.fact
            strokes.append((UNTAKEN, fact.log_index, (
                header.number, fact.log_index, _hex(fact.event_id), int(fact.code), fact.code.name, now_s)))
        else:
            strokes.append((REGISTERED, happening.fact.log_index, *_plain(happening)))
    return Sheet(
        header.number, header.hash, header.parent_hash, now_s, header.receipts_root, header.rlp, events,
        tuple(sorted(touched)), tuple(dict.fromkeys(loaded)), tuple(dict.fromkeys(known)), tuple(strokes))


_OF_A_THING = frozenset({
    UNIT, INSIDE, LOT_CREATED, LOT_CHANGED, LOT_AMOUNTS, LOADED, DECLARED, LINE, LINE_AMOUNTS})


def _taken(taken: Taken, number: int, block_hash: str, now_s: int) -> Stroke:
    fact, event = taken.outcome, taken.outcome.event
    event_id, reference, commitment = _hex(fact.event_id), _hex(event.reference), _hex(event.commitment)
    recorded, kind = fact.outcome is Outcome.RECORDED, event.kind
    row: Values = (
        event_id, number, block_hash, _hex(taken.tx_hash), fact.log_index, _hex(fact.signer),
        fact.participant, kind._name_, event.step._name_, event.counterparty, event.facility, event.book,
        reference, event.occurred_at_ms, now_s, event.deadline_s, str(event.nonce), commitment,
        int(fact.outcome), fact.outcome._name_, None, None, None)
    if max(event.occurred_at_ms, event.deadline_s) > _PLAIN_MAX:
        row = dict(zip(EVENT_COLUMNS, row, strict=True))
    lines = []
    for place, line in enumerate(event.lines):
        said: Values = (event_id, place, _hex(line.unit), _hex(line.material), line.balance._name_,
                        line.quantity_micro, line.role._name_, now_s)
        if line.quantity_micro > _PLAIN_MAX:
            said = dict(zip(LINE_COLUMNS, said, strict=True))
        lines.append((place, said))
    named, cited = _named(fact, [unit_of(line) for _, line in lines])
    link = None
    if recorded and kind is Kind.APPROVE:
        link = "approved_by"
    elif recorded and kind is Kind.CORRECT:
        link = "voided_by"
    return Stroke(
        TAKEN, fact.log_index, event_id, row, tuple(lines),
        (event_id, commitment, WITHHELD, None, None, False, None, None, None, now_s), named, cited,
        int(fact.outcome), reference, tuple([_change(change, fact.event_id) for change in taken.changes]),
        link, kind is Kind.APPROVE, recorded and kind is Kind.APPROVE)


def unit_of(line: Values) -> str:
    """The unit of a row of event_line."""
    unit: str = line[_UNIT] if isinstance(line, tuple) else line["unit"]
    return unit


def _named(fact: facts.EventOutcome, units: list[str]) -> tuple[tuple[str, ...], str | None]:
    """What the event names, whose heads it moves, and what it cites, whose head it moves if that is a line.

    Lines that are no list (not ascending, one twice, too many) name nothing: such an event moves no head.
    """
    if len(units) > DEFAULT_LIMITS.lines_max or (len(units) > 1 and units != sorted(set(units))):
        return (), None
    cited = None
    if fact.event.kind in CITES_LINE:
        reference = _hex(fact.event.reference)
        cited = None if reference == ZERO_ID or reference in units else reference
    return tuple(units) if ZERO_ID not in units else tuple([u for u in units if u != ZERO_ID]), cited


def _change(change: Change, event_id: bytes) -> tuple[Any, ...]:
    """One state log as plain values: kind, index of the log, id, then by kind."""
    at = change.log_index
    if isinstance(change, facts.UnitChanged):
        return (UNIT, at, _hex(change.unit), _unit(change.state, event_id))
    if isinstance(change, facts.LotChanged):
        return (LOT_CHANGED, at, _hex(change.lot), _amounts(change.balances))
    if isinstance(change, facts.LineChanged):
        state, amounts = change.state, change.amounts
        return (LINE, at, _hex(change.line), (
            state.declarant, state.purpose.name, state.status.name, state.holds, amounts.quantity_micro,
            amounts.drawn_micro, amounts.exited_micro, amounts.returned_micro))
    if isinstance(change, facts.LotCreated):
        return (
            LOT_CREATED, at, _hex(change.lot), _unit(change.state, event_id), change.book,
            _hex(change.material), change.origin.name, _hex(change.source_line), _amounts(change.balances))
    if isinstance(change, facts.AmountsChanged):
        return (LOT_AMOUNTS, at, _hex(change.lot), tuple([
            (f"{balance._name_.lower()}_micro", micro) for balance, micro in change.amounts_micro]))
    if isinstance(change, facts.LoadedChanged):
        return (LOADED, at, _hex(change.lot), _hex(change.line), change.quantity_micro)
    if isinstance(change, facts.LineAmountChanged):
        told = (("drawn_micro", change.drawn_micro), ("exited_micro", change.exited_micro))
        return (LINE_AMOUNTS, at, _hex(change.line), tuple([x for x in told if x[1] is not None]))
    if isinstance(change, facts.LineDeclared):
        return (DECLARED, at, _hex(change.line), _hex(change.material), _hex(change.original),
                _hex(change.version))
    if isinstance(change, facts.InsideChanged):
        return (INSIDE, at, _hex(change.unit), None if change.container == ZERO32 else _hex(change.container))
    if isinstance(change, facts.ContentsNotEligible):
        return (NOT_ELIGIBLE, at, _hex(change.container))
    if isinstance(change, facts.NormExceeded):
        return (NORM_EXCEEDED, at, _hex(change.material), str(change.allowed_micro), str(change.used_micro))
    return (ENDED, at, _hex(change.event_id))


def _unit(state: facts.UnitState, event_id: bytes) -> tuple[Any, ...]:
    """What a state word says: seven columns that `unit_state` has too, then empty, the offer's expiry,
    whether it is inside something, and whether the open offer is this event.
    """
    same = (state.thing._name_, state.status._name_, state.eligible, state.holds, state.custodian,
            state.facility, state.offeree)
    own = state.offeree != 0 and state.is_offer(event_id)
    return same, state.empty, state.offer_expiry_s, state.inside, own


def _amounts(held: facts.LotBalances) -> tuple[int, ...]:
    return (held.raw_micro, held.wip_micro, held.finished_micro, held.scrap_micro, held.short_micro,
            held.loaded_micro)


_REGISTRY: Mapping[str, type[Registry]] = {kind.__name__: kind for kind in Registry.__args__}


def _plain(registered: Registered) -> tuple[str, tuple[Any, ...]]:
    """A change by the authority as its name and its fields."""
    fact = registered.fact
    return type(fact).__name__, tuple(getattr(fact, name) for name in type(fact).__slots__)


def registry_fact(name: str, fields: Sequence[Any]) -> Registry:
    """A change by the authority again."""
    return _REGISTRY[name](*fields)


EVENT_COLUMNS = (
    "event_id", "block_number", "block_hash", "tx_hash", "log_index", "signer", "participant", "kind", "step",
    "counterparty", "facility", "book", "reference", "occurred_at_ms", "recorded_at_s", "deadline_s", "nonce",
    "commitment", "outcome", "outcome_name", "voided_by", "approved_by", "ended_by")
LINE_COLUMNS = (
    "event_id", "position", "unit", "material", "balance", "quantity_micro", "role", "recorded_at_s")
"""The columns of event, but for `seq`, and of event_line; a test holds them to the tables."""

_UNIT = LINE_COLUMNS.index("unit")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
