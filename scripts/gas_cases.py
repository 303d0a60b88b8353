"""The cases of the gas table: for every kind, how n events of it are prepared.

To add a kind, write a function that prepares `bench.count` events and gives them signed, under `@case`; if
their outcome is not RECORDED, name it in OUTCOMES. Units are distinct; signers, places, books and lines are
the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

from eth_abi import encode

from ledger.events.model import ABI_EVENT, CustodyEvent, Line, event_id
from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tests.contracts.world import (
    AT_CFS,
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    OTHER_FACTORY,
    TERMINAL,
    World,
    key_of,
    ln,
    sign,
    uid,
)

_SETUP_LINES = 50  # so many units an event, and so many events a transaction, while a case is prepared
RAW, WIP, FINISHED, LOADED, SCRAP = (
    Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.LOADED, Balance.SCRAP)
OUTCOMES = {  # else RECORDED
    "OPENING": Outcome.PENDING, "ADJUST": Outcome.PENDING, "REASSIGN": Outcome.PENDING,
    "REFUSED": Outcome.NOT_ELIGIBLE,
}

Signed = tuple[CustodyEvent, bytes, bytes]
"""An event, its signature, its witness."""


class Bench:
    """A world in which one case is prepared: distinct names, nonces of its own."""

    def __init__(self, world: World, label: str, count: int) -> None:
        self.world = world
        self.label = label
        self.count = count
        self._first = zlib.crc32(f"{label} {count}".encode()) % 16_000 * 1_024 + 65_536
        self._nonces: dict[int, int] = {}

    def name(self, number: int, what: str = "unit") -> str:
        """A name for the number-th thing of this case."""
        return f"{self.label} {self.count} {what} {number}"

    @property
    def every(self) -> list[str]:
        """Names of all units of this case."""
        return [self.name(i) for i in range(self.count)]

    def signed(self, by: int, kind: Kind, *lines: Line, **fields: Any) -> Signed:
        """An event, signed."""
        nonce = self._nonces.get(by, self._first)
        self._nonces[by] = nonce + 1
        commitment = uid(f"{self.label} {self.count} {by} {nonce}")  # whatever was measured before
        event = self.world.event(kind, *lines, nonce=nonce, commitment=commitment, **fields)
        return self.resigned(by, event)

    def resigned(self, by: int, event: CustodyEvent, witness: bytes = b"") -> Signed:
        """An event as it is, signed."""
        return event, sign(key_of(by), self.id_of(event)), witness

    def id_of(self, event: CustodyEvent) -> bytes:
        """The event's id."""
        return event_id(event, self.world.separator)

    def post(self, items: Iterable[Signed]) -> None:
        """Record what prepares a case; everything must be taken and recorded."""
        items = list(items)
        for start in range(0, len(items), _SETUP_LINES):
            codes, _ = self.world.evm.record(items[start:start + _SETUP_LINES])
            bad = [Outcome(x).name for x in codes if x > Outcome.PENDING]
            assert not bad, f"{self.label} cannot be prepared: {bad[:3]}"
        self.world.evm.settle()

    def use_nonce_beside(self, item: Signed) -> None:
        """Use another nonce of the same word of the same key."""
        event, signature, _ = item
        signer = next(k for k in range(1, 10) if sign(key_of(k), self.id_of(event)) == signature)
        self.post([self.resigned(signer, self.world.event(Kind.OBSERVE, nonce=event.nonce | 255))])

    def posted(self, by: int, kind: Kind, *lines: Line, **fields: Any) -> bytes:
        """Record one event; its id."""
        item = self.signed(by, kind, *lines, **fields)
        self.post([item])
        return self.id_of(item[0])

    def spread(self, by: int, kind: Kind, lines: Iterable[Line], **fields: Any) -> None:
        """Record one kind for many units, many in an event."""
        lines = list(lines)
        self.post(self.signed(by, kind, *lines[i:i + _SETUP_LINES], **fields)
                  for i in range(0, len(lines), _SETUP_LINES))

    # ---- scenes

    def arrived(self, names: Iterable[str]) -> None:
        """Containers at the terminal, in the carrier's custody."""
        self.spread(CARRIER, Kind.ARRIVE, [ln(x, LineRole.CONTAINER) for x in names], facility=AT_TERMINAL)

    def bought(self, names: Iterable[str], q: int = 1000, material: str = "thread") -> None:
        """Domestic lots of the factory."""
        self.spread(FACTORY, Kind.RECEIVE_DOMESTIC,
                    [ln(x, LineRole.OUTPUT, q=q, balance=RAW, material=material) for x in names], book=BOOK)

    def received(self, names: Iterable[str], line: bytes) -> None:
        """Imported lots of the factory, drawn from a line."""
        self.post(self.signed(FACTORY, Kind.RECEIVE_FACTORY,
                              ln(x, LineRole.OUTPUT, q=1000, balance=RAW, material="fabric"),
                              book=BOOK, reference=line) for x in names)

    def issued(self, names: Iterable[str], q: int = 600) -> None:
        """Domestic lots of which a part is in production."""
        names = list(names)
        self.bought(names)
        self.spread(FACTORY, Kind.ISSUE_PROD, [ln(x, q=q) for x in names], book=BOOK)

    def opened(self, names: Iterable[str], balance: Balance, material: str = "shirt", q: int = 1000) -> None:
        """Own lots with one balance, out of an approved OPENING."""
        lines = [ln(x, LineRole.OWN, q=q, balance=balance, material=material) for x in names]
        for i in range(0, len(lines), _SETUP_LINES):
            item = self.signed(FACTORY, Kind.OPENING, *lines[i:i + _SETUP_LINES], book=BOOK)
            approval = self.signed(CUSTOMS, Kind.APPROVE, reference=self.id_of(item[0]))[0]
            self.post([item, self.resigned(CUSTOMS, approval, item[0].encoded())])

    def line(self, name: str, purpose: LineRole, material: str, original: str = "") -> bytes:
        """A cleared line with more than enough; its id."""
        fields = {"reference": uid(original)} if original else {}
        version = self.posted(
            FACTORY, Kind.DECLARE, ln(name, purpose, q=10**15, material=material), **fields)
        self.posted(CUSTOMS, Kind.CLEAR, ln(name), reference=version)
        return uid(name)


