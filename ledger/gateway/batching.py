"""Which queued events go into the next batch, and in which order. Pure: no store, no chain, no clock.

Order is the order of arrival, with two exceptions: an event goes after the one it answers, even if that
one arrived later; and an event that answers one nobody has seen yet may wait a while, together with
later events of the same signer on the same units. It never holds up anybody else: naming a unit in an
event that waits would otherwise be a way to stop other people's goods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ledger.events.model import ZERO32
from ledger.limits import Limits
from ledger.vocabulary import Kind

ANSWERS_EVENT = frozenset({
    Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL, Kind.CLEAR, Kind.APPROVE, Kind.DENY, Kind.CORRECT})
"""Kinds whose reference is always another event (elsewhere it may be a declaration line)."""

SHOWS_WITNESS = frozenset({Kind.APPROVE, Kind.DENY, Kind.CORRECT})
"""Kinds that show the event they name to the contract; so does an ACCEPT into a book, of a TRANSFER."""

_MAKES_ROWS = frozenset({
    Kind.DECLARE, Kind.OPENING, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.SPLIT, Kind.MERGE,
    Kind.TRANSFORM, Kind.FG_RETURN})
_MAKES_PARTS = frozenset({Kind.ARRIVE, Kind.STUFF, Kind.STRIP, Kind.ADJUST, Kind.REEXPORT})
# Measured on the embedded ledger, one event alone (all storage cold), then rounded up.
GAS_TRANSACTION = 65_000   # intrinsic gas, signer and participant cold, the loop around a batch
_GAS_EVENT = 20_000         # signature, nonce, log
_GAS_LINE = 32_000          # one more unit or line: first head, state
_GAS_NEW_UNIT = 86_000      # a new container or cargo, a thing put inside, a balance adjusted,
                            # a lot loaded raw
_GAS_NEW_LOT = 120_000      # a new lot or declaration line: more fresh slots
_GAS_NEW_MATERIAL = 45_000  # a line of a material that has no number yet gives it one
_GAS_BYTE = 12              # call data, more than half of it zeros


@dataclass(frozen=True, slots=True)
class Queued:
    """What choosing needs to know of a queued event."""

    seq: int
    event_id: bytes
    kind: Kind
    signer: bytes
    units: frozenset[bytes]
    reference: bytes
    line_count: int
    witness_bytes: int
    received_at_s: int
    shown_kind: Kind | None = None
    """Kind of the event that this one shows to the contract (APPROVE runs it), where the gateway knows it."""
    shown_line_count: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events chosen, in order; and those that wait, each with the event id it waits for.

    Attributes:
        gas: estimate for the whole transaction.
        full: no more would have fitted.
    """

    chosen: tuple[Queued, ...]
    waiting: tuple[tuple[Queued, bytes], ...]
    gas: int
    full: bool


@dataclass(slots=True)
class _Picture:
    limits: Limits
    gas: int = GAS_TRANSACTION
    size: int = 100
    chosen: list[Queued] = field(default_factory=list)
    placed: set[bytes] = field(default_factory=set)

    def place(self, event: Queued) -> bool:
        """Take an event in; False if it does not fit any more. The first one always fits."""
        gas, size = self.gas + event_gas(event), self.size + event_size(event)
        limits = self.limits
        full = len(self.chosen) >= limits.batch_events_max or gas > limits.batch_gas_max
        if self.chosen and (full or size > limits.batch_bytes_max):
            return False
        self.gas, self.size = gas, size
        self.chosen.append(event)
        self.placed.add(event.event_id)
        return True


