"""One world in which everything stands ready: a container, cargo, lot, line, event or book in every state the table names.

All of it was made by real events. `Scene.of` finds things by family; a thing knows who has which relation to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ledger.events.model import ZERO32, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Role
from tests.contracts.oracle import NO_HOLD, Refused, _form
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
STUFF, SHIRT = "the material of every lot", "what is made of it"
BIG = 1_000_000

def _is_available(kind: Kind) -> bool:
    try:
        _form(CustodyEvent(kind, (Line(uid("x")),), occurred_at_ms=0, deadline_s=0, nonce=0))
    except Refused as refused:
        return refused.code is not Outcome.KIND_NOT_AVAILABLE
    return True


AVAILABLE = {kind for kind in Kind if _is_available(kind)}

PURPOSES = {
    LineRole.RECEIVE: "receive", LineRole.EXPORT: "export", LineRole.RE_EXPORT: "re-export",
    LineRole.CHANGE_OF_PURPOSE: "change of purpose", LineRole.TRANSFER_IN: "transfer in",
    LineRole.TRANSFER_OUT: "transfer out",
}

POSTERS = {
    "custodian": "who has the thing in its custody: of containers and cargo the carrier that brought them, of lots a keeper",
    "operator": "who runs the facility where the thing, or the container that it is in, stands",
    "other operator": "who runs another supervised facility",
    "other carrier": "a carrier that has nothing to do with the thing",
    "offeree": "to whom the thing was offered, if it was; it runs no facility",
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
        offer: the offer that it is or was under.
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
        self.world = world
        self.items: list[Item] = []
        world.tick_s = 1
        self._cast()
        self._lines()
        self._vehicles("container", LineRole.CONTAINER)
        self._vehicles("cargo", LineRole.CARGO)
        self._lots()
        self._events()
        self._registers()
        world.pass_time(1_000)  # what expires has expired
        world.tick_s = 0

    def of(self, *families: str) -> list[Item]:
        return [x for x in self.items if x.family in families]

    def one(self, family: str, state: str) -> Item:
        return next(x for x in self.items if (x.family, x.state) == (family, state))

    def suspend_custodians(self) -> None:
        self.world.tick_s = 1
        for org in (CARRIER, KEEPER, FACTORY, BROKER):
            self.world.suspend(org)
        self.world.tick_s = 0

    def thing(self, unit: bytes) -> str:
        """container, cargo or lot."""
        return self.world.oracle.units[unit].thing.name.lower()

    def _add(self, family: str, state: str, **values: Any) -> Item:
        item = Item(family, state, **values)
        self.items.append(item)
        return item

    # ---- who is there

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

    # ---- declaration lines

    def _declare(self, name: str, purpose: LineRole, q: int, by: int = FACTORY, *, cleared: bool = True) -> Item:
        original = "import" if purpose is LineRole.CHANGE_OF_PURPOSE else ""
        version = self.world.declared(name, purpose, q, STUFF, by=by, original=original, cleared=cleared)
        return Item("line", "", unit=uid(name), version=version, custodian=by)

    def _lines(self) -> None:
        """`import` is the line of the imported lots; of each purpose there is one line in each state."""
        w = self.world
        self._declare("import", LineRole.RECEIVE, BIG)
        for purpose, family in PURPOSES.items():
            self._line(purpose, "registered", cleared=False)
            w.held(self._line(purpose, "registered, held", cleared=False))
            self._line(purpose, "cleared", load=5)
            self._line(purpose, "cleared, drawn up", load=10)
            w.held(self._line(purpose, "cleared, held", load=5))
            self._line(purpose, "cleared, of another declarant", by=BROKER)
            w.cancelled(self._line(purpose, "cancelled"), self.one(family, "cancelled").version)
        w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln(
            f"goods of {self._line(LineRole.EXPORT, 'cleared, some exited', load=6)}", q=5, balance=Balance.LOADED),
            reference=uid("export cleared, some exited"))
        w.received("lot of cleared", 4, STUFF, line="receive cleared, drawn up")
        w.received("lot of drawn up", 6, STUFF, line="receive cleared, drawn up")
        self._line(LineRole.RECEIVE, "cleared, drawn from")
        w.received("lot of drawn from", 4, STUFF, line="receive cleared, drawn from")

    def _line(self, purpose: LineRole, state: str, *, by: int = FACTORY, load: int = 0, cleared: bool = True) -> str:
        """A line for 10, with a lot of goods for it, of which some may be loaded."""
        w, family = self.world, PURPOSES[purpose]
        name = f"{family} {state}"
        item = replace(self._declare(name, purpose, 10, by, cleared=cleared), family=family, state=state)
        load_kind = {LineRole.EXPORT: (Kind.EXPORT_LOAD, Balance.FINISHED), LineRole.RE_EXPORT: (Kind.REEXPORT, Balance.RAW)}
        if purpose in load_kind and load_kind[purpose][0] in AVAILABLE:
            kind, balance = load_kind[purpose]
            w.opened(f"goods of {name}", 20, balance, STUFF)
            if load:
                w.ok(FACTORY, kind, ln(f"goods of {name}", q=load, balance=balance), reference=uid(name))
            w.hand_over(f"goods of {name}", FACTORY, KEEPER)
            item = replace(item, goods=uid(f"goods of {name}"))
        self.items.append(item)
        return name

    # ---- containers and cargo

    def _vehicles(self, family: str, role: LineRole) -> None:
        w = self.world

        def vehicle(state: str, *, eligible: bool = False, out: bool = False, offered_s: int = 0,
                    held: tuple[int, ...] = (), **values: Any) -> str:
            name = f"{family} {state}"
            w.arrived(name, role)
            offer = ZERO32
            if eligible or out:
                w.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
            if out:
                w.ok(CARRIER, Kind.GATE_OUT, ln(name))
            if offered_s:
                offer = w.ok(CARRIER, Kind.OFFER, ln(name), counterparty=OFFEREE, deadline_s=w.evm.now_s + offered_s)
            for by in held:
                w.held(name, by)
            self._add(family, state, unit=uid(name), offer=offer, **values)
            return name

        vehicle("supervised")
        vehicle("supervised, eligible", eligible=True)
        vehicle("supervised, held", held=(CUSTOMS,))
        vehicle("supervised, held by an agency", held=(AGENCY,))
        vehicle("supervised, eligible, held", eligible=True, held=(CUSTOMS,))
        vehicle("supervised, under offer", eligible=True, offered_s=BIG)
        vehicle("supervised, under offer, held", eligible=True, offered_s=BIG, held=(CUSTOMS,))
        vehicle("supervised, offer expired", eligible=True, offered_s=100)
        self._carried(family, role)
        vehicle("free", out=True)
        vehicle("free, held", out=True, held=(CUSTOMS,))
        vehicle("free, under offer", out=True, offered_s=BIG)
        name = vehicle("free, with the owner", out=True, custodian=FACTORY)
        w.hand_over(name, CARRIER, FACTORY)
        w.ok(CARRIER, Kind.CLOSE, ln(vehicle("closed", out=True)))
        if family == "cargo":
            self._inside_box(vehicle)
        if family == "container":
            w.ok(CARRIER, Kind.ARRIVE, ln("empty box", LineRole.EMPTY_CONTAINER), facility=AT_DEPOT)
            self._add(family, "free, arrived empty", unit=uid("empty box"))
            w.ok(CARRIER, Kind.ARRIVE, ln("box of the keeper", LineRole.EMPTY_CONTAINER), facility=AT_DEPOT)
            w.hand_over("box of the keeper", CARRIER, KEEPER)

    def _inside_box(self, vehicle: Callable[..., str]) -> None:
        """Cargo in a container of the carrier that stands supervised; the container, too, with it inside."""
        w = self.world
        for state, eligible, held in (("", False, ()), (", eligible", True, ()), (", held", False, (CUSTOMS,))):
            box = f"box with cargo inside{state}"
            w.ok(CARRIER, Kind.ARRIVE, ln(box, LineRole.EMPTY_CONTAINER), facility=AT_TERMINAL)
            name = vehicle(f"inside a supervised container{state}", eligible=eligible, inside=uid(box))
            w.ok(CARRIER, Kind.STUFF, ln(box, LineRole.CONTAINER), ln(name, LineRole.INPUT))
            w.ok(CUSTOMS, Kind.ELIGIBLE, ln(box))
            for by in held:
                w.held(name, by)
            self._add("container", f"supervised, eligible, cargo inside{state or ', not eligible'}", unit=uid(box),
                      contents=(uid(name),))

    def _carried(self, family: str, role: LineRole) -> None:
        """Carried under supervision: in custody of the carrier, at no facility."""
        name, w = f"{family} carried", self.world
        w.ok(TERMINAL, Kind.ARRIVE, ln(name, role), facility=AT_TERMINAL)
        w.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
        w.hand_over(name, TERMINAL, CARRIER)
        self._add(family, "supervised, eligible, carried", unit=uid(name))

    # ---- lots

    STOCK = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)

    def _opened(self, name: str, *balances: Balance) -> None:
        """A lot of own origin with 10 of each of these balances, in the owner's custody."""
        w = self.world
        if len(balances) == 1:
            w.opened(name, 10, balances[0], STUFF)
            return
        parts = [f"{name} {x.name}" for x in balances]
        for part, balance in zip(parts, balances, strict=True):
            w.opened(part, 10, balance, STUFF)
        w.ok(FACTORY, Kind.MERGE, *(ln(x, LineRole.INPUT) for x in parts), ln(name, LineRole.OUTPUT))

    def _lots(self) -> None:
        w = self.world
        for name, state in (("raw", "raw, own"), ("other raw", "")):
            self._opened(name, Balance.RAW)
            self._lot(name, state)
        w.received("imported", 10, STUFF, line="import")
        w.received("more imported", 10, STUFF, line="import")
        self._lot("imported", "raw, imported")
        self._lot("more imported", "")
        w.bought("domestic", 10, STUFF)
        w.bought("more domestic", 10, STUFF)
        self._lot("domestic", "raw, domestic")
        self._lot("more domestic", "")
        for balance in (Balance.WIP, Balance.FINISHED, Balance.SCRAP):
            self._opened(balance.name, balance)
            self._lot(balance.name, balance.name.lower())
        self._opened("stock", *self.STOCK)
        self._lot("stock", "raw, wip, finished and scrap")
        self._loaded("loaded", Balance.FINISHED)
        self._lot("loaded", "loaded")
        self._loaded("stock, loaded", *self.STOCK)
        self._lot("stock, loaded", "all of these, and loaded")
        self._short("short")
        w.bought("empty", 10, STUFF)
        self._lot("empty", "empty")
        w.ok(FACTORY, Kind.SELL_INLAND, ln("empty", q=10, balance=Balance.RAW), book=BOOK)
        self._lots_inside()
        w.opened("strict scrap", 10, Balance.SCRAP, STUFF, book=STRICT_BOOK)
        w.hand_over("strict scrap", FACTORY, KEEPER)
        self._add("strict lot", "scrap, in a strict book", unit=uid("strict scrap"), custodian=KEEPER)
        for state, loaded in (("", False), (", loaded", True)):
            if not loaded:
                self._opened("raw, under offer", Balance.RAW)
                self._hindered("raw, under offer", "under offer")
            for what in ("held", "held by an agency", "under offer", "under offer, held", "offer expired"):
                name = f"{what}{state}"
                (self._loaded if loaded else self._opened)(name, *self.STOCK)
                self._hindered(name, what)

    def _lots_inside(self) -> None:
        """A lot in a free container of the keeper; and one that has left in a container that stands supervised."""
        w = self.world
        self._loaded("lot inside", *self.STOCK)
        w.hand_over("lot inside", FACTORY, KEEPER)
        w.ok(CARRIER, Kind.ARRIVE, ln("box with a lot", LineRole.EMPTY_CONTAINER), facility=AT_DEPOT)
        w.hand_over("box with a lot", CARRIER, KEEPER)
        w.ok(KEEPER, Kind.STUFF, ln("box with a lot", LineRole.CONTAINER), ln("lot inside", LineRole.INPUT))
        self._add("lot", "all of these, and loaded, inside a free container", unit=uid("lot inside"), custodian=KEEPER,
                  inside=uid("box with a lot"))
        self._loaded("lot that left", Balance.FINISHED)
        w.hand_over("lot that left", FACTORY, CARRIER)
        w.ok(CARRIER, Kind.ARRIVE, ln("box that left", LineRole.EMPTY_CONTAINER), facility=AT_TERMINAL)
        w.ok(CARRIER, Kind.STUFF, ln("box that left", LineRole.CONTAINER), ln("lot that left", LineRole.INPUT))
        w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln("lot that left", q=10, balance=Balance.LOADED), reference=uid("loading"))
        self._add("lot", "empty, inside a supervised container", unit=uid("lot that left"), inside=uid("box that left"))
        self._add("container", "supervised, its lots have exited", unit=uid("box that left"),
                  contents=(uid("lot that left"),))

    def _lot(self, name: str, state: str, **values: Any) -> None:
        """Hand it to the keeper, and list it if it has a state."""
        self.world.hand_over(name, FACTORY, KEEPER)
        if state:
            self._add("lot", state, unit=uid(name), custodian=KEEPER, **values)

    def _loaded(self, name: str, *balances: Balance, line: str = "loading") -> None:
        """A lot of which 5 finished were loaded for the line `loading`."""
        w = self.world
        if uid(line) not in w.oracle.lines:
            self._declare(line, LineRole.EXPORT, BIG)
        self._opened(name, *balances)
        w.ok(FACTORY, Kind.EXPORT_LOAD, ln(name, q=5, balance=Balance.FINISHED), reference=uid(line))
        if balances == (Balance.FINISHED,):  # nothing but loaded
            w.ok(FACTORY, Kind.EXPORT_LOAD, ln(name, q=5, balance=Balance.FINISHED), reference=uid(line))

    def _short(self, name: str) -> None:
        """Of ten only nine came; they were sold since."""
        w = self.world
        w.bought(name, 10, STUFF)
        offer = w.ok(FACTORY, Kind.OFFER, ln(name), counterparty=KEEPER)
        w.ok(KEEPER, Kind.ACCEPT, ln(name, q=9, balance=Balance.RAW), reference=offer)
        w.ok(FACTORY, Kind.SELL_INLAND, ln(name, q=9, balance=Balance.RAW), book=BOOK)
        self._add("lot", "short only", unit=uid(name), custodian=KEEPER)

    def _hindered(self, name: str, what: str) -> None:
        w = self.world
        w.hand_over(name, FACTORY, KEEPER)
        offer = ZERO32
        if "offer" in what:
            lasts_s = 100 if "expired" in what else BIG
            offer = w.ok(KEEPER, Kind.OFFER, ln(name), counterparty=OFFEREE, deadline_s=w.evm.now_s + lasts_s)
        if "held" in what:
            w.held(name, AGENCY if "agency" in what else CUSTOMS)
        self._add("lot", name, unit=uid(name), custodian=KEEPER, offer=offer)

    # ---- events

    def _events(self) -> None:
        w = self.world

        def opening(state: str) -> Item:
            event = w.event(Kind.OPENING, ln(f"opening {state}", LineRole.OWN, q=1, balance=Balance.RAW,
                                             material=STUFF), book=BOOK)
            assert w.record(FACTORY, event) is Outcome.PENDING
            return self._add("pending", state, unit=w.last_id, event=event, signer=FACTORY, custodian=FACTORY)

        opening("OPENING, pending")
        made = opening("OPENING, its lot made by another event since")
        w.bought(f"opening {made.state}", 1, STUFF)
        w.ok(CUSTOMS, Kind.DENY, reference=opening("OPENING, denied").unit)
        w.ok(FACTORY, Kind.CANCEL, reference=opening("OPENING, cancelled by its poster").unit)
        done = opening("OPENING, approved")
        w.record(CUSTOMS, w.event(Kind.APPROVE, reference=done.unit), pending=done.event)
        w.ok(FACTORY, Kind.COUNT, book=BOOK)
        self.count = w.last_id
        w.corrected_arrival("corrected box")
        self.corrected = w.last_corrected
        reassign = w.event(Kind.REASSIGN, ln("corrected box"), counterparty=CFS, reference=self.corrected)
        assert w.record(CUSTOMS, reassign) is Outcome.PENDING
        self._add("pending", "REASSIGN, pending, posted by customs", unit=w.last_id, event=reassign, signer=CUSTOMS,
                  custodian=CARRIER)
        self._add("pending", "unknown event", unit=uid("no event"), event=done.event, signer=FACTORY)
        for state, kind in (("recorded", Kind.OBSERVE), ("refused", Kind.HOLD)):
            event = w.event(kind, ln("container supervised"))
            w.record(CARRIER, event)
            self._add("event", f"{state}, of the custodian", unit=w.last_id, event=event, signer=CARRIER)
        self._add("event", "never posted", unit=uid("no event"), event=w.event(Kind.OBSERVE), signer=CARRIER)

    # ---- what the authority set up

    def _registers(self) -> None:
        for state, number in (("opening still open", BOOK), ("opening closed", CLOSED_BOOK), ("strict", STRICT_BOOK),
                              ("of the other owner", OTHER_BOOK), ("unknown", NO_BOOK)):
            self._add("book", state, number=number)
        for state, number in (("supervised", AT_TERMINAL), ("not supervised", AT_DEPOT), ("unknown", NOWHERE)):
            self._add("place", state, number=number)
        self._add("new", "a new id", unit=uid("new"))
        for state, unit in (("a container", "container supervised"), ("a cargo", "cargo supervised"), ("a lot", "stock"),
                            ("a declaration line", "import"), ("an unknown id", "nothing")):
            self._add("other", state, unit=uid(unit), custodian=KEEPER if unit == "stock" else CARRIER)