CASES: dict[str, Callable[[Bench], list[Signed]]] = {}


def case(make: Callable[[Bench], list[Signed]]) -> Callable[[Bench], list[Signed]]:
    """Measure what this function prepares, under its name in capitals."""
    CASES[make.__name__.upper()] = make
    return make


@case
def observe(b: Bench) -> list[Signed]:
    """Of units that are there."""
    b.arrived(b.every)
    return [b.signed(CARRIER, Kind.OBSERVE, ln(x), step=8) for x in b.every]


@case
def observe_one_unit(b: Bench) -> list[Signed]:
    """All of one unit."""
    b.arrived(b.every[:1])
    return [b.signed(CARRIER, Kind.OBSERVE, ln(b.name(0)), step=8) for _ in b.every]


@case
def arrive(b: Bench) -> list[Signed]:
    """A container each."""
    return [b.signed(CARRIER, Kind.ARRIVE, ln(x, LineRole.CONTAINER), facility=AT_TERMINAL) for x in b.every]


@case
def offer(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    return [b.signed(CARRIER, Kind.OFFER, ln(x), counterparty=CFS) for x in b.every]


def _offers(b: Bench) -> list[Signed]:
    """Containers under an offer each; the offers."""
    b.arrived(b.every)
    offers = [b.signed(CARRIER, Kind.OFFER, ln(x), counterparty=CFS) for x in b.every]
    b.post(offers)
    return offers


@case
def accept(b: Bench) -> list[Signed]:
    """Each its own offer, into a supervised facility."""
    return [b.signed(CFS, Kind.ACCEPT, ln(x), reference=b.id_of(o[0]), facility=AT_CFS)
            for x, o in zip(b.every, _offers(b), strict=True)]


@case
def accept_short(b: Bench) -> list[Signed]:
    """A lot of which less was found."""
    b.bought(b.every)
    offers = [b.signed(FACTORY, Kind.OFFER, ln(x), counterparty=OTHER_FACTORY) for x in b.every]
    b.post(offers)
    return [b.signed(OTHER_FACTORY, Kind.ACCEPT, ln(x, q=990, balance=RAW), reference=b.id_of(o[0]))
            for x, o in zip(b.every, offers, strict=True)]


@case
def refuse(b: Bench) -> list[Signed]:
    return [b.signed(CFS, Kind.REFUSE, ln(x), reference=b.id_of(o[0]))
            for x, o in zip(b.every, _offers(b), strict=True)]


@case
def cancel(b: Bench) -> list[Signed]:
    return [b.signed(CARRIER, Kind.CANCEL, ln(x), reference=b.id_of(o[0]))
            for x, o in zip(b.every, _offers(b), strict=True)]


@case
def hold(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    return [b.signed(CUSTOMS, Kind.HOLD, ln(x)) for x in b.every]


@case
def unhold(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    b.spread(CUSTOMS, Kind.HOLD, map(ln, b.every))
    return [b.signed(CUSTOMS, Kind.UNHOLD, ln(x)) for x in b.every]


@case
def eligible(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    return [b.signed(CUSTOMS, Kind.ELIGIBLE, ln(x)) for x in b.every]


@case
def revoke(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    b.spread(CUSTOMS, Kind.ELIGIBLE, map(ln, b.every))
    return [b.signed(CUSTOMS, Kind.REVOKE, ln(x)) for x in b.every]


@case
def gate_out(b: Bench) -> list[Signed]:
    """By the operator of the facility."""
    b.arrived(b.every)
    b.spread(CUSTOMS, Kind.ELIGIBLE, map(ln, b.every))
    return [b.signed(TERMINAL, Kind.GATE_OUT, ln(x)) for x in b.every]


@case
def close(b: Bench) -> list[Signed]:
    b.arrived(b.every)
    b.spread(CUSTOMS, Kind.ELIGIBLE, map(ln, b.every))
    b.spread(CARRIER, Kind.GATE_OUT, map(ln, b.every))
    return [b.signed(CARRIER, Kind.CLOSE, ln(x)) for x in b.every]


@case
def declare(b: Bench) -> list[Signed]:
    """A new line each, of a known material."""
    b.bought([b.name(-1)], material="fabric")
    return [b.signed(FACTORY, Kind.DECLARE, ln(x, LineRole.RECEIVE, q=1000, material="fabric"))
            for x in b.every]


@case
def declare_material(b: Bench) -> list[Signed]:
    """A new line each, of a new material each."""
    return [b.signed(FACTORY, Kind.DECLARE, ln(x, LineRole.RECEIVE, q=1000, material=f"{x} material"))
            for x in b.every]


@case
def clear(b: Bench) -> list[Signed]:
    made = declare(b)
    b.post(made)
    return [b.signed(CUSTOMS, Kind.CLEAR, ln(x), reference=b.id_of(m[0]))
            for x, m in zip(b.every, made, strict=True)]


def _openings(b: Bench) -> list[Signed]:
    b.opened([b.name(-1)], FINISHED)  # the material is known
    return [b.signed(FACTORY, Kind.OPENING,
                     ln(x, LineRole.OWN, q=1000, balance=FINISHED, material="shirt"), book=BOOK)
            for x in b.every]


@case
def opening(b: Bench) -> list[Signed]:
    """A lot each, proposed: the lot is made at approval (APPROVE)."""
    return _openings(b)


@case
def approve(b: Bench) -> list[Signed]:
    """An OPENING of one lot each: makes the lot."""
    pending = _openings(b)
    b.post(pending)
    approvals = [b.signed(CUSTOMS, Kind.APPROVE, reference=b.id_of(p[0])) for p in pending]
    return [b.resigned(CUSTOMS, a[0], p[0].encoded()) for a, p in zip(approvals, pending, strict=True)]


@case
def deny(b: Bench) -> list[Signed]:
    pending = _openings(b)
    b.post(pending)
    return [b.signed(CUSTOMS, Kind.DENY, reference=b.id_of(p[0])) for p in pending]


@case
def receive_factory(b: Bench) -> list[Signed]:
    """A lot each, drawn from one line."""
    line = b.line(b.name(0, "line"), LineRole.RECEIVE, "fabric")
    b.received([b.name(-1)], line)
    return [b.signed(FACTORY, Kind.RECEIVE_FACTORY,
                     ln(x, LineRole.OUTPUT, q=1000, balance=RAW, material="fabric"),
                     book=BOOK, reference=line)
            for x in b.every]


@case
def receive_domestic(b: Bench) -> list[Signed]:
    b.bought([b.name(-1)])  # the material is known
    return [b.signed(FACTORY, Kind.RECEIVE_DOMESTIC,
                     ln(x, LineRole.OUTPUT, q=1000, balance=RAW, material="thread"), book=BOOK)
            for x in b.every]


@case
def split(b: Bench) -> list[Signed]:
    """A lot into itself and two."""
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.SPLIT, ln(x, LineRole.INPUT),
                     ln(f"{x} a", LineRole.OUTPUT, q=300, balance=RAW),
                     ln(f"{x} b", LineRole.OUTPUT, q=300, balance=RAW)) for x in b.every]


@case
def merge(b: Bench) -> list[Signed]:
    """Two lots into a new one."""
    b.bought(b.every + [f"{x} b" for x in b.every])
    return [b.signed(FACTORY, Kind.MERGE, ln(x, LineRole.INPUT), ln(f"{x} b", LineRole.INPUT),
                     ln(f"{x} c", LineRole.OUTPUT)) for x in b.every]


@case
def issue_prod(b: Bench) -> list[Signed]:
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.ISSUE_PROD, ln(x, q=600), book=BOOK) for x in b.every]


@case
def return_prod(b: Bench) -> list[Signed]:
    b.issued(b.every)
    return [b.signed(FACTORY, Kind.RETURN_PROD, ln(x, q=100, balance=WIP), book=BOOK) for x in b.every]


@case
def transform(b: Bench) -> list[Signed]:
    """Two lots into two new ones, of known materials."""
    b.issued(b.every + [f"{x} b" for x in b.every])
    b.opened([b.name(-1)], FINISHED, "shirt")
    b.opened([b.name(-2)], SCRAP, "waste")
    return [b.signed(FACTORY, Kind.TRANSFORM,
                     ln(x, LineRole.INPUT, q=500, balance=WIP),
                     ln(f"{x} b", LineRole.INPUT, q=500, balance=WIP),
                     ln(f"{x} c", LineRole.PRODUCT, q=100, material="shirt"),
                     ln(f"{x} d", LineRole.SCRAP, q=100, material="waste"), book=BOOK, reference=uid("norm"))
            for x in b.every]


def _loads(b: Bench) -> list[Signed]:
    line = b.line(b.name(0, "line"), LineRole.EXPORT, "shirt")
    b.opened(b.every, FINISHED)
    return [b.signed(FACTORY, Kind.EXPORT_LOAD, ln(x, q=400, balance=FINISHED), reference=line)
            for x in b.every]


@case
def export_load(b: Bench) -> list[Signed]:
    """The first of each lot for the line."""
    b.posted(FACTORY, Kind.OBSERVE)
    return _loads(b)


@case
def export_load_again(b: Bench) -> list[Signed]:
    """The second of each lot for the same line."""
    first = _loads(b)
    b.post(first)
    line = first[0][0].reference
    return [b.signed(FACTORY, Kind.EXPORT_LOAD, ln(x, q=400, balance=FINISHED), reference=line)
            for x in b.every]


@case
def exit_confirm(b: Bench) -> list[Signed]:
    """A part of what is loaded."""
    first = _loads(b)
    b.post(first)
    line = first[0][0].reference
    return [b.signed(CUSTOMS, Kind.EXIT_CONFIRM, ln(x, q=300, balance=LOADED), reference=line)
            for x in b.every]


def _change_of_purpose(b: Bench, material: str) -> bytes:
    b.line(b.name(0, "import"), LineRole.RECEIVE, "fabric")
    return b.line(b.name(0, "line"), LineRole.CHANGE_OF_PURPOSE, material, b.name(0, "import"))


@case
def repurpose(b: Bench) -> list[Signed]:
    line = _change_of_purpose(b, "thread")
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.REPURPOSE, ln(x, q=100, balance=RAW), book=BOOK, reference=line)
            for x in b.every]