def choose_batch(
    queued: Sequence[Queued], *, limits: Limits, now_s: int, reference_wait_s: int,
    known: Callable[[bytes], bool], find: Callable[[bytes], Queued | None],
) -> Batch:
    """Choose the next batch.

    Args:
        queued: the oldest queued events, ascending by seq.
        limits: `batch_events_max`, `batch_gas_max`, `batch_bytes_max`.
        now_s, reference_wait_s: an event waits for an unseen one until that long after it was received.
        known: whether the gateway knows an event of that id, whatever became of it.
        find: a queued event by id, also one outside `queued`; None if it is not queued.

    Returns:
        The batch; empty if everything waits or nothing is queued.
    """
    picture = _Picture(limits)
    inside = {event.event_id: event for event in queued}
    waiting: dict[bytes, tuple[Queued, bytes]] = {}
    stopped: dict[tuple[bytes, bytes], bytes] = {}  # (signer, unit) of waiting events -> what they wait for
    full = False
    for event in queued:
        if event.event_id in picture.placed:
            continue
        chain = _answered_first(event, picture.placed, inside, find)
        missing = _missing(chain[0], known, now_s, reference_wait_s, waiting)
        if missing is None and stopped:  # behind an earlier event of the same signer that waits
            missing = next((stopped[event.signer, unit] for unit in sorted(event.units)
                            if (event.signer, unit) in stopped), None)
        if missing is not None:
            for waiter in chain:
                waiting[waiter.event_id] = (waiter, missing)
                for unit in waiter.units:
                    stopped.setdefault((waiter.signer, unit), missing)
            continue
        if not all(picture.place(member) for member in chain):
            full = True
            break
    full = full or len(picture.chosen) >= limits.batch_events_max
    return Batch(tuple(picture.chosen), tuple(waiting.values()), picture.gas, full)


def _answered_first(
    event: Queued, placed: set[bytes], inside: dict[bytes, Queued], find: Callable[[bytes], Queued | None],
) -> list[Queued]:
    """The event, preceded by the queued ones it answers. Ends: an id is a hash over its reference."""
    chain = [event]
    while True:
        reference = chain[0].reference
        if reference == ZERO32 or reference in placed:
            return chain
        answered = inside.get(reference) or find(reference)
        if answered is None:
            return chain
        chain.insert(0, answered)


def _missing(
    event: Queued, known: Callable[[bytes], bool], now_s: int, reference_wait_s: int,
    waiting: dict[bytes, tuple[Queued, bytes]],
) -> bytes | None:
    if event.reference in waiting:
        return waiting[event.reference][1]
    expects = event.kind in ANSWERS_EVENT and event.reference != ZERO32
    if expects and now_s < event.received_at_s + reference_wait_s and not known(event.reference):
        return event.reference
    return None


def event_gas(event: Queued) -> int:
    """Gas that an event takes in a batch, estimated from above by kind and lines."""
    gas = _GAS_EVENT + _line_gas(event.kind) * event.line_count + _GAS_BYTE * event_size(event)
    if event.reference != ZERO32:
        gas += _GAS_LINE
    if event.kind is Kind.APPROVE and event.shown_kind is not None:
        gas += _line_gas(event.shown_kind) * event.shown_line_count
    if event.kind is Kind.ACCEPT and event.shown_kind is Kind.TRANSFER:
        gas += _GAS_NEW_LOT
    if event.kind is Kind.DECLARE:
        gas += _GAS_NEW_MATERIAL * event.line_count
    if event.kind is Kind.COUNT:
        gas += _GAS_LINE  # it is kept, for an ADJUST to name
    return gas


def event_size(event: Queued) -> int:
    """Bytes of call data that an event takes: ABI_SIGNED_EVENT with its offset in the array."""
    words = 1 + 3 + 11 + 1 + 5 * event.line_count + 1 + 3 + 1
    shown_bytes = event.witness_bytes
    if event.shown_kind is not None:  # the gateway puts in its own: event, and for CORRECT a signature
        shown_bytes = 32 * (1 + 11 + 1 + 5 * event.shown_line_count + 1 + 4)
    return 32 * words + -(-shown_bytes // 32) * 32


def _line_gas(kind: Kind) -> int:
    if kind in _MAKES_ROWS:
        return _GAS_NEW_LOT
    return _GAS_NEW_UNIT if kind in _MAKES_PARTS else _GAS_LINE
