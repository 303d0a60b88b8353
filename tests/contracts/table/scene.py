"""One world in which everything stands ready: a container, cargo, lot, line, event or book in every state the table names.

All of it was made by real events. `Scene.of` finds things by family; a thing knows who has which relation to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.events.model import ZERO32, CustodyEvent
from ledger.vocabulary import Balance, Kind, LineRole, Role
from tests.contracts.oracle import NO_HOLD
from tests.contracts.world import (
    AGENCY,
    AT_TERMINAL,
    AUDITOR,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    OTHER_BOOK,
    OTHER_FACTORY,
    STRICT_BOOK,
    TERMINAL,
    World,
    ln,
    uid,
)

OTHER_CARRIER, KEEPER, OFFEREE, BROKER, SECURE, TAKER = range(21, 27)
SECOND_SIGNER = 30  # a key, of customs
AT_DEPOT, AT_SECURE, NOWHERE = 11, 12, 77
CLOSED_BOOK, NO_BOOK = 11, 77
NEW = b"\xff" * 32  # the id of what an act makes: last in every list
STUFF, SHIRT = "the material of every lot", "what is made of it"
BIG = 1_000_000

PURPOSES = {
    LineRole.RECEIVE: "receive", LineRole.EXPORT: "export", LineRole.RE_EXPORT: "re-export",
    LineRole.CHANGE_OF_PURPOSE: "change of purpose", LineRole.TRANSFER_IN: "transfer in",
    LineRole.TRANSFER_OUT: "transfer out",
}

POSTERS = {
    "custodian": "who has the thing in its custody: of containers and cargo the carrier that brought them, of lots a keeper. Of a "
                 "declaration line its declarant, of an event who posted it: the column is called so there",
    "operator": "who runs the facility where the thing, or the container that it is in, stands",
    "other operator": "who runs another supervised facility",
    "other carrier": "a carrier that has nothing to do with the thing",
    "offeree": "to whom the thing was offered, if it was; it runs no facility. (Of a transfer it is the other owner)",
    "owner": "the processor that owns the book of every lot and is declarant of the lines, if nothing else is said",
    "other owner": "a processor that owns another book",
    "other declarant": "a processor with lines of its own and no book",
    "customs": "customs, by the signer who did what customs did before",
    "customs, second signer": "customs, by another signer",
    "agency": "an agency with a hold of its own",
    "auditor": "an auditor",
    "suspended": "the custodian, while it is suspended",
}


@dataclass(frozen=True)
class Item:
    """A thing in a state.

    Attributes:
        family: container, cargo, lot, line, pending, event, book, place or none.
        state: in words, as the table prints it.
        unit: its id; of an event its event id.
        custodian: the key of its custodian.
        offer: the offer or transfer that it is or was under.
        version: of a line.
        goods: of a line, a lot that was loaded for it or is fit to be.
        number: of a book or place.
        event: of a pending or corrected event, the event.
        signer: the key that signed it.
        inside: the container that it is in.
        contents: what is in it.
    """

    family: str
    state: str
    unit: bytes = ZERO32
    custodian: int = CARRIER
    offer: bytes = ZERO32
    version: bytes = ZERO32
    goods: bytes = ZERO32
    number: int = 0
    event: CustodyEvent | None = None
    signer: int = 0
    inside: bytes = ZERO32
    contents: tuple[bytes, ...] = ()

    def poster(self, relation: str) -> int:
        """The key of who has this relation to it."""
        return {
            "custodian": self.custodian, "suspended": self.custodian, "operator": TERMINAL, "other operator": CFS,
            "other carrier": OTHER_CARRIER, "offeree": OFFEREE, "owner": FACTORY, "other owner": OTHER_FACTORY,
            "other declarant": BROKER, "customs": CUSTOMS, "customs, second signer": SECOND_SIGNER, "agency": AGENCY,
            "auditor": AUDITOR,
        }[relation]


class Scene:
    """The world, made once; nothing here is for changing it later, except `suspend_custodians`."""

    def __init__(self, world: World) -> None:
        from tests.contracts.table import things, weightier  # they need this class

        self.world = world
        self.items: list[Item] = []
        world.tick_s = 1
        self._cast()
        things.add_lines(self)
        things.add_vehicles(self, "container", LineRole.CONTAINER)
        things.add_vehicles(self, "cargo", LineRole.CARGO)
        things.add_lots(self)
        weightier.add_insides(self)
        weightier.add_transfers(self)
        weightier.add_events(self)
        self._registers()
        world.pass_time(1_000)  # what expires has expired
        world.tick_s = 0

    def of(self, *families: str) -> list[Item]:
        return [x for x in self.items if x.family in families]

    def one(self, family: str, state: str) -> Item:
        return next(x for x in self.items if (x.family, x.state) == (family, state))

    def add(self, family: str, state: str, **values: Any) -> Item:
        item = Item(family, state, **values)
        self.items.append(item)
        return item

    def thing(self, unit: bytes) -> str:
        """container, cargo or lot."""
        return self.world.oracle.units[unit].thing.name.lower()

    def suspend_custodians(self) -> None:
        """Of every item."""
        self.world.tick_s = 1
        for org in (CARRIER, KEEPER, FACTORY, OTHER_FACTORY, BROKER, CUSTOMS):
            self.world.suspend(org)
        self.world.tick_s = 0

    # ---- what the things are made of

    def declare(self, name: str, purpose: LineRole, q: int, by: int = FACTORY, *, cleared: bool = True) -> Item:
        """A declaration line."""
        original = "import" if purpose is LineRole.CHANGE_OF_PURPOSE else ""
        version = self.world.declared(name, purpose, q, STUFF, by=by, original=original, cleared=cleared)
        return Item("line", "", unit=uid(name), version=version, custodian=by)

    def opened(self, name: str, *balances: Balance) -> None:
        """A lot of own origin with 10 of each of these balances, in the owner's custody."""
        w = self.world
        if len(balances) == 1:
            w.opened(name, 10, balances[0], STUFF)
            return
        parts = [f"{name} {x.name}" for x in balances]
        for part, balance in zip(parts, balances, strict=True):
            w.opened(part, 10, balance, STUFF)
        w.ok(FACTORY, Kind.MERGE, *(ln(x, LineRole.INPUT) for x in parts), ln(name, LineRole.OUTPUT))

    def loaded(self, name: str, *balances: Balance) -> None:
        """A lot of which 5 finished were loaded for the line `loading`; all, if it has nothing but finished."""
        w = self.world
        if uid("loading") not in w.oracle.lines:
            self.declare("loading", LineRole.EXPORT, BIG)
        self.opened(name, *balances)
        q = 10 if balances == (Balance.FINISHED,) else 5
        w.ok(FACTORY, Kind.EXPORT_LOAD, ln(name, q=q, balance=Balance.FINISHED), reference=uid("loading"))

    def _cast(self) -> None:
        w = self.world
        for number, role in ((OTHER_CARRIER, Role.CARRIER), (KEEPER, Role.WAREHOUSE), (OFFEREE, Role.YARD),
                             (BROKER, Role.PROCESSOR), (SECURE, Role.WAREHOUSE), (TAKER, Role.WAREHOUSE)):
            w.admit(number, role, NO_HOLD)
            w.add_key(number, number)
        w.add_key(SECOND_SIGNER, CUSTOMS)
        w.set_place(AT_DEPOT, TERMINAL, False)
        w.set_place(AT_SECURE, SECURE, True)
        w.set_book(CLOSED_BOOK, FACTORY)
        w.close_opening(CLOSED_BOOK)

    def _registers(self) -> None:
        """What the authority set up, new ids, and one of each sort of thing for kinds that are not about it."""
        for state, number in (("opening still open", BOOK), ("opening closed", CLOSED_BOOK), ("strict", STRICT_BOOK),
                              ("of the other owner", OTHER_BOOK), ("unknown", NO_BOOK), ("none named", 0)):
            self.add("book", state, number=number)
        for state, number in (("supervised", AT_TERMINAL), ("not supervised", AT_DEPOT), ("unknown", NOWHERE)):
            self.add("place", state, number=number)
        self.add("new", "a new id", unit=NEW)
        for state, unit in (("a container", "container supervised"), ("a cargo", "cargo supervised"), ("a lot", "stock"),
                            ("a declaration line", "import"), ("an unknown id", "nothing")):
            self.add("other", state, unit=uid(unit), custodian=KEEPER if unit == "stock" else CARRIER)
