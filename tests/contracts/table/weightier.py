"""Things of the scene that take more than one: what is inside what, transfers, and events that others refer to."""

from __future__ import annotations

from ledger.events.model import CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tests.contracts.table.scene import AT_DEPOT, BIG, KEEPER, SECOND_SIGNER, SECURE, STUFF, Item, Scene
from tests.contracts.table.things import STOCK, brought
from tests.contracts.world import (
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CUSTOMS,
    FACTORY,
    OTHER_FACTORY,
    STRICT_BOOK,
    ln,
    uid,
)

# ---- inside


def add_insides(s: Scene) -> None:
    w = s.world
    for state, cargo in (("eligible cargo inside", "in an eligible container, eligible"),
                         ("cargo inside", "in an eligible container"), ("held cargo inside", "in an eligible container, held"),
                         ("held, cargo inside", "in a held container")):
        box = brought(s, "container", LineRole.CONTAINER, f"supervised, eligible, {state}", eligible=True,
                      contents=(uid(f"cargo {cargo}"),))
        bale = brought(s, "cargo", LineRole.CARGO, cargo, eligible="eligible cargo" in state, inside=uid(box))
        _stuff(s, CARRIER, box, bale)
        if "held" in state:
            w.held(bale if state.startswith("held cargo") else box)
    box = brought(s, "container", LineRole.CONTAINER, "free, cargo inside", out=True, contents=(uid("cargo in a free container"),))
    _stuff(s, CARRIER, box, brought(s, "cargo", LineRole.CARGO, "in a free container", out=True, inside=uid(box)))
    box = brought(s, "container", LineRole.CONTAINER, "stripped")
    w.ok(CARRIER, Kind.STRIP, ln(box, LineRole.CONTAINER), ln("cargo made of it", LineRole.OUTPUT))
    for state, place, lot in (("free, lot inside", AT_DEPOT, "in a free container"),
                              ("supervised, lot inside", AT_TERMINAL, "in a supervised container"),
                              ("supervised, held lot inside", AT_TERMINAL, "in a supervised container, held"),
                              ("supervised, held, lot inside", AT_TERMINAL, "in a held container")):
        s.loaded(lot, *STOCK)
        _lot_inside(s, state, place, lot)
        s.add("lot", lot, unit=uid(lot), custodian=KEEPER, inside=uid(f"container {state}"))
        if "held" in state:
            w.held(lot if "held lot" in state else f"container {state}")
    for state, place, lot in (("free, empty lot inside", AT_DEPOT, "empty in a free container"),
                              ("supervised, its lot has exited", AT_TERMINAL, "exited in a container")):
        s.loaded(lot, Balance.FINISHED)
        _lot_inside(s, state, place, lot)
        w.ok(CUSTOMS, Kind.EXIT_CONFIRM, ln(lot, q=10, balance=Balance.LOADED), reference=uid("loading"))
    s.add("lot", "empty, in a free container", unit=uid("empty in a free container"), custodian=KEEPER,
          inside=uid("container free, empty lot inside"))


def _stuff(s: Scene, by: int, box: str, thing: str) -> None:
    s.world.ok(by, Kind.STUFF, ln(box, LineRole.CONTAINER), ln(thing, LineRole.INPUT))


def _lot_inside(s: Scene, state: str, place: int, lot: str) -> None:
    """A container that came empty, in custody of the keeper, with a lot inside."""
    w, box = s.world, f"container {state}"
    w.ok(CARRIER, Kind.ARRIVE, ln(box, LineRole.EMPTY_CONTAINER), facility=place)
    w.hand_over(box, CARRIER, KEEPER, place)
    w.hand_over(lot, FACTORY, KEEPER)
    _stuff(s, KEEPER, box, lot)
    s.add("container", state, unit=uid(box), custodian=KEEPER, contents=(uid(lot),))


# ---- transfers


def add_transfers(s: Scene) -> None:
    """Offered to the other owner, by the line `out`."""
    s.declare("out", LineRole.TRANSFER_OUT, BIG)
    for state in ("open", "open, lot held", "expired", "refused"):
        w, lot = s.world, f"lot of transfer {state}"
        w.received(lot, 10, STUFF, line="import")
        w.hand_over(lot, FACTORY, KEEPER)
        event = w.event(
            Kind.TRANSFER, ln(lot, q=4, balance=Balance.RAW), book=BOOK, counterparty=OTHER_FACTORY, reference=uid("out"),
            deadline_s=w.evm.now_s + (100 if state == "expired" else BIG))
        assert w.record(FACTORY, event) is Outcome.RECORDED
        s.add("transfer", state, unit=uid(lot), custodian=KEEPER, offer=w.last_id, event=event)
        if "held" in state:
            w.held(lot)
        if state == "refused":
            w.ok(OTHER_FACTORY, Kind.REFUSE, ln(lot), reference=w.last_id)


