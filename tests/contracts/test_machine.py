"""Random histories on the contract and on the oracle: they must agree, and the invariants must hold after each event.

Most acts are drawn so that they may well succeed (the right poster, a lot of the right book), the rest so that they
hardly can. Invariants by the numbers of the event model, section 5.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import event as note_event
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.events.model import ZERO32, CustodyEvent, Line
from ledger.vocabulary import (
    Balance,
    Kind,
    LineRole,
    LineStatus,
    Outcome,
    Role,
    Step,
    Thing,
    UnitStatus,
)
from tests.contracts.oracle import STOCK, Unit
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_FACTORY,
    AT_TERMINAL,
    AT_YARD,
    BOOK,
    BOOKS,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    ORGS,
    OTHER_BOOK,
    OTHER_FACTORY,
    PLACES,
    STRICT_BOOK,
    TERMINAL,
    YARD,
    World,
    address_of,
    key_of,
    ln,
    uid,
)

CUSTOMS_2 = 70  # a second key of customs
ORG_OF = {CUSTOMS_2: CUSTOMS}
DEEP = os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep"
VEHICLES = [uid(f"vehicle {i}") for i in range(4)]
LOTS = [uid(f"lot {i}") for i in range(8)]
LINES = [uid(f"line {i}") for i in range(8)]
MATERIALS = [uid(f"material {i}") for i in range(2)]
PRODUCTS = [uid(f"product {i}") for i in range(2)]
QUANTITIES = st.one_of(st.integers(1, 9), st.sampled_from([0, 10, 100, 2**63, 2**64 - 1]))
BIASED = st.integers(0, 9)

_shared: list[tuple[World, Any]] = []


def fresh_world() -> World:
    """One deployment for all examples, put back to its beginning for each."""
    if _shared:
        world, mark = _shared.pop()
        world.revert(mark)
    else:
        world = World()
    _shared.append((world, world.snapshot()))  # a mark serves once
    return world


class LedgerMachine(RuleBasedStateMachine):
    """Transitions: one signed event, an act of the authority, or time passing."""

    def __init__(self) -> None:
        super().__init__()
        self.world = fresh_world()
        self.begin()
        self.offers: list[tuple[bytes, list[bytes], int, int]] = []
        self.openings: list[tuple[bytes, CustodyEvent]] = []  # and all else that waits for approval
        self.transfers: list[tuple[bytes, CustodyEvent]] = []
        self.counts: list[bytes] = []
        self.norms: list[bytes] = []
        if CUSTOMS_2 not in self.second_signers(self.world):
            self.world.add_key(CUSTOMS_2, CUSTOMS)
        self.posted: list[tuple[CustodyEvent, int]] = []

    def begin(self) -> None:
        """Before the first act, for those who follow them: the second key of customs is an act already."""

    @staticmethod
    def second_signers(world: World) -> list[int]:
        return [CUSTOMS_2] if address_of(key_of(CUSTOMS_2)) in world.oracle.keys else []

    @initialize(data=st.data())
    def scene(self, data: Any) -> None:
        """Half of the histories begin with goods and lines, so that the ends of production and export are reached."""
        if data.draw(st.booleans()):
            return
        w = self.world
        for i, purpose in enumerate((LineRole.RECEIVE, LineRole.EXPORT, LineRole.CHANGE_OF_PURPOSE)):
            stuff = PRODUCTS[0] if purpose is LineRole.EXPORT else MATERIALS[0]
            reference = LINES[0] if purpose is LineRole.CHANGE_OF_PURPOSE else ZERO32
            w.ok(FACTORY, Kind.DECLARE, ln(LINES[i], purpose, q=20, material=stuff), reference=reference)
            w.ok(CUSTOMS, Kind.CLEAR, ln(LINES[i]), reference=w.last_id)
        w.ok(FACTORY, Kind.RECEIVE_FACTORY, ln(LOTS[0], LineRole.OUTPUT, q=12, balance=Balance.RAW,
                                               material=MATERIALS[0]), book=BOOK, reference=LINES[0])
        w.ok(FACTORY, Kind.ISSUE_PROD, ln(LOTS[0], q=8), book=BOOK)
        w.ok(FACTORY, Kind.TRANSFORM, ln(LOTS[0], LineRole.INPUT, q=4, balance=Balance.WIP),
             ln(LOTS[1], LineRole.PRODUCT, q=9, material=PRODUCTS[0]), book=BOOK)
        w.ok(CARRIER, Kind.ARRIVE, ln(VEHICLES[0], LineRole.CONTAINER), ln(VEHICLES[1], LineRole.CARGO),
             facility=AT_TERMINAL)
        if data.draw(st.booleans()):
            self.far_scene()

    def far_scene(self) -> None:
        """An export container with something loaded inside, lines to other books and out, a norm, an offered transfer."""
        w = self.world
        purposes = (LineRole.RE_EXPORT, LineRole.TRANSFER_OUT, LineRole.TRANSFER_IN)
        for line, purpose in zip(LINES[5:], purposes, strict=True):
            by = OTHER_FACTORY if purpose is LineRole.TRANSFER_IN else FACTORY
            w.ok(by, Kind.DECLARE, ln(line, purpose, q=20, material=MATERIALS[0]))
            w.ok(CUSTOMS, Kind.CLEAR, ln(line), reference=w.last_id)
        w.ok(FACTORY, Kind.EXPORT_LOAD, ln(LOTS[1], q=5, balance=Balance.FINISHED), reference=LINES[1])
        w.ok(FACTORY, Kind.ARRIVE, ln(VEHICLES[2], LineRole.EMPTY_CONTAINER), facility=AT_FACTORY)
        w.ok(FACTORY, Kind.STUFF, ln(VEHICLES[2], LineRole.CONTAINER), ln(LOTS[1], LineRole.INPUT))
        w.ok(CARRIER, Kind.ARRIVE, ln(VEHICLES[3], LineRole.EMPTY_CONTAINER), facility=AT_TERMINAL)
        w.ok(CARRIER, Kind.STUFF, ln(VEHICLES[3], LineRole.CONTAINER), ln(VEHICLES[1], LineRole.INPUT))
        self.world.ok(FACTORY, Kind.DECLARE, ln(PRODUCTS[0], LineRole.PRODUCT, q=2), ln(MATERIALS[0], LineRole.INPUT, q=3),
                      step=Step.NORM, book=BOOK, reference=(2**160 - 2**96).to_bytes(32, "big"))
        self.norms.append(w.last_id)

    @rule(data=st.data())
    def step(self, data: Any) -> None:
        """One act. A single rule, because Hypothesis leaves out some rules of every history."""
        data.draw(st.sampled_from(self.acts))(data)

    @property
    def acts(self) -> list[Any]:
        """What may happen next, the likelier the more often it stands here."""
        return [
            self.arrive, self.offer, self.offer, self.answer, self.answer, self.answer, self.hold, self.eligible,
            self.eligible, self.gate_out, self.gate_out, self.declare, self.declare, self.clear, self.clear,
            self.opening, self.decide, self.receive, self.receive, self.split, self.merge, self.move, self.move,
            self.transform, self.transform, self.export, self.export, self.exit, self.exit, self.take_out,
            self.evidence, self.authority, self.wait, self.close, self.stuff, self.stuff, self.strip, self.strip,
            self.reexport, self.unload, self.come_back, self.destroy, self.transfer, self.transfer, self.take_transfer,
            self.take_transfer, self.adjust, self.adjust, self.reassign, self.reassign, self.norm, self.decide, self.decide,
        ]

    # ---- drawing

    def one(self, data: Any, likely: list[Any], others: list[Any]) -> Any:
        """One of the likely, seldom one of the others."""
        if likely and data.draw(BIASED) < 8:
            return data.draw(st.sampled_from(likely))
        return data.draw(st.sampled_from(others))

    def some(self, data: Any, likely: list[bytes], others: list[bytes], most: int = 2) -> list[bytes]:
        count = data.draw(st.integers(1, most))
        return sorted({self.one(data, likely, others) for _ in range(count)})

    def unit(self, identifier: bytes) -> Unit | None:
        return self.world.oracle.units.get(identifier)

    def vehicles(self, **having: Any) -> list[bytes]:
        return [x for x in VEHICLES if x in self.world.oracle.units
                and all(getattr(self.world.oracle.units[x], k) == v for k, v in having.items())]

    def lots(self, balance: Balance | None = None, book: int | None = None) -> list[bytes]:
        return [x for x, lot in self.world.oracle.lots.items()
                if (balance is None or lot.amount(balance)) and book in (None, lot.book)]

    def cleared(self, *purposes: LineRole) -> list[bytes]:
        return [x for x, line in self.world.oracle.lines.items()
                if line.purpose in purposes and line.status is LineStatus.CLEARED]

    def custodian(self, identifier: bytes, default: int = CARRIER) -> int:
        unit = self.unit(identifier)
        return unit.custodian if unit else default

    def poster(self, data: Any, likely: int) -> int:
        return likely if data.draw(BIASED) < 9 else data.draw(st.sampled_from(sorted(ORGS)))

    # ---- posting, and what must hold between before and after

    def post(self, by: int, kind: Kind, *lines: Line, pending: CustodyEvent | None = None, **fields: Any) -> Outcome:
        return self.record(by, self.world.event(kind, *lines, **fields), pending=pending)

    def record(self, by: int, event: CustodyEvent, *, pending: CustodyEvent | None = None) -> Outcome:
        world = self.world
        before = copy.deepcopy(world.oracle)
        outcome = world.record(by, event, pending=pending)
        note_event(f"{event.kind.name} {outcome.name}")
        self.posted.append((event, by))
        after = world.oracle
        self._check_custody(event, by, before, after, outcome, pending)
        self._check_conservation(event, before, after, outcome, pending)
        return outcome

    def _check_custody(
        self, event: CustodyEvent, by: int, before: Any, after: Any, outcome: Outcome, pending: CustodyEvent | None,
    ) -> None:
        """Invariants 2 and 3, of what is inside through its container; what follows from them for holds."""
        done = pending if event.kind is Kind.APPROVE and pending else event
        org = ORG_OF.get(by, by)
        for identifier, unit in before.units.items():
            now = after.units[identifier]
            box, box_now = before.box_of(unit), after.box_of(now)
            if box.custodian != box_now.custodian:
                assert event.kind is Kind.ACCEPT or done.kind is Kind.REASSIGN
                if event.kind is Kind.ACCEPT:
                    assert box.offer is not None
                    assert box.offer.to == box_now.custodian == org
                    assert not box.offer.transfer
            supervised = box.status is UnitStatus.SUPERVISED and unit.thing is not Thing.LOT
            if supervised and box_now.status is not UnitStatus.SUPERVISED:
                kinds = (Kind.GATE_OUT, Kind.STRIP, Kind.CLOSE)
                assert event.kind in kinds or done.kind is Kind.REASSIGN
                if box_now.status is UnitStatus.FREE:
                    assert event.kind is Kind.GATE_OUT or done.kind is Kind.REASSIGN
                    assert not unit.holds
                    assert not box.holds
                    assert not any(x.holds for _, x in before.contents(identifier))
                if event.kind is Kind.GATE_OUT:
                    assert unit.eligible
            if unit.status is UnitStatus.CLOSED:
                assert now == unit
            if unit.holds - now.holds:
                assert event.kind is Kind.UNHOLD
            if box.holds - box_now.holds and not (unit.thing is Thing.LOT and before.lots[identifier].is_empty):
                assert event.kind is Kind.UNHOLD or box.holds <= now.holds
        if outcome.refused:
            assert after.units == before.units
            assert after.lots == before.lots
            assert after.lines == before.lines

    def _check_conservation(
        self, event: CustodyEvent, before: Any, after: Any, outcome: Outcome, pending: CustodyEvent | None,
    ) -> None:
        """Invariant 4: what is there of a material in a book changes by what the event says and by nothing else."""
        expected: Counter[tuple[int, bytes]] = Counter()
        done = pending if event.kind is Kind.APPROVE else event
        if outcome is Outcome.RECORDED and done is not None and done.kind is Kind.ACCEPT and done.book and pending:
            given = before.lots[pending.lines[0].unit]
            made = next(x for x in done.lines if x.role is LineRole.OUTPUT)
            expected[given.book, given.material] -= pending.lines[0].quantity_micro
            expected[done.book, made.material] += pending.lines[0].quantity_micro
        elif outcome is Outcome.RECORDED and done is not None:
            for line in done.lines:
                lot = after.lots.get(line.unit)
                if lot is None:
                    continue
                key = (lot.book, lot.material)
                match done.kind:
                    case Kind.ADJUST:
                        sign = {LineRole.INPUT: -1, LineRole.OUTPUT: 1}.get(line.role, 0)
                        expected[key] += sign * line.quantity_micro
                    case Kind.OPENING | Kind.RECEIVE_FACTORY | Kind.RECEIVE_DOMESTIC | Kind.FG_RETURN:
                        expected[key] += line.quantity_micro
                    case Kind.TRANSFORM:
                        expected[key] += line.quantity_micro * (-1 if line.role is LineRole.INPUT else 1)
                    case (Kind.EXIT_CONFIRM | Kind.REPURPOSE | Kind.SELL_INLAND | Kind.SCRAP_OUT | Kind.DESTROY):
                        expected[key] -= line.quantity_micro
        change = self.stock(after)
        change.subtract(self.stock(before))
        assert {k: v for k, v in change.items() if v} == {k: v for k, v in expected.items() if v}

    @staticmethod
    def stock(oracle: Any) -> Counter[tuple[int, bytes]]:
        total: Counter[tuple[int, bytes]] = Counter()
        for lot in oracle.lots.values():
            total[lot.book, lot.material] += sum(lot.amounts.values()) + lot.loaded_total
        return total

    # ---- custody

    def arrive(self, data: Any) -> None:
        place = self.one(data, [AT_TERMINAL], sorted(PLACES))
        roles = [LineRole.CONTAINER, LineRole.CARGO, LineRole.EMPTY_CONTAINER]
        new = [x for x in VEHICLES if x not in self.world.oracle.units]
        lines = [ln(x, data.draw(st.sampled_from(roles))) for x in self.some(data, new, VEHICLES)]
        self.post(self.poster(data, CARRIER), Kind.ARRIVE, *lines, facility=place)

    def offer(self, data: Any) -> None:
        units = self.some(data, self.vehicles() + self.lots(), VEHICLES + LOTS)
        lines = []
        for unit in units:
            lot = self.world.oracle.lots.get(unit)
            if lot and lot.single and data.draw(st.booleans()):
                quantity = self.one(data, [lot.amount(lot.single)], [1, 2**64 - 1])
                lines.append(ln(unit, q=quantity, balance=lot.single))
            else:
                lines.append(ln(unit))
        by, to = self.poster(data, self.custodian(units[0])), data.draw(st.sampled_from(sorted(ORGS)))
        lasts = data.draw(st.sampled_from([100, 10_000]))
        deadline = self.world.evm.now_s + lasts
        outcome = self.post(by, Kind.OFFER, *lines, counterparty=to, deadline_s=deadline)
        if outcome is Outcome.RECORDED:
            self.offers.append((self.world.last_id, units, to, by))

    def answer(self, data: Any) -> None:
        identifier, units, to, by = self.one(data, self.offers[-4:], [(uid("no offer"), VEHICLES[:1], CFS, CARRIER)])
        kind = data.draw(st.sampled_from([Kind.ACCEPT, Kind.ACCEPT, Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL]))
        if kind is not Kind.ACCEPT:
            who = to if kind is Kind.REFUSE else by
            self.post(self.poster(data, who), kind, *map(ln, units), reference=identifier)
            return
        lines = []
        for unit in units:
            lot = self.world.oracle.lots.get(unit)
            if lot and lot.single and data.draw(st.booleans()):
                lines.append(ln(unit, q=data.draw(st.integers(0, 11)), balance=lot.single))
            else:
                lines.append(ln(unit))
        place = {CFS: AT_CFS, TERMINAL: AT_TERMINAL, FACTORY: AT_FACTORY, YARD: AT_YARD}.get(to, 0)
        self.post(self.poster(data, to), kind, *lines, reference=identifier,
                  facility=self.one(data, [0, place], [0, *PLACES, 77]))

    def hold(self, data: Any) -> None:
        kind = data.draw(st.sampled_from([Kind.HOLD, Kind.UNHOLD]))
        oracle = self.world.oracle
        held = [x for x, u in (oracle.units | oracle.lines).items() if u.holds]
        likely = held if kind is Kind.UNHOLD else self.vehicles() + self.lots() + list(oracle.lines)
        units = self.some(data, likely, VEHICLES + LOTS + LINES)
        self.post(self.poster(data, data.draw(st.sampled_from([CUSTOMS, AGENCY]))), kind, *map(ln, units))

    def eligible(self, data: Any) -> None:
        kind = data.draw(st.sampled_from([Kind.ELIGIBLE, Kind.ELIGIBLE, Kind.REVOKE]))
        units = self.some(data, self.vehicles(status=UnitStatus.SUPERVISED), VEHICLES + LOTS)
        self.post(self.poster(data, CUSTOMS), kind, *map(ln, units))

    def gate_out(self, data: Any) -> None:
        units = self.some(data, self.vehicles(eligible=True), VEHICLES, most=2)
        self.post(self.poster(data, self.custodian(units[0])), Kind.GATE_OUT, *map(ln, units))

    def close(self, data: Any) -> None:
        units = self.some(data, self.vehicles(status=UnitStatus.FREE), VEHICLES, most=1)
        oracle = self.world.oracle
        emptied = [k for k, x in oracle.contents(units[0]) if k in oracle.lots and oracle.lots[k].is_empty]
        lots = [ln(x, LineRole.INPUT) for x in (emptied if data.draw(BIASED) < 8 else LOTS[:1])]
        self.post(self.poster(data, self.custodian(units[0])), Kind.CLOSE, *map(ln, units), *lots)

    # ---- inside

    def stuff(self, data: Any) -> None:
        box = self.one(data, self.vehicles(thing=Thing.CONTAINER), VEHICLES)
        found = self.unit(box)
        keeper = found.custodian if found else CARRIER
        here = [x for x in self.vehicles(thing=Thing.CARGO) if found and self.custodian(x) == keeper]
        lots = [x for x in self.lots() if self.custodian(x) == keeper]
        things = [x for x in self.some(data, here + lots, VEHICLES + LOTS) if x != box]
        if things:
            self.post(self.poster(data, keeper), Kind.STUFF, ln(box, LineRole.CONTAINER),
                      *(ln(x, LineRole.INPUT) for x in things))

    def strip(self, data: Any) -> None:
        oracle = self.world.oracle
        boxes = [k for k in self.vehicles(thing=Thing.CONTAINER) if oracle.contents(k) or not oracle.units[k].empty]
        box = self.one(data, boxes, VEHICLES)
        inside = [k for k, _ in oracle.contents(box)]
        if inside and data.draw(BIASED) < 9:
            lines = [ln(x, LineRole.INPUT) for x in self.some(data, inside, VEHICLES + LOTS) if x != box]
        else:
            new = self.one(data, [x for x in VEHICLES if not self.unit(x)], VEHICLES)
            lines = [ln(new, LineRole.OUTPUT)] if new != box else []
        if lines:
            self.post(self.poster(data, self.custodian(box)), Kind.STRIP, ln(box, LineRole.CONTAINER), *lines)

    # ---- back, away, set right

    def reexport(self, data: Any) -> None:
        lots = self.some(data, self.lots(Balance.RAW), LOTS)
        lines = [ln(x, q=self.part(data, x, Balance.RAW), balance=Balance.RAW) for x in lots]
        reference = self.one(data, self.cleared(LineRole.RE_EXPORT), LINES)
        self.post(self.poster(data, FACTORY), Kind.REEXPORT, *lines, reference=reference)

    def unload(self, data: Any) -> None:
        loaded = [(x, line, q) for x, lot in self.world.oracle.lots.items() for line, q in lot.loaded.items() if q]
        lot, line, there = self.one(data, loaded, [(LOTS[0], LINES[0], 1)])
        quantity = self.one(data, [there, max(1, there // 2)], [0, 2**64 - 1])
        by = self.poster(data, data.draw(st.sampled_from([FACTORY, CUSTOMS])))
        self.post(by, Kind.UNLOAD, ln(lot, q=quantity, balance=Balance.LOADED), reference=self.one(data, [line], LINES))

    def come_back(self, data: Any) -> None:
        oracle = self.world.oracle
        gone = [x for x, line in oracle.lines.items() if line.exited > line.returned]
        line = self.one(data, gone, LINES)
        material = oracle.lines[line].material if line in oracle.lines else PRODUCTS[0]
        made = ln(self.new_lot(data), LineRole.OUTPUT, q=data.draw(st.integers(1, 5)), balance=Balance.FINISHED,
                  material=self.one(data, [material], PRODUCTS))
        self.post(self.poster(data, FACTORY), Kind.FG_RETURN, made, book=self.one(data, [BOOK], sorted(BOOKS)),
                  reference=line)

    def destroy(self, data: Any) -> None:
        lot = self.one(data, self.lots(), LOTS)
        found = self.world.oracle.lots.get(lot)
        balance = found.single if found and found.single else data.draw(st.sampled_from(STOCK))
        self.propose(data, FACTORY, Kind.DESTROY, ln(lot, q=self.part(data, lot, balance), balance=balance),
                     book=self.book_of(data, lot))

    def transfer(self, data: Any) -> None:
        lot = self.one(data, self.lots(Balance.RAW), LOTS)
        line = ln(lot, q=self.part(data, lot, Balance.RAW), balance=Balance.RAW)
        reference = self.one(data, self.cleared(LineRole.TRANSFER_OUT), LINES)
        to = self.one(data, [OTHER_FACTORY], sorted(ORGS))
        outcome = self.post(self.poster(data, FACTORY), Kind.TRANSFER, line, book=self.book_of(data, lot),
                            reference=reference, counterparty=to)
        if outcome is Outcome.RECORDED:
            self.transfers.append((self.world.last_id, self.posted[-1][0]))
            self.offers.append((self.world.last_id, [lot], to, FACTORY))

    def take_transfer(self, data: Any) -> None:
        if not self.transfers:
            return
        identifier, transfer = data.draw(st.sampled_from(self.transfers[-3:]))
        oracle, given = self.world.oracle, transfer.lines[0]
        into = self.one(data, self.cleared(LineRole.TRANSFER_IN), LINES)
        material = oracle.lines[into].material if into in oracle.lines else MATERIALS[0]
        made = ln(self.new_lot(data), LineRole.OUTPUT, balance=Balance.RAW, material=material,
                  q=self.one(data, [given.quantity_micro], [1, 0]))
        lines = [ln(given.unit, LineRole.INPUT), made, ln(into, LineRole.TRANSFER_IN),
                 ln(transfer.reference, LineRole.TRANSFER_OUT)]
        if len({x.unit for x in lines}) < 4:
            return
        event = self.world.event(Kind.ACCEPT, *lines, book=self.one(data, [OTHER_BOOK], sorted(BOOKS)),
                                 reference=identifier)
        shown = self.one(data, [transfer], [x for _, x in self.transfers])
        self.record(self.poster(data, OTHER_FACTORY), event, pending=shown)

    def propose(self, data: Any, by: int, kind: Kind, *lines: Line, **fields: Any) -> None:
        outcome = self.post(self.poster(data, by), kind, *lines, **fields)
        if outcome is Outcome.PENDING:
            self.openings.append((self.world.last_id, self.posted[-1][0]))

    def adjust(self, data: Any) -> None:
        lots = self.world.oracle.lots
        lot = self.one(data, list(lots), LOTS)
        found = lots.get(lot)
        roles = [LineRole.INPUT, LineRole.OUTPUT]
        short = found.amount(Balance.SHORT) if found else 0
        role = LineRole.FROM_SHORT if short and data.draw(st.booleans()) else data.draw(st.sampled_from(roles))
        balance = data.draw(st.sampled_from([*STOCK, Balance.SHORT] if role is LineRole.INPUT else STOCK))
        most = short if role is LineRole.FROM_SHORT else found.amount(balance) if found else 0
        quantity = self.one(data, [max(1, min(most, 2))], [0, 2**64 - 1])
        reference = self.one(data, self.counts[-3:] + sorted(self.world.oracle.corrected)[:2], [uid("no count")])
        self.propose(data, FACTORY, Kind.ADJUST, ln(lot, role, q=quantity, balance=balance),
                     book=self.book_of(data, lot), reference=reference)

    def reassign(self, data: Any) -> None:
        units = self.some(data, self.vehicles() + self.lots(), VEHICLES + LOTS)
        roles = [LineRole.NONE, LineRole.NONE, LineRole.SUPERVISED, LineRole.FREE]
        lots = self.world.oracle.lots
        lines = [ln(x, LineRole.NONE if x in lots else data.draw(st.sampled_from(roles))) for x in units]
        place = 0 if any(x in lots for x in units) else data.draw(st.sampled_from([0, 0, *PLACES]))
        reference = self.one(data, sorted(self.world.oracle.corrected), [uid("nothing corrected")])
        self.propose(data, CUSTOMS, Kind.REASSIGN, *lines, reference=reference, facility=place,
                     counterparty=data.draw(st.sampled_from([0, CFS, CUSTOMS, FACTORY])))

    def norm(self, data: Any) -> None:
        until = self.world.evm.now_s + data.draw(st.sampled_from([-10, 10_000]))
        terms = data.draw(st.sampled_from([0, 100_000, 2_000_000])) | until << 96
        outcome = self.post(
            self.poster(data, FACTORY), Kind.DECLARE, ln(PRODUCTS[0], LineRole.PRODUCT, q=data.draw(st.integers(1, 3))),
            ln(MATERIALS[0], LineRole.INPUT, q=data.draw(st.integers(0, 4))), step=Step.NORM,
            book=self.one(data, [BOOK], sorted(BOOKS)), reference=terms.to_bytes(32, "big"))
        if outcome is Outcome.RECORDED:
            self.norms.append(self.world.last_id)

    # ---- lines

    def declare(self, data: Any) -> None:
        oracle = self.world.oracle
        purposes = [LineRole.RECEIVE, LineRole.EXPORT, LineRole.CHANGE_OF_PURPOSE, LineRole.RE_EXPORT,
                    LineRole.TRANSFER_OUT, LineRole.TRANSFER_IN]
        identifier = self.one(data, [x for x in LINES if x not in oracle.lines], LINES)
        old = oracle.lines.get(identifier)
        purpose = data.draw(st.sampled_from(purposes)) if old is None else self.one(data, [old.purpose], purposes)
        material = self.one(data, [old.material] if old else PRODUCTS if purpose is LineRole.EXPORT else MATERIALS,
                            [*MATERIALS, *PRODUCTS, ZERO32])
        reference = ZERO32
        if purpose is LineRole.CHANGE_OF_PURPOSE:
            likely = [old.original] if old else list(oracle.lines)
            reference = self.one(data, likely, [*LINES, ZERO32])
        by = self.poster(data, data.draw(st.sampled_from([FACTORY, FACTORY, CUSTOMS])))
        to = FACTORY if by == CUSTOMS else 0
        self.post(by, Kind.DECLARE, ln(identifier, purpose, q=data.draw(QUANTITIES), material=material),
                  counterparty=to, reference=reference)

    def clear(self, data: Any) -> None:
        oracle = self.world.oracle
        waiting = [x for x, line in oracle.lines.items() if line.status is LineStatus.REGISTERED]
        identifier = self.one(data, waiting, LINES)
        version = oracle.lines[identifier].version if identifier in oracle.lines else ZERO32
        step = self.one(data, [Step.NONE], [Step.NONE, Step.LINE_CANCELLED])
        self.post(self.poster(data, CUSTOMS), Kind.CLEAR, ln(identifier),
                  reference=self.one(data, [version], [version, uid("old version")]), step=step)

    # ---- into books

    def new_lot(self, data: Any) -> bytes:
        return self.one(data, [x for x in LOTS if x not in self.world.oracle.units], LOTS)  # type: ignore[no-any-return]

    def opening(self, data: Any) -> None:
        origins = [LineRole.IMPORTED, LineRole.DOMESTIC, LineRole.OWN]
        line = ln(self.new_lot(data), data.draw(st.sampled_from(origins)), q=data.draw(QUANTITIES),
                  balance=data.draw(st.sampled_from(STOCK)), material=data.draw(st.sampled_from(MATERIALS + PRODUCTS)))
        by = self.poster(data, FACTORY)
        self.post(by, Kind.OPENING, line, book=self.one(data, [BOOK], sorted(BOOKS)))
        self.openings.append((self.world.last_id, self.posted[-1][0]))

    def decide(self, data: Any) -> None:
        if not self.openings:
            return
        identifier, opening = data.draw(st.sampled_from(self.openings[-3:]))
        if data.draw(BIASED) < 7:
            shown = self.one(data, [opening], [x for _, x in self.openings])
            by = CUSTOMS_2 if shown.kind is Kind.REASSIGN and data.draw(BIASED) < 8 else self.poster(data, CUSTOMS)
            self.post(by, Kind.APPROVE, reference=identifier, pending=shown)
        elif data.draw(st.booleans()):
            self.post(self.poster(data, CUSTOMS), Kind.DENY, reference=identifier)
        else:
            self.post(self.poster(data, FACTORY), Kind.CANCEL, reference=identifier)

    def receive(self, data: Any) -> None:
        oracle = self.world.oracle
        if data.draw(BIASED) < 4:
            line = ln(self.new_lot(data), LineRole.OUTPUT, q=data.draw(QUANTITIES), balance=Balance.RAW,
                      material=data.draw(st.sampled_from(MATERIALS)))
            self.post(self.poster(data, FACTORY), Kind.RECEIVE_DOMESTIC, line, book=self.one(data, [BOOK], sorted(BOOKS)))
            return
        source = self.one(data, self.cleared(LineRole.RECEIVE), LINES)
        left = oracle.lines[source].quantity - oracle.lines[source].drawn if source in oracle.lines else 5
        material = oracle.lines[source].material if source in oracle.lines else MATERIALS[0]
        quantity = self.one(data, [max(1, left // 2), max(1, left)], [left + 1 if left < 2**64 - 1 else 1, 0])
        lines = [ln(self.new_lot(data), LineRole.OUTPUT, q=quantity, balance=Balance.RAW,
                    material=self.one(data, [material], [*MATERIALS, ZERO32]))]
        if data.draw(BIASED) < 3:
            vehicle = self.one(data, self.vehicles(status=UnitStatus.FREE), VEHICLES)
            found = self.unit(vehicle)
            cargo = found is not None and found.thing is Thing.CARGO
            lines.append(ln(vehicle, LineRole.CARGO if cargo else LineRole.CONTAINER))
        book = self.one(data, [BOOK], [STRICT_BOOK, OTHER_BOOK])
        self.post(self.poster(data, FACTORY), Kind.RECEIVE_FACTORY, *lines, book=book, reference=source)

    # ---- inside books

    def part(self, data: Any, lot: bytes, balance: Balance) -> int:
        found = self.world.oracle.lots.get(lot)
        there = found.amount(balance) if found else 3
        return self.one(data, [there, max(1, there // 2)], [1, there + 1 if there < 2**64 - 1 else 2, 0])  # type: ignore[no-any-return]

    def book_of(self, data: Any, lot: bytes) -> int:
        found = self.world.oracle.lots.get(lot)
        return self.one(data, [found.book if found else BOOK], sorted(BOOKS))  # type: ignore[no-any-return]

    def split(self, data: Any) -> None:
        if data.draw(BIASED) < 2:
            cargo = self.one(data, self.vehicles(thing=Thing.CARGO), VEHICLES)
            new = self.one(data, [x for x in VEHICLES if not self.unit(x)], VEHICLES)
            if cargo != new:
                self.post(self.poster(data, self.custodian(cargo)), Kind.SPLIT, ln(cargo, LineRole.INPUT),
                          ln(new, LineRole.OUTPUT))
            return
        parent = self.one(data, self.lots(), LOTS)
        lines = [ln(parent, LineRole.INPUT)]
        for new in {self.new_lot(data), self.new_lot(data)} - {parent}:
            balance = data.draw(st.sampled_from(STOCK))
            lot = self.world.oracle.lots.get(parent)
            balance = lot.single if lot and lot.single else balance
            lines.append(ln(new, LineRole.OUTPUT, q=self.part(data, parent, balance), balance=balance))
        self.post(self.poster(data, self.custodian(parent, FACTORY)), Kind.SPLIT, *lines)

    def merge(self, data: Any) -> None:
        first = self.one(data, self.lots(), LOTS)
        lots = self.world.oracle.lots
        like = [x for x in lots if first in lots and lots[x].material == lots[first].material
                and lots[x].origin == lots[first].origin]
        inputs = {first, self.one(data, like, LOTS)}
        target = self.one(data, like, LOTS)
        lines = [ln(x, LineRole.INPUT) for x in inputs - {target}] + [ln(target, LineRole.OUTPUT)]
        self.post(self.poster(data, FACTORY), Kind.MERGE, *lines)

    def move(self, data: Any) -> None:
        kind = data.draw(st.sampled_from([Kind.ISSUE_PROD, Kind.ISSUE_PROD, Kind.RETURN_PROD]))
        balance = Balance.RAW if kind is Kind.ISSUE_PROD else Balance.WIP
        lots = self.some(data, self.lots(balance), LOTS)
        lines = [ln(x, q=self.part(data, x, balance)) for x in lots]
        self.post(self.poster(data, FACTORY), kind, *lines, book=self.book_of(data, lots[0]))

    def transform(self, data: Any) -> None:
        inputs = self.some(data, self.lots(Balance.WIP), LOTS)
        roles = [LineRole.PRODUCT, LineRole.PRODUCT, LineRole.CO_PRODUCT, LineRole.SEMI_FINISHED, LineRole.SCRAP]
        lines = [ln(x, LineRole.INPUT, q=self.part(data, x, Balance.WIP), balance=Balance.WIP) for x in inputs]
        made = self.new_lot(data)
        if made not in inputs:
            lines.append(ln(made, data.draw(st.sampled_from(roles)), q=data.draw(st.integers(1, 9)),
                            material=self.one(data, PRODUCTS, MATERIALS)))
        reference = self.one(data, [ZERO32, *self.norms[-2:]], [uid("no norm")])
        self.post(self.poster(data, FACTORY), Kind.TRANSFORM, *lines, book=self.book_of(data, inputs[0]),
                  reference=reference)

    # ---- out of books

    def export(self, data: Any) -> None:
        lots = self.some(data, self.lots(Balance.FINISHED), LOTS)
        lines = [ln(x, q=self.part(data, x, Balance.FINISHED), balance=Balance.FINISHED) for x in lots]
        reference = self.one(data, self.cleared(LineRole.EXPORT), LINES)
        self.post(self.poster(data, FACTORY), Kind.EXPORT_LOAD, *lines, reference=reference)

    def exit(self, data: Any) -> None:
        loaded = [(x, line, q) for x, lot in self.world.oracle.lots.items() for line, q in lot.loaded.items() if q]
        lot, line, there = self.one(data, loaded, [(LOTS[0], LINES[0], 1)])
        quantity = self.one(data, [there, max(1, there // 2)], [0, 2**64 - 1])
        self.post(self.poster(data, CUSTOMS), Kind.EXIT_CONFIRM, ln(lot, q=quantity, balance=Balance.LOADED),
                  reference=self.one(data, [line], LINES))

    def take_out(self, data: Any) -> None:
        kind = data.draw(st.sampled_from([Kind.REPURPOSE, Kind.SELL_INLAND, Kind.SCRAP_OUT]))
        balance = Balance.SCRAP if kind is Kind.SCRAP_OUT else data.draw(
            st.sampled_from([Balance.RAW, Balance.FINISHED]))
        lots = self.some(data, self.lots(balance), LOTS)
        lines = [ln(x, q=self.part(data, x, balance), balance=balance) for x in lots]
        reference = self.one(data, [*self.cleared(LineRole.CHANGE_OF_PURPOSE), ZERO32], [*LINES, ZERO32])
        self.post(self.poster(data, FACTORY), kind, *lines, book=self.book_of(data, lots[0]), reference=reference)

    def evidence(self, data: Any) -> None:
        lots = self.some(data, self.lots(), LOTS + VEHICLES)
        if data.draw(st.booleans()):
            lines = [ln(x, q=data.draw(QUANTITIES), balance=data.draw(st.sampled_from(Balance))) for x in lots]
            by = self.poster(data, data.draw(st.sampled_from([FACTORY, CUSTOMS])))
            if self.post(by, Kind.COUNT, *lines, book=self.book_of(data, lots[0])) is Outcome.RECORDED:
                self.counts.append(self.world.last_id)
        elif self.posted:
            original, poster = data.draw(st.sampled_from(self.posted[-5:]))
            from ledger.events.model import event_id
            correction = self.world.event(
                Kind.CORRECT, *self.one(data, [(), original.lines], [()]),
                reference=event_id(original, self.world.separator), in_order=True)
            self.world.record(self.poster(data, self.one(data, [poster], [CUSTOMS])), correction,
                              corrected=(original, poster))

    # ---- authority and time

    def authority(self, data: Any) -> None:
        world, act = self.world, data.draw(st.integers(0, 5))
        org = data.draw(st.sampled_from([CARRIER, FACTORY, CFS, OTHER_FACTORY]))
        if act == 0 and not world.oracle.orgs[org].suspended:
            world.suspend(org)
        elif act < 4 and any(x.suspended for x in world.oracle.orgs.values()):
            world.reinstate(next(k for k, x in world.oracle.orgs.items() if x.suspended))
        elif act == 4:
            supervised = not world.oracle.places[AT_CFS].supervised
            world.set_place(AT_CFS, CFS, supervised)
        elif act == 5 and data.draw(BIASED) == 0 and world.oracle.books[BOOK].opening_open:
            world.close_opening(BOOK)

    def wait(self, data: Any) -> None:
        self.world.pass_time(data.draw(st.sampled_from([1, 50, 101, 20_000])))

    # ---- what always holds

    @invariant()
    def one_custodian_each(self) -> None:
        """Invariant 1."""
        oracle = self.world.oracle
        for unit in oracle.units.values():
            assert oracle.box_of(unit).custodian in ORGS
            assert not (unit.inside != ZERO32 and (unit.custodian or unit.facility or unit.status))
            assert oracle.box_of(unit).inside == ZERO32  # containers do not nest

    @invariant()
    def lines_are_quotas(self) -> None:
        """Invariant 5."""
        oracle = self.world.oracle
        for identifier, line in oracle.lines.items():
            assert line.returned <= line.exited <= line.drawn <= line.quantity
            if line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT):
                assert sum(x.loaded.get(identifier, 0) for x in oracle.lots.values()) == line.drawn - line.exited

    @invariant()
    def balances_fit(self) -> None:
        """No balance is negative or beyond 64 bits."""
        for lot in self.world.oracle.lots.values():
            assert all(0 <= q < 2**64 for q in lot.amounts.values())

    def teardown(self) -> None:
        self.world.check()


assert Role.CUSTOMS in ORGS[CUSTOMS][0]
LedgerMachine.TestCase.settings = settings(
    max_examples=40 if DEEP else 10, stateful_step_count=50 if DEEP else 40)
TestLedgerMachine = pytest.mark.timeout(1800)(LedgerMachine.TestCase)  # 3,600 deep steps on a slow machine