@case
def sell_inland(b: Bench) -> list[Signed]:
    line = _change_of_purpose(b, "shirt")
    b.opened(b.every, FINISHED)
    return [b.signed(FACTORY, Kind.SELL_INLAND, ln(x, q=100, balance=FINISHED), book=BOOK, reference=line)
            for x in b.every]


@case
def scrap_out(b: Bench) -> list[Signed]:
    b.opened(b.every, SCRAP, "waste")
    return [b.signed(FACTORY, Kind.SCRAP_OUT, ln(x, q=100, balance=SCRAP), book=BOOK) for x in b.every]


@case
def count(b: Bench) -> list[Signed]:
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.COUNT, ln(x, q=999, balance=RAW), book=BOOK) for x in b.every]


@case
def stuff(b: Bench) -> list[Signed]:
    """A cargo into a container."""
    b.arrived(b.every)
    b.spread(CARRIER, Kind.ARRIVE, [ln(f"{x} c", LineRole.CARGO) for x in b.every], facility=AT_TERMINAL)
    return [b.signed(CARRIER, Kind.STUFF, ln(x, LineRole.CONTAINER), ln(f"{x} c", LineRole.INPUT))
            for x in b.every]


@case
def strip(b: Bench) -> list[Signed]:
    """A cargo out of a container again."""
    b.post(stuff(b))
    return [b.signed(CARRIER, Kind.STRIP, ln(x, LineRole.CONTAINER), ln(f"{x} c", LineRole.INPUT))
            for x in b.every]


