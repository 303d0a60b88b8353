"""The log EventOutcome: what was signed, packed, what became of it, and what some kinds made of their lots.

Pure. The layout is in docs/formats/contracts.md; it has no gaps because a chain takes eight gas for each byte
of a log. Only what the contract would have written is read: a flag that says nothing, or a byte too many, is
no outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from ledger.chain.abi_words import member
from ledger.chain.facts import AmountsChanged, EventOutcome, LineAmountChanged, LoadedChanged, Told
from ledger.errors import TrustError
from ledger.events.model import ZERO32, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Step

OUTCOME_SIGNATURE = "EventOutcome(bytes32,uint256,bytes32,bytes)"
OUTCOME_TYPES = ("uint256", "bytes32", "bytes")

_ACT_MASK = (1 << 240) - 1 ^ 3 << 46  # outcome, kind, step, which fields there are; participant, key
_TIMES = Struct(">QQQ")  # when it occurred, its deadline, its nonce
_NUMBERS = (1 << 41, 1 << 42, 1 << 43)
"""Bits of the first word that say that counterparty, facility and book are there."""
_REFERENCE = 1 << 40
_LINE = Struct(">QBB")  # quantity, balance, role
_NOTHING = (0, 0, 0)
_AMOUNTS, _MATERIAL, _TOLD = 1, 2, 4
_DRAWN, _EXITED = 1 << 44, 1 << 45
_MICRO = Struct(">Q")
_OF_LOT = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)
_TOTAL, _FOR_LINE, _BOTH = 1 << 5, 1 << 6, 1 << 7
"""What is loaded of a lot: in total, for the cited line, or both in one, since they are the same."""


def outcome_and_participant(act: int) -> tuple[int, int]:
    """Code of the outcome and number of the participant, of the log's first word."""
    return act & 0xFFFF, act >> 48 & 0xFFFFFFFF


def read_outcome(
    log_index: int, event_id: bytes, act: int, commitment: bytes, content: bytes,
) -> EventOutcome:
    """An outcome with its event, of the log's values as the ABI gives them.

    Raises:
        TrustError: the ledger does not log that.
    """
    code, participant = outcome_and_participant(act)
    if act & ~_ACT_MASK:
        raise _unreadable(log_index, "has another form")
    rest = _Reader(log_index, content)
    occurred_at_ms, deadline_s, nonce = _TIMES.unpack(rest.take(_TIMES.size))
    numbers = [int.from_bytes(rest.present(4), "big") if act & bit else 0 for bit in _NUMBERS]
    reference = rest.present(32) if act & _REFERENCE else ZERO32
    told = _told_of_line(rest, act, reference)
    lines = tuple(rest.lines())
    if (told or rest.told) and (code != Outcome.RECORDED or not lines or len(rest.told) != len(lines)):
        raise _unreadable(log_index, "says what it did not do")
    for line, amounts in zip(lines, rest.told, strict=False):
        told += _told_of_lot(log_index, line.unit, reference, amounts)
    return EventOutcome(
        log_index, event_id, participant, (act >> 80).to_bytes(20, "big"), member(Outcome, code),
        CustodyEvent(
            kind=member(Kind, act >> 16 & 0xFF), step=member(Step, act >> 24 & 0xFFFF),
            lines=lines, counterparty=numbers[0], facility=numbers[1], book=numbers[2],
            reference=reference, occurred_at_ms=occurred_at_ms, deadline_s=deadline_s, nonce=nonce,
            commitment=commitment), told)


def _told_of_line(rest: _Reader, act: int, reference: bytes) -> tuple[Told, ...]:
    """The amount of the cited line that changed, if any did."""
    which = act & (_DRAWN | _EXITED)
    if not which:
        return ()
    if which == _DRAWN | _EXITED or reference == ZERO32:
        raise _unreadable(rest.log_index, "has an amount of no line")
    amount = rest.micro()
    drawn, exited = (amount, None) if which == _DRAWN else (None, amount)
    return (LineAmountChanged(rest.log_index, reference, drawn, exited),)


def _told_of_lot(log_index: int, lot: bytes, reference: bytes, amounts: dict[int, int]) -> tuple[Told, ...]:
    """Which amounts a lot has now, by their bits."""
    total, for_line = (amounts.get(_BOTH, amounts.get(bit)) for bit in (_TOTAL, _FOR_LINE))
    if (total is None) != (for_line is None) or (for_line is not None and reference == ZERO32):
        raise _unreadable(log_index, "says what is loaded for no line")
    balances = [(balance, amounts[1 << n]) for n, balance in enumerate(_OF_LOT) if 1 << n in amounts]
    if total is None or for_line is None:
        return (AmountsChanged(log_index, lot, tuple(balances)),)
    return (AmountsChanged(log_index, lot, (*balances, (Balance.LOADED, total))),
            LoadedChanged(log_index, lot, reference, for_line))


class _Reader:
    """Takes the content apart from its beginning on."""

    def __init__(self, log_index: int, content: bytes) -> None:
        self.log_index = log_index
        self.content = content
        self.at = 0
        self.told: list[dict[int, int]] = []  # of each line that says it, which amounts its lot has now

    def take(self, size: int) -> bytes:
        found = self.content[self.at:self.at + size]
        if len(found) < size:
            raise _unreadable(self.log_index, "ends too early")
        self.at += size
        return found

    def present(self, size: int) -> bytes:
        """What stands there only because it is not zero."""
        found = self.take(size)
        if not any(found):
            raise _unreadable(self.log_index, "says that something is there and it is zero")
        return found

    def micro(self) -> int:
        found: int = _MICRO.unpack(self.take(_MICRO.size))[0]
        return found

    def amounts(self) -> dict[int, int]:
        """Amounts by their bits: the mask, then each in the order of the bits."""
        mask = self.take(1)[0]
        if not mask or mask & 0x10 or (mask & _BOTH and mask & (_TOTAL | _FOR_LINE)):
            raise _unreadable(self.log_index, "has amounts of another form")
        return {1 << n: self.micro() for n in range(8) if mask >> n & 1}

    def lines(self) -> Iterator[Line]:
        content, size = self.content, len(self.content)
        while self.at < size:
            at = self.at + 33
            if at > size:
                raise _unreadable(self.log_index, "ends too early")
            unit, follows = content[self.at:at - 1], content[at - 1]
            if follows & ~(_AMOUNTS | _MATERIAL | _TOLD):
                raise _unreadable(self.log_index, "has a line of another form")
            self.at = at
            quantity_micro, balance, role = _LINE.unpack(self.present(_LINE.size)) if follows & _AMOUNTS \
                else _NOTHING
            material = self.present(32) if follows & _MATERIAL else ZERO32
            if follows & _TOLD:
                self.told.append(self.amounts())
            yield Line(unit, material, member(Balance, balance), quantity_micro, member(LineRole, role))


def _unreadable(log_index: int, why: str) -> TrustError:
    return TrustError(f"log {log_index} cannot be read: it {why}.")
