"""For each kind what it says in the event model, and the acts that the table tries: one well-formed event a thing in a state.

A table of a kind is about one thing that the event names; everything else that the event needs is there and in order,
so that an outcome says something about that thing, its state and the poster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ledger.events.model import ZERO32, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, Step
from tests.contracts.table.scene import (
    AT_SECURE,
    KEEPER,
    NEW,
    PURPOSES,
    SECURE,
    SHIRT,
    STUFF,
    TAKER,
    Item,
    Scene,
)
from tests.contracts.world import (
    AT_FACTORY,
    AT_TERMINAL,
    BOOK,
    FACTORY,
    OTHER_BOOK,
    OTHER_FACTORY,
    STRICT_BOOK,
    ln,
    uid,
)

RAW, WIP, FINISHED, SCRAP, LOADED = Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP, Balance.LOADED
INPUT, OUTPUT = LineRole.INPUT, LineRole.OUTPUT
VEHICLES = ("container", "cargo")
UNITS = (*VEHICLES, "lot")
RECEIVE, EXPORT, RE_EXPORT, CHANGE, INTO, OUT_OF = (
    "receive", "export", "re-export", "change of purpose", "transfer in", "transfer out")


@dataclass
class Draft:
    """What an event says besides time, nonce and commitment; and what its witness shows."""

    lines: tuple[Line, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    pending: CustodyEvent | None = None
    corrected: tuple[CustodyEvent, int] | None = None


Make = Callable[[Scene, Item], Draft]


@dataclass(frozen=True)
class Table:
    """One table of a kind.

    Attributes:
        about: what the event says and of what thing.
        items: the things, in every state, and one of each sort that the kind is not for.
    """

    kind: Kind
    about: str
    families: tuple[str, ...]
    make: Make
    others: bool = True

    def items(self, scene: Scene) -> list[Item]:
        items = scene.of(*self.families)
        if self.others:
            mine = {*self.families, *("declaration line" for x in self.families if x in PURPOSES.values())}
            items += [x for x in scene.of("other") if not any(f in x.state for f in mine)]
        return items


TABLES: list[Table] = []


def draft(*lines: Line, **fields: Any) -> Draft:
    return Draft(lines, fields)


def table(kind: Kind, about: str, families: tuple[str, ...], make: Make, *, others: bool = True) -> None:
    TABLES.append(Table(kind, about, families, make, others))


def _new_vehicle(role: LineRole) -> Make:
    return lambda s, i: draft(ln(NEW, role), facility=i.number)


def _named(s: Scene, i: Item) -> Draft:
    return draft(ln(i.unit))


def _reference(i: Item) -> bytes:
    """The offer that it is under; of a thing that is under none, some offer."""
    return i.offer if any(i.offer) else uid("some offer")


def _transferred(s: Scene, transfer: Item, line: Item) -> Draft:
    """The answer to a transfer, with the lot, the new lot and both lines."""
    assert transfer.event is not None
    return Draft(
        (ln(transfer.unit, INPUT), ln(NEW, OUTPUT, q=4, balance=RAW, material=STUFF), ln(line.unit, LineRole.TRANSFER_IN),
         ln("out", LineRole.TRANSFER_OUT)),
        {"book": OTHER_BOOK, "reference": _reference(transfer)}, pending=transfer.event)


# ---- custody

table(Kind.ARRIVE, "a new container or cargo, at each sort of facility", ("place",), _new_vehicle(LineRole.CONTAINER), others=False)
table(Kind.ARRIVE, "a new container that is empty", ("place",), _new_vehicle(LineRole.EMPTY_CONTAINER), others=False)
table(Kind.ARRIVE, "an id that exists", (), lambda s, i: draft(ln(i.unit, LineRole.CONTAINER), facility=AT_TERMINAL))
table(Kind.OBSERVE, "anything", (*UNITS, RECEIVE), _named)
table(Kind.OFFER, "to a participant that runs no supervised facility", UNITS, lambda s, i: draft(ln(i.unit), counterparty=TAKER))
table(Kind.OFFER, "to the operator of a supervised facility", UNITS, lambda s, i: draft(ln(i.unit), counterparty=SECURE))
table(Kind.OFFER, "to itself", UNITS, lambda s, i: draft(ln(i.unit), counterparty=i.custodian), others=False)
table(Kind.OFFER, "a part of the raw material of a lot", ("lot",),
      lambda s, i: draft(ln(i.unit, q=1, balance=RAW), counterparty=TAKER))
table(Kind.ACCEPT, "into no facility", UNITS, lambda s, i: draft(ln(i.unit), reference=_reference(i)))
table(Kind.ACCEPT, "into a supervised facility", UNITS,
      lambda s, i: draft(ln(i.unit), reference=_reference(i), facility=AT_SECURE))
table(Kind.ACCEPT, "into a facility that is not supervised", UNITS,
      lambda s, i: draft(ln(i.unit), reference=_reference(i), facility=AT_FACTORY))
table(Kind.ACCEPT, "naming an offer that is not open", UNITS, lambda s, i: draft(ln(i.unit), reference=uid("some offer")))
table(Kind.ACCEPT, "with less raw material found than offered", ("lot",),
      lambda s, i: draft(ln(i.unit, q=9, balance=RAW), reference=_reference(i)))
table(Kind.ACCEPT, "with more raw material found than offered", ("lot",),
      lambda s, i: draft(ln(i.unit, q=11, balance=RAW), reference=_reference(i)))
table(Kind.ACCEPT, "of a transfer into another book", ("transfer",), lambda s, i: _transferred(s, i, s.one(INTO, "cleared, nothing drawn")),
      others=False)
table(Kind.ACCEPT, "of a transfer by a line", (INTO, OUT_OF), lambda s, i: _transferred(s, s.one("transfer", "open"), i), others=False)
table(Kind.ACCEPT, "of a transfer as if it were an offer", ("transfer",),
      lambda s, i: draft(ln(i.unit), reference=_reference(i)), others=False)
table(Kind.REFUSE, "a transfer", ("transfer",), lambda s, i: draft(ln(i.unit), reference=_reference(i)), others=False)
table(Kind.CANCEL, "a transfer", ("transfer",), lambda s, i: draft(ln(i.unit), reference=_reference(i)), others=False)
table(Kind.REFUSE, "the offer", UNITS, lambda s, i: draft(ln(i.unit), reference=_reference(i)))
table(Kind.CANCEL, "the offer", UNITS, lambda s, i: draft(ln(i.unit), reference=_reference(i)))
table(Kind.CANCEL, "an event that waits for approval", ("pending",), lambda s, i: draft(reference=i.unit), others=False)
for _kind in (Kind.HOLD, Kind.UNHOLD):
    table(_kind, "a container, cargo or lot", UNITS, _named)
    table(_kind, "a declaration line", (RECEIVE,), _named)
for _kind in (Kind.ELIGIBLE, Kind.REVOKE, Kind.GATE_OUT):
    table(_kind, "a container or cargo", VEHICLES, _named)


def _closed(s: Scene, i: Item) -> Draft:
    """The lots inside are named too."""
    return draft(ln(i.unit), *(ln(x, INPUT) for x in i.contents if s.thing(x) == "lot"))


table(Kind.CLOSE, "a container or cargo, and the lots inside", VEHICLES, _closed)


def _stuffed(s: Scene, i: Item) -> Draft:
    """Cargo of the same status, at the same facility."""
    if i.state == "free, arrived empty":
        return draft(ln(i.unit, LineRole.CONTAINER), ln("cargo at the depot", INPUT))
    beside = s.one("cargo", "free" if "free" in i.state else "supervised, eligible")
    return draft(ln(i.unit, LineRole.CONTAINER), ln(beside.unit, INPUT))


def _stuffed_cargo(s: Scene, i: Item) -> Draft:
    beside = s.one("container", "free" if "free" in i.state else "supervised, eligible")
    return draft(ln(beside.unit, LineRole.CONTAINER), ln(i.unit, INPUT))


table(Kind.STUFF, "cargo that stands beside it, into a container", ("container",), _stuffed)
table(Kind.STUFF, "cargo, into a container that stands beside it", ("cargo",), _stuffed_cargo)
table(Kind.STUFF, "a lot of its custodian, into a container", ("container",),
      lambda s, i: draft(ln(i.unit, LineRole.CONTAINER),
                         ln("other raw" if i.custodian == KEEPER else "lot of the carrier", INPUT)))
table(Kind.STUFF, "a lot, into an empty container of its keeper", ("lot",),
      lambda s, i: draft(ln("box of the keeper", LineRole.CONTAINER), ln(i.unit, INPUT)))
table(Kind.STRIP, "takes something out of a container", ("container",),
      lambda s, i: draft(ln(i.unit, LineRole.CONTAINER), ln(i.contents[0] if i.contents else uid("raw"), INPUT)))
table(Kind.STRIP, "takes the thing out of the container it is in", ("cargo", "lot"),
      lambda s, i: draft(ln(i.inside if any(i.inside) else uid("box of the keeper"), LineRole.CONTAINER), ln(i.unit, INPUT)))
table(Kind.STRIP, "makes new cargo out of a container", ("container",),
      lambda s, i: draft(ln(i.unit, LineRole.CONTAINER), ln(NEW, OUTPUT)))

# ---- declaration lines


def _said(i: Item, q: int = 20) -> Line:
    purpose = {word: number for number, word in PURPOSES.items()}.get(i.family, LineRole.RECEIVE)
    return ln(i.unit, purpose, q=q, material=STUFF)


def _original(i: Item) -> bytes:
    return uid("import") if i.family == CHANGE else ZERO32


table(Kind.DECLARE, "a new line, or more for a line that exists", ("new", RECEIVE), lambda s, i: draft(_said(i)))
table(Kind.DECLARE, "a line to less than 5", (RECEIVE, EXPORT), lambda s, i: draft(_said(i, 3)), others=False)
table(Kind.DECLARE, "a line of change of purpose", (CHANGE,), lambda s, i: draft(_said(i), reference=_original(i)), others=False)
table(Kind.DECLARE, "a new line of change of purpose that cites a line", (RECEIVE, EXPORT),
      lambda s, i: draft(ln(NEW, LineRole.CHANGE_OF_PURPOSE, q=1, material=STUFF), reference=i.unit))
table(Kind.DECLARE, "naming another declarant", ("new", RECEIVE), lambda s, i: Draft((_said(i),), {"counterparty": FACTORY}),
      others=False)
table(Kind.DECLARE, "a norm or contract, without a line", ("book",), lambda s, i: draft(step=Step.CONTRACT, book=i.number),
      others=False)
table(Kind.CLEAR, "to cleared", (RECEIVE,), lambda s, i: draft(ln(i.unit), reference=i.version))
table(Kind.CLEAR, "to cancelled", (RECEIVE, EXPORT),
      lambda s, i: draft(ln(i.unit), reference=i.version, step=Step.LINE_CANCELLED))
table(Kind.CLEAR, "naming an older version", (RECEIVE,), lambda s, i: draft(ln(i.unit), reference=uid("older")), others=False)

# ---- into a book


def _made(q: int = 5, balance: Balance = RAW, unit: bytes = NEW) -> Line:
    return ln(unit, OUTPUT, q=q, balance=balance, material=STUFF)


def _opening(unit: bytes, book: int) -> Draft:
    return draft(ln(unit, LineRole.OWN, q=1, balance=WIP, material=STUFF), book=book)


table(Kind.OPENING, "a new lot, in each sort of book", ("book",), lambda s, i: _opening(NEW, i.number), others=False)
table(Kind.OPENING, "a lot that exists", (), lambda s, i: _opening(i.unit, BOOK))
table(Kind.RECEIVE_FACTORY, "from a line", (RECEIVE, EXPORT), lambda s, i: draft(_made(), book=BOOK, reference=i.unit))
table(Kind.RECEIVE_FACTORY, "naming no container, in each sort of book", ("book",),
      lambda s, i: draft(_made(), book=i.number, reference=uid("import")), others=False)
table(Kind.RECEIVE_FACTORY, "naming the container or cargo it came in", VEHICLES,
      lambda s, i: draft(_made(), ln(i.unit, LineRole.CARGO if i.family == "cargo" else LineRole.CONTAINER),
                         book=STRICT_BOOK, reference=uid("import")))
table(Kind.RECEIVE_DOMESTIC, "a new lot, in each sort of book", ("book",), lambda s, i: draft(_made(), book=i.number),
      others=False)
table(Kind.RECEIVE_DOMESTIC, "a lot that exists", (), lambda s, i: draft(_made(unit=i.unit), book=BOOK))
table(Kind.FG_RETURN, "a new lot, of a line", (EXPORT, RE_EXPORT),
      lambda s, i: draft(_made(1, FINISHED), book=BOOK, reference=i.unit))
table(Kind.FG_RETURN, "in each sort of book", ("book",),
      lambda s, i: draft(_made(1, FINISHED), book=i.number, reference=s.one(EXPORT, "cleared, some exited").unit), others=False)

# ---- inside a book

table(Kind.SPLIT, "one unit of the raw material of a lot", ("lot",),
      lambda s, i: draft(ln(i.unit, INPUT), ln(NEW, OUTPUT, q=1, balance=RAW)))
table(Kind.SPLIT, "cargo, into new cargo", VEHICLES, lambda s, i: draft(ln(i.unit, INPUT), ln(NEW, OUTPUT)))


def _alike(s: Scene, i: Item) -> bytes:
    """A lot of the same origin and source."""
    return uid({"raw, imported": "more imported", "raw, domestic": "more domestic", "short only": "more domestic",
                "empty": "more domestic", "raw, of the other owner's book": "more domestic"}.get(i.state, "other raw"))


table(Kind.MERGE, "a lot, into a new one", ("lot",), lambda s, i: draft(ln(i.unit, INPUT), ln(NEW, OUTPUT)))
table(Kind.MERGE, "a lot that is alike, into it", ("lot",), lambda s, i: draft(ln(_alike(s, i), INPUT), ln(i.unit, OUTPUT)))
table(Kind.MERGE, "imported material into it", ("lot",), lambda s, i: draft(ln("more imported", INPUT), ln(i.unit, OUTPUT)), others=False)
table(Kind.ISSUE_PROD, "1 raw of a lot", ("lot",), lambda s, i: draft(ln(i.unit, q=1), book=BOOK))
table(Kind.ISSUE_PROD, "naming a book that is not the lot's", ("book",), lambda s, i: draft(ln("raw", q=1), book=i.number), others=False)
table(Kind.RETURN_PROD, "1 in production of a lot", ("lot",), lambda s, i: draft(ln(i.unit, q=1), book=BOOK))


def _transformed(i: Item, role: LineRole, material: str) -> Draft:
    return draft(ln(i.unit, INPUT, q=1, balance=WIP), ln(NEW, role, q=1, material=material), book=BOOK)


table(Kind.TRANSFORM, "1 in production of a lot into a product", ("lot",), lambda s, i: _transformed(i, LineRole.PRODUCT, SHIRT))
table(Kind.TRANSFORM, "into scrap of the same material", ("lot",), lambda s, i: _transformed(i, LineRole.SCRAP, STUFF))
table(Kind.TRANSFORM, "into a product of the same material", ("lot",), lambda s, i: _transformed(i, LineRole.PRODUCT, STUFF))

# ---- out of a book


def _out(balance: Balance, line: str, q: int = 1) -> Make:
    """Of a lot, by a line that is in order."""
    return lambda s, i: draft(ln(i.unit, q=q, balance=balance), reference=uid(line))


def _goods(balance: Balance, q: int = 1) -> Make:
    """Of the goods of a line, by that line."""
    return lambda s, i: draft(ln(i.goods if any(i.goods) else uid("stock"), q=q, balance=balance), reference=i.unit)


table(Kind.EXPORT_LOAD, "1 finished of a lot", ("lot",), _out(FINISHED, "loading"))
table(Kind.EXPORT_LOAD, "by a line", (EXPORT, RE_EXPORT), _goods(FINISHED))
table(Kind.REEXPORT, "1 raw of a lot", ("lot",), _out(RAW, "re-export cleared"))
table(Kind.REEXPORT, "by a line", (RE_EXPORT, EXPORT), _goods(RAW))
table(Kind.UNLOAD, "1 of a lot", ("lot",), _out(LOADED, "loading"))
table(Kind.UNLOAD, "by a line", (EXPORT, RE_EXPORT), _goods(LOADED))
table(Kind.EXIT_CONFIRM, "1 of a lot", ("lot",), _out(LOADED, "loading"))
table(Kind.EXIT_CONFIRM, "by a line", (EXPORT, RE_EXPORT), _goods(LOADED))
for _kind in (Kind.REPURPOSE, Kind.SELL_INLAND):
    table(_kind, "1 raw of a lot, without a line", ("lot",), lambda s, i: draft(ln(i.unit, q=1, balance=RAW), book=BOOK))
    table(_kind, "1 raw of a lot, by a line", ("lot",),
          lambda s, i: draft(ln(i.unit, q=1, balance=RAW), book=BOOK, reference=uid("change of purpose cleared")))
    table(_kind, "1 finished of a lot, by a line", ("lot",),
          lambda s, i: draft(ln(i.unit, q=1, balance=FINISHED), book=BOOK, reference=uid("change of purpose cleared")))
    table(_kind, "imported material by a line", (CHANGE, EXPORT),
          lambda s, i: draft(ln("imported", q=1, balance=RAW), book=BOOK, reference=i.unit))
table(Kind.SCRAP_OUT, "1 scrap of a lot, without a line", ("lot",), lambda s, i: draft(ln(i.unit, q=1, balance=SCRAP), book=BOOK))
table(Kind.SCRAP_OUT, "by a line", (CHANGE,), lambda s, i: draft(ln("stock", q=1, balance=SCRAP), book=BOOK, reference=i.unit))
table(Kind.SCRAP_OUT, "without a line, in a strict book", ("strict lot",),
      lambda s, i: draft(ln(i.unit, q=1, balance=SCRAP), book=STRICT_BOOK), others=False)
table(Kind.DESTROY, "1 raw of a lot", ("lot",), lambda s, i: draft(ln(i.unit, q=1, balance=RAW), book=BOOK))
table(Kind.DESTROY, "1 scrap of a lot, in a strict book", ("strict lot",),
      lambda s, i: draft(ln(i.unit, q=1, balance=SCRAP), book=STRICT_BOOK), others=False)

table(Kind.TRANSFER, "4 raw of a lot", ("lot",),
      lambda s, i: draft(ln(i.unit, q=4, balance=RAW), book=BOOK, counterparty=OTHER_FACTORY, reference=uid("out")))
table(Kind.TRANSFER, "by a line", (OUT_OF, INTO),
      lambda s, i: draft(ln("imported", q=4, balance=RAW), book=BOOK, counterparty=OTHER_FACTORY, reference=i.unit))

# ---- evidence, and setting right

table(Kind.COUNT, "of a lot", ("lot",), lambda s, i: draft(ln(i.unit, q=1, balance=RAW), book=BOOK))
table(Kind.COUNT, "in each sort of book, of no lot", ("book",), lambda s, i: draft(book=i.number), others=False)
for _about, _role, _balance in (("takes 1 raw off a lot", INPUT, RAW), ("adds 1 raw to a lot", OUTPUT, RAW),
                                ("writes off 1 short of a lot", INPUT, Balance.SHORT),
                                ("finds again 1 short of a lot, as raw", LineRole.FROM_SHORT, RAW)):
    table(Kind.ADJUST, _about, ("lot",), lambda s, i, role=_role, balance=_balance: draft(  # type: ignore[misc]
        ln(i.unit, role, q=1, balance=balance), book=BOOK, reference=s.one("count", "of the book").unit))
table(Kind.ADJUST, "by what it refers to", ("count",),
      lambda s, i: draft(ln("stock", INPUT, q=1, balance=RAW), book=BOOK, reference=i.unit), others=False)


def _reassigned(role: LineRole = LineRole.NONE, **fields: Any) -> Make:
    return lambda s, i: draft(ln(i.unit, role), reference=s.one("event", "recorded").unit, **fields)


table(Kind.REASSIGN, "custody, to a participant that runs no supervised facility", UNITS, _reassigned(counterparty=TAKER))
table(Kind.REASSIGN, "custody, to the operator of a supervised facility", UNITS, _reassigned(counterparty=SECURE))
table(Kind.REASSIGN, "to free", UNITS, _reassigned(LineRole.FREE))
table(Kind.REASSIGN, "to supervised, at a supervised facility", UNITS, _reassigned(LineRole.SUPERVISED, facility=AT_SECURE))
table(Kind.REASSIGN, "to a facility that is not supervised", UNITS, _reassigned(facility=AT_FACTORY))
table(Kind.REASSIGN, "by what it refers to", ("count",),
      lambda s, i: draft(ln("container supervised"), counterparty=SECURE, reference=i.unit), others=False)
table(Kind.APPROVE, "an event", ("pending",), lambda s, i: Draft((), {"reference": i.unit}, pending=i.event), others=False)
table(Kind.DENY, "an event", ("pending",), lambda s, i: draft(reference=i.unit), others=False)
table(Kind.CORRECT, "an event", ("event",),
      lambda s, i: Draft((), {"reference": i.unit}, corrected=(i.event, i.signer) if i.event else None), others=False)