# ---- events


def add_events(s: Scene) -> None:
    """Events that wait for approval, or waited, and events to be corrected."""
    w = s.world
    for state, kind in (("recorded", Kind.OBSERVE), ("refused", Kind.HOLD)):
        event = w.event(kind, ln("container supervised"))
        w.record(CARRIER, event)
        s.add("event", state, unit=w.last_id, event=event, signer=CARRIER)
    s.add("event", "never posted", unit=uid("no event"), event=w.event(Kind.OBSERVE), signer=CARRIER)
    corrected = s.one("event", "recorded")
    assert corrected.event is not None
    w.record(CARRIER, w.event(Kind.CORRECT, reference=corrected.unit), corrected=(corrected.event, CARRIER))
    w.ok(FACTORY, Kind.COUNT, ln("stock", q=1, balance=Balance.RAW), book=BOOK)
    s.add("count", "of the book", unit=w.last_id)
    w.ok(CUSTOMS, Kind.COUNT, book=STRICT_BOOK)
    s.add("count", "of another book", unit=w.last_id)
    s.add("count", "an event that was corrected", unit=corrected.unit)
    s.add("count", "an event that was not corrected", unit=s.one("event", "refused").unit)
    s.add("count", "unknown event", unit=uid("no event"))
    _openings(s)
    scrap = ln("strict scrap", q=1, balance=Balance.SCRAP)
    _pending(s, "DESTROY, pending", FACTORY, Kind.DESTROY, scrap, book=STRICT_BOOK)
    count = s.one("count", "of the book").unit
    off = ln("stock", LineRole.INPUT, q=1, balance=Balance.RAW)
    _pending(s, "ADJUST, pending", FACTORY, Kind.ADJUST, off, book=BOOK, reference=count)
    again = _pending(s, "ADJUST, of what another one has adjusted since", FACTORY, Kind.ADJUST,
                     ln("other raw", LineRole.INPUT, q=1, balance=Balance.RAW), book=BOOK, reference=count)
    first = _pending(s, "ADJUST, approved", FACTORY, Kind.ADJUST, *_lines(again), book=BOOK, reference=count)
    w.record(CUSTOMS, w.event(Kind.APPROVE, reference=first.unit), pending=first.event)
    for state, by in (("REASSIGN by customs, pending", CUSTOMS), ("REASSIGN by customs, second signer, pending", SECOND_SIGNER)):
        _pending(s, state, by, Kind.REASSIGN, ln("container supervised"), counterparty=SECURE, reference=corrected.unit)


def _lines(item: Item) -> tuple[Line, ...]:
    assert item.event is not None
    return item.event.lines


def _pending(s: Scene, state: str, by: int, kind: Kind, *lines: Line, **fields: object) -> Item:
    event: CustodyEvent = s.world.event(kind, *lines, **fields)
    assert s.world.record(by, event) is Outcome.PENDING
    return s.add("pending", state, unit=s.world.last_id, event=event, signer=by, custodian=by)


def _openings(s: Scene) -> None:
    w = s.world

    def opening(state: str) -> Item:
        lot = ln(f"opening {state}", LineRole.OWN, q=1, balance=Balance.RAW, material=STUFF)
        return _pending(s, state, FACTORY, Kind.OPENING, lot, book=BOOK)

    opening("OPENING, pending")
    w.bought(f"opening {opening('OPENING, its lot made by another event since').state}", 1, STUFF)
    w.ok(CUSTOMS, Kind.DENY, reference=opening("OPENING, denied").unit)
    w.ok(FACTORY, Kind.CANCEL, reference=opening("OPENING, cancelled by its poster").unit)
    done = opening("OPENING, approved")
    w.record(CUSTOMS, w.event(Kind.APPROVE, reference=done.unit), pending=done.event)
    s.add("pending", "unknown event", unit=uid("no event"), event=done.event, signer=FACTORY, custodian=FACTORY)
