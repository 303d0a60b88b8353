"""Lines, containers, cargo and lots of the scene, each in every state that it can have by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.events.model import ZERO32
from ledger.vocabulary import Balance, Kind, LineRole
from tests.contracts.table.scene import (
    AT_DEPOT,
    BIG,
    BROKER,
    KEEPER,
    OFFEREE,
    PURPOSES,
    STUFF,
    Scene,
)
from tests.contracts.world import (
    AGENCY,
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CUSTOMS,
    FACTORY,
    OTHER_BOOK,
    OTHER_FACTORY,
    STRICT_BOOK,
    TERMINAL,
    ln,
    uid,
)

STOCK = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)

# ---- declaration lines


def add_lines(s: Scene) -> None:
    """`import` is the line of the imported lots; of each purpose there is one line in each state."""
    w = s.world
    s.declare("import", LineRole.RECEIVE, BIG)
    w.received("imported goods", 100, STUFF, line="import")
    for purpose, family in PURPOSES.items():
        _line(s, purpose, "registered", cleared=False)
        w.held(_line(s, purpose, "registered, held", cleared=False))
        _draw(s, _line(s, purpose, "cleared"), purpose, 5)
        _draw(s, _line(s, purpose, "cleared, drawn up"), purpose, 10)
        held = _line(s, purpose, "cleared, held")
        _draw(s, held, purpose, 5)
        w.held(held)
        _line(s, purpose, "cleared, of another declarant", by=BROKER)
        w.cancelled(_line(s, purpose, "cancelled"), s.one(family, "cancelled").version)
    exited = _line(s, LineRole.EXPORT, "cleared, some exited")
    _draw(s, exited, LineRole.EXPORT, 6)
    w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln(f"goods of {exited}", q=5, balance=Balance.LOADED), reference=uid(exited))
    for purpose in PURPOSES:
        _line(s, purpose, "cleared, nothing drawn")


def _line(s: Scene, purpose: LineRole, state: str, *, by: int = FACTORY, cleared: bool = True) -> str:
    """A line for 10, of export and re-export with a lot of goods for it."""
    w, family = s.world, PURPOSES[purpose]
    name = f"{family} {state}"
    if purpose is LineRole.TRANSFER_IN and by == FACTORY:
        by = OTHER_FACTORY
    item = replace(s.declare(name, purpose, 10, by, cleared=cleared), family=family, state=state)
    if purpose in (LineRole.EXPORT, LineRole.RE_EXPORT):
        balance = Balance.FINISHED if purpose is LineRole.EXPORT else Balance.RAW
        w.opened(f"goods of {name}", 20, balance, STUFF)
        w.hand_over(f"goods of {name}", FACTORY, KEEPER)
        item = replace(item, goods=uid(f"goods of {name}"))
    s.items.append(item)
    return name


def _draw(s: Scene, line: str, purpose: LineRole, q: int) -> None:
    """Draw from a line of a purpose, by the kind that does."""
    w, goods = s.world, f"goods of {line}"
    match purpose:
        case LineRole.RECEIVE:
            w.received(f"lot of {line}", q, STUFF, line=line)
        case LineRole.EXPORT:
            w.ok(FACTORY, Kind.EXPORT_LOAD, ln(goods, q=q, balance=Balance.FINISHED), reference=uid(line))
        case LineRole.RE_EXPORT:
            w.ok(FACTORY, Kind.REEXPORT, ln(goods, q=q, balance=Balance.RAW), reference=uid(line))
        case LineRole.CHANGE_OF_PURPOSE:
            w.ok(FACTORY, Kind.REPURPOSE, ln("imported goods", q=q, balance=Balance.RAW), book=BOOK, reference=uid(line))
        case LineRole.TRANSFER_OUT:
            other = f"in for {line}"
            s.declare(other, LineRole.TRANSFER_IN, q, OTHER_FACTORY)
            transferred(s, "imported goods", line, other, q)
        case LineRole.TRANSFER_IN:
            other = f"out for {line}"
            s.declare(other, LineRole.TRANSFER_OUT, q)
            transferred(s, "imported goods", other, line, q)


def transferred(s: Scene, lot: str, out_of: str, into: str, q: int) -> None:
    """A transfer from the book of the owner to that of the other owner, accepted."""
    w = s.world
    event = w.event(Kind.TRANSFER, ln(lot, q=q, balance=Balance.RAW), book=BOOK, counterparty=OTHER_FACTORY,
                    reference=uid(out_of))
    assert not w.record(FACTORY, event).refused
    answer = w.event(
        Kind.ACCEPT, ln(lot, LineRole.INPUT), ln(f"{lot} by {out_of}", LineRole.OUTPUT, q=q, balance=Balance.RAW, material=STUFF),
        ln(into, LineRole.TRANSFER_IN), ln(out_of, LineRole.TRANSFER_OUT), book=OTHER_BOOK, reference=w.last_id)
    assert not w.record(OTHER_FACTORY, answer, pending=event).refused


# ---- containers and cargo


def add_vehicles(s: Scene, family: str, role: LineRole) -> None:
    w = s.world

    def vehicle(state: str, **how: Any) -> str:
        return brought(s, family, role, state, **how)

    vehicle("supervised")
    vehicle("supervised, eligible", eligible=True)
    vehicle("supervised, held", held=(CUSTOMS,))
    vehicle("supervised, held by an agency", held=(AGENCY,))
    vehicle("supervised, eligible, held", eligible=True, held=(CUSTOMS,))
    vehicle("supervised, under offer", eligible=True, offered_s=BIG)
    vehicle("supervised, under offer, held", eligible=True, offered_s=BIG, held=(CUSTOMS,))
    vehicle("supervised, offer expired", eligible=True, offered_s=100)
    _carried(s, family, role)
    vehicle("free", out=True)
    vehicle("free, held", out=True, held=(CUSTOMS,))
    vehicle("free, under offer", out=True, offered_s=BIG)
    w.hand_over(vehicle("free, with the owner", out=True, custodian=FACTORY), CARRIER, FACTORY)
    w.ok(CARRIER, Kind.CLOSE, ln(vehicle("closed", out=True)))
    if family == "container":
        w.ok(CARRIER, Kind.ARRIVE, ln("empty box", LineRole.EMPTY_CONTAINER), facility=AT_DEPOT)
        s.add(family, "free, arrived empty", unit=uid("empty box"))
        w.ok(CARRIER, Kind.ARRIVE, ln("box of the keeper", LineRole.EMPTY_CONTAINER), facility=AT_DEPOT)
        w.hand_over("box of the keeper", CARRIER, KEEPER)
    else:
        _at_depot(s, family, role)


def brought(
    s: Scene, family: str, role: LineRole, state: str, *, eligible: bool = False, out: bool = False, offered_s: int = 0,
    held: tuple[int, ...] = (), **values: Any,
) -> str:
    """A container or cargo that the carrier brought to the terminal; its name."""
    name, w, offer = f"{family} {state}", s.world, ZERO32
    w.arrived(name, role)
    if eligible or out:
        w.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
    if out:
        w.ok(CARRIER, Kind.GATE_OUT, ln(name))
    if offered_s:
        offer = w.ok(CARRIER, Kind.OFFER, ln(name), counterparty=OFFEREE, deadline_s=w.evm.now_s + offered_s)
    for by in held:
        w.held(name, by)
    s.add(family, state, unit=uid(name), offer=offer, **values)
    return name


def _at_depot(s: Scene, family: str, role: LineRole) -> None:
    """Free cargo that the carrier put where the empty container is."""
    name, w = f"{family} at the depot", s.world
    w.arrived(name, role)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
    w.ok(CARRIER, Kind.GATE_OUT, ln(name))
    w.hand_over(name, CARRIER, TERMINAL, AT_DEPOT)
    w.hand_over(name, TERMINAL, CARRIER, AT_DEPOT)


def _carried(s: Scene, family: str, role: LineRole) -> None:
    """Carried under supervision: in custody of the carrier, at no facility."""
    name, w = f"{family} carried", s.world
    w.ok(TERMINAL, Kind.ARRIVE, ln(name, role), facility=AT_TERMINAL)
    w.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
    w.hand_over(name, TERMINAL, CARRIER)
    s.add(family, "supervised, eligible, carried", unit=uid(name))


# ---- lots


def add_lots(s: Scene) -> None:
    w = s.world
    s.opened("raw", Balance.RAW)
    _kept(s, "raw", "raw, own")
    w.received("imported", 10, STUFF, line="import")
    _kept(s, "imported", "raw, imported")
    w.bought("domestic", 10, STUFF)
    _kept(s, "domestic", "raw, domestic")
    for balance in (Balance.WIP, Balance.FINISHED, Balance.SCRAP):
        s.opened(balance.name, balance)
        _kept(s, balance.name, balance.name.lower())
    s.opened("stock", *STOCK)
    _kept(s, "stock", "raw, wip, finished and scrap")
    s.loaded("loaded", Balance.FINISHED)
    _kept(s, "loaded", "loaded")
    s.loaded("stock, loaded", *STOCK)
    _kept(s, "stock, loaded", "all of these, and loaded")
    _short(s)
    w.bought("empty", 10, STUFF)
    _kept(s, "empty", "empty")
    w.ok(FACTORY, Kind.SELL_INLAND, ln("empty", q=10, balance=Balance.RAW), book=BOOK)
    s.opened("raw, under offer", Balance.RAW)
    _hindered(s, "raw, under offer", "under offer")
    for what in ("held", "held by an agency", "under offer", "under offer, held", "offer expired"):
        s.opened(what, *STOCK)
        _hindered(s, what, what)
        s.loaded(f"{what}, loaded", *STOCK)
        _hindered(s, f"{what}, loaded", what)
    w.bought("of another book", 10, STUFF, by=OTHER_FACTORY, book=OTHER_BOOK)
    w.hand_over("of another book", OTHER_FACTORY, KEEPER)
    s.add("lot", "raw, of the other owner's book", unit=uid("of another book"), custodian=KEEPER)
    for name, book, balance in (("other raw", BOOK, Balance.RAW), ("strict scrap", STRICT_BOOK, Balance.SCRAP)):
        w.opened(name, 10, balance, STUFF, book=book)
        w.hand_over(name, FACTORY, KEEPER)
    s.add("strict lot", "scrap", unit=uid("strict scrap"), custodian=KEEPER)
    s.opened("lot of the carrier", Balance.RAW)
    w.hand_over("lot of the carrier", FACTORY, CARRIER)
    w.received("more imported", 10, STUFF, line="import")
    w.hand_over("more imported", FACTORY, KEEPER)
    w.bought("more domestic", 10, STUFF)
    w.hand_over("more domestic", FACTORY, KEEPER)


def _kept(s: Scene, name: str, state: str) -> None:
    """Hand it to the keeper."""
    s.world.hand_over(name, FACTORY, KEEPER)
    s.add("lot", state, unit=uid(name), custodian=KEEPER)


def _short(s: Scene) -> None:
    """Of ten only nine came; they were sold since."""
    w = s.world
    w.bought("short", 10, STUFF)
    offer = w.ok(FACTORY, Kind.OFFER, ln("short"), counterparty=KEEPER)
    w.ok(KEEPER, Kind.ACCEPT, ln("short", q=9, balance=Balance.RAW), reference=offer)
    w.ok(FACTORY, Kind.SELL_INLAND, ln("short", q=9, balance=Balance.RAW), book=BOOK)
    s.add("lot", "short only", unit=uid("short"), custodian=KEEPER)


def _hindered(s: Scene, name: str, what: str) -> None:
    w = s.world
    w.hand_over(name, FACTORY, KEEPER)
    offer = ZERO32
    if "offer" in what:
        lasts_s = 100 if "expired" in what else BIG
        offer = w.ok(KEEPER, Kind.OFFER, ln(name), counterparty=OFFEREE, deadline_s=w.evm.now_s + lasts_s)
    if "held" in what:
        w.held(name, AGENCY if "agency" in what else CUSTOMS)
    s.add("lot", name, unit=uid(name), custodian=KEEPER, offer=offer)