@case
def reexport(b: Bench) -> list[Signed]:
    b.received(b.every, b.line(b.name(0, "import"), LineRole.RECEIVE, "fabric"))
    line = b.line(b.name(0, "line"), LineRole.RE_EXPORT, "fabric")
    return [b.signed(FACTORY, Kind.REEXPORT, ln(x, q=100, balance=RAW), reference=line) for x in b.every]


@case
def unload(b: Bench) -> list[Signed]:
    first = _loads(b)
    b.post(first)
    line = first[0][0].reference
    return [b.signed(FACTORY, Kind.UNLOAD, ln(x, q=100, balance=LOADED), reference=line) for x in b.every]


@case
def fg_return(b: Bench) -> list[Signed]:
    """A lot each of what left under one line."""
    line = b.line(b.name(0, "line"), LineRole.EXPORT, "shirt")
    b.opened([b.name(-1), b.name(-2)], FINISHED, q=10**9)
    left = [ln(b.name(-1), q=10**9, balance=FINISHED), ln(b.name(-1), q=10**9, balance=LOADED)]
    b.posted(FACTORY, Kind.EXPORT_LOAD, left[0], reference=line)
    b.posted(CUSTOMS, Kind.EXIT_CONFIRM, left[1], reference=line)
    back = [b.signed(FACTORY, Kind.FG_RETURN,
                     ln(x, LineRole.OUTPUT, q=100, balance=FINISHED, material="shirt"),
                     book=BOOK, reference=line)
            for x in [b.name(-3), *b.every]]
    b.post(back[:1])
    return back[1:]


@case
def destroy(b: Bench) -> list[Signed]:
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.DESTROY, ln(x, q=100, balance=RAW), book=BOOK) for x in b.every]


@case
def transfer(b: Bench) -> list[Signed]:
    line = b.line(b.name(0, "line"), LineRole.TRANSFER_OUT, "thread")
    b.bought(b.every)
    return [b.signed(FACTORY, Kind.TRANSFER, ln(x, q=100, balance=RAW), counterparty=OTHER_FACTORY,
                     book=BOOK, reference=line) for x in b.every]


@case
def adjust(b: Bench) -> list[Signed]:
    """Proposed; it is done at approval."""
    b.bought(b.every)
    counted = b.posted(FACTORY, Kind.COUNT, ln(b.name(0), q=900, balance=RAW), book=BOOK)
    return [b.signed(FACTORY, Kind.ADJUST, ln(x, LineRole.INPUT, q=100, balance=RAW), book=BOOK,
                     reference=counted) for x in b.every]


@case
def reassign(b: Bench) -> list[Signed]:
    """Proposed; it is done at approval by another key of customs."""
    b.arrived(b.every)
    wrong = b.signed(CARRIER, Kind.OBSERVE)
    b.post([wrong])
    correction = b.signed(CARRIER, Kind.CORRECT, reference=b.id_of(wrong[0]))[0]
    shown = encode([ABI_EVENT, "bytes"], [wrong[0].abi(), wrong[1]])
    b.post([b.resigned(CARRIER, correction, shown)])
    return [b.signed(CUSTOMS, Kind.REASSIGN, ln(x), counterparty=CFS, reference=b.id_of(wrong[0]))
            for x in b.every]


@case
def correct(b: Bench) -> list[Signed]:
    """An OBSERVE of the same unit."""
    original = observe(b)
    b.post(original)
    found = []
    for x, (event, signature, _) in zip(b.every, original, strict=True):
        again = b.signed(CARRIER, Kind.CORRECT, ln(x), reference=b.id_of(event))[0]
        found.append(b.resigned(CARRIER, again, encode([ABI_EVENT, "bytes"], [event.abi(), signature])))
    return found


@case
def refused(b: Bench) -> list[Signed]:
    """A GATE_OUT of what is not eligible."""
    b.arrived(b.every)
    return [b.signed(CARRIER, Kind.GATE_OUT, ln(x)) for x in b.every]
