"""The contracts and the oracle side by side: everything is done to both, and they must agree after every event.

Agreement means: the same outcome; one EventOutcome with the same content; the state that the logs alone tell is the
oracle's, whole; and what the contract shows of the units named is that state too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from coincurve import PrivateKey
from eth_abi import encode
from eth_hash.auto import keccak

from ledger.chain.facts import AmountsChanged, EventOutcome, LineAmountChanged, Told
from ledger.chain.outcome_codec import read_outcome
from ledger.events.model import ABI_EVENT, ZERO32, CustodyEvent, Line, domain_separator, event_id
from ledger.vocabulary import Balance, BookOption, Kind, LineRole, Outcome, Role, Step, Thing
from tests.contracts.evm import CHAIN_ID, LOOP, Evm, Log, address_of
from tests.contracts.oracle import (
    NO_HOLD,
    NO_OPTION,
    STOCK,
    Account,
    Key,
    Lot,
    Oracle,
    Org,
    Place,
    Quota,
    Unit,
)

CARRIER, TERMINAL, CFS, FACTORY, OTHER_FACTORY, CUSTOMS, AGENCY, AUDITOR, YARD = range(1, 10)
AT_TERMINAL, AT_CFS, AT_FACTORY, AT_YARD = range(1, 5)
BOOK, STRICT_BOOK, OTHER_BOOK = range(1, 4)
NOBODY = 99

ORGS = {
    CARRIER: (Role.CARRIER, NO_HOLD), TERMINAL: (Role.TERMINAL, NO_HOLD), CFS: (Role.WAREHOUSE, NO_HOLD),
    FACTORY: (Role.PROCESSOR, NO_HOLD), OTHER_FACTORY: (Role.PROCESSOR, NO_HOLD), CUSTOMS: (Role.CUSTOMS, 0),
    AGENCY: (Role.AGENCY, 5), AUDITOR: (Role.AUDITOR, NO_HOLD), YARD: (Role.YARD, NO_HOLD),
}
PLACES = {AT_TERMINAL: (TERMINAL, True), AT_CFS: (CFS, True), AT_FACTORY: (FACTORY, False), AT_YARD: (YARD, False)}
BOOKS = {
    BOOK: (FACTORY, NO_OPTION),
    STRICT_BOOK: (FACTORY, BookOption.LINE_FOR_SCRAP | BookOption.NAME_CONTAINER | BookOption.APPROVE_DESTROY),
    OTHER_BOOK: (OTHER_FACTORY, NO_OPTION),
}


def uid(name: str) -> bytes:
    """A unit or material id for a name."""
    return keccak(b"test unit " + name.encode())


def ln(
    name: str | bytes, role: LineRole = LineRole.NONE, *, q: int = 0, balance: Balance = Balance.NONE,
    material: str | bytes | None = None,
) -> Line:
    """A line; names become ids."""
    unit = uid(name) if isinstance(name, str) else name
    stuff = uid(material) if isinstance(material, str) else material or ZERO32
    return Line(unit, stuff, balance, q, role)


def key_of(number: int) -> PrivateKey:
    return PrivateKey(keccak(b"test key %d" % number))


def sign(key: PrivateKey, digest: bytes) -> bytes:
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def unit_word(unit: Unit, contents: Sequence[Unit] = ()) -> int:
    """The word of docs/formats/contracts.md, built from the layout there."""
    word = unit.thing | unit.status << 2 | unit.eligible << 5 | unit.empty << 6 | (unit.inside != ZERO32) << 7
    word |= sum(1 << (8 + bit) for bit in unit.holds) | unit.custodian << 24 | unit.facility << 48
    if unit.offer:
        tag = int.from_bytes(unit.offer.event[:9], "big") << 184
        if unit.thing is Thing.LOT:
            tag &= ~(0xFFF << 184)  # of a lot's offer 60 bits are kept, not 72
        word |= unit.offer.to << 72 | unit.offer.expiry << 96 | tag
        word |= unit.offer.transfer << 6
    for thing in contents:
        word += 1 << 136
        word += bool(thing.holds) << 152
        word += (thing.thing is Thing.CARGO and not thing.eligible) << 168
    return word


def lot_words(lot: Lot) -> tuple[int, int]:
    balances = sum(lot.amount(b) << (64 * i) for i, b in enumerate(STOCK))
    return balances, lot.amount(Balance.SHORT) | lot.loaded_total << 64


def line_words(line: Quota) -> tuple[int, int]:
    state = line.declarant | line.purpose << 32 | line.status << 40 | sum(1 << (48 + bit) for bit in line.holds)
    return state, line.quantity | line.drawn << 64 | line.exited << 128 | line.returned << 192


def put64(word: int, place: int, value: int) -> int:
    """The word with another number of 64 bits at a place, counted from the lowest."""
    return word & ~(2**64 - 1 << 64 * place) | value << 64 * place


@dataclass
class Mirror:
    """What the logs alone say: an index in miniature."""

    units: dict[bytes, int] = field(default_factory=dict)
    lots: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)
    balances: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    loaded: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    declared: dict[bytes, tuple[bytes, bytes, bytes]] = field(default_factory=dict)
    lines: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    pending: set[bytes] = field(default_factory=set)
    inside: dict[bytes, bytes] = field(default_factory=dict)

    def apply(self, log: Log) -> None:
        v = log.values
        match log.name:
            case "EventOutcome":
                if v["act"] & 0xFFFF == Outcome.PENDING:
                    self.pending.add(v["eventId"])
                for told in read_outcome(0, v["eventId"], v["act"], v["commitment"], v["content"]).told:
                    self.take(told)
            case "UnitChanged":
                self.units[v["unit"]] = v["state"]
            case "InsideChanged":
                self.inside[v["unit"]] = v["container"]
            case "ContentsNotEligible":
                for unit in [k for k, x in self.inside.items() if x == v["container"]]:
                    self.units[unit] &= ~(1 << 5)
            case "LotCreated":
                self.lots[v["lot"]] = (v["material"], v["sourceLine"], v["book"], v["origin"])
                self.units[v["lot"]] = v["state"]
                self.balances[v["lot"]] = (v["balances"], 0)
            case "LotChanged":
                self.balances[v["lot"]] = (v["balances"], v["more"])
            case "LineDeclared":
                self.declared[v["line"]] = (v["material"], v["original"], v["version"])
            case "LineChanged":
                self.lines[v["line"]] = (v["state"], v["amounts"])
            case "PendingEnded":
                self.pending.remove(v["eventId"])

    def take(self, told: Told) -> None:
        """What an outcome says itself: new amounts of a lot or line, the others are as they were."""
        if isinstance(told, LineAmountChanged):
            state, amounts = self.lines[told.line]
            for place, micro in ((1, told.drawn_micro), (2, told.exited_micro)):
                amounts = amounts if micro is None else put64(amounts, place, micro)
            self.lines[told.line] = state, amounts
        elif isinstance(told, AmountsChanged):
            balances, more = self.balances[told.lot]
            for balance, micro in told.amounts_micro:
                if balance is Balance.LOADED:
                    more = put64(more, 1, micro)
                else:
                    balances = put64(balances, balance - 1, micro)
            self.balances[told.lot] = balances, more
        else:
            self.loaded[told.lot, told.line] = told.quantity_micro

    @classmethod
    def of(cls, oracle: Oracle) -> Mirror:
        return cls(
            units={k: unit_word(u, [x for _, x in oracle.contents(k)]) for k, u in oracle.units.items()},
            lots={k: (x.material, x.source, x.book, x.origin) for k, x in oracle.lots.items()},
            balances={k: lot_words(x) for k, x in oracle.lots.items()},
            loaded={(k, line): q for k, x in oracle.lots.items() for line, q in x.loaded.items()},
            declared={k: (x.material, x.original, x.version) for k, x in oracle.lines.items()},
            lines={k: line_words(x) for k, x in oracle.lines.items()},
            pending=set(oracle.pending),
            inside={k: u.inside for k, u in oracle.units.items()},
        )


class World:
    """Nine organisations, four places, three books, and what tests do with them."""

    def __init__(self, loop: str = LOOP) -> None:
        self.evm = Evm(loop)
        self.separator = domain_separator(CHAIN_ID, self.evm.ledger)
        self.oracle = Oracle(self.separator)
        self.mirror = Mirror()
        self.next_nonce = 0
        self.tick_s = 0  # passes before each thing done: other chains give no two blocks the same time
        self.last_logs: list[Log] = []
        self.last_id = b""
        self.last_corrected = b""
        self.last_gas = 0
        self.provoked: set[Outcome] = set()
        for number, (roles, hold_bit) in ORGS.items():
            self.admit(number, roles, hold_bit)
            self.add_key(number, number)
        for place, (operator, supervised) in PLACES.items():
            self.set_place(place, operator, supervised)
        for book, (owner, options) in BOOKS.items():
            self.set_book(book, owner, options)
        self.evm.settle()

    # ---- the authority, on both sides

    def _register(self, signature: str, *args: Any) -> list[Log]:
        self.pass_time(self.tick_s)
        return self.evm.call(self.evm.participants, signature, *args)

    def admit(self, number: int, roles: Role, hold_bit: int = NO_HOLD) -> None:
        self._register("admit(uint32,uint16,uint8,bytes32)", number, int(roles), hold_bit, bytes(32))
        self.oracle.orgs[number] = Org(roles, hold_bit)

    def add_key(
        self, key: int, number: int, valid_from: int = 0, valid_until: int = 2**64 - 1, place: int = 0,
    ) -> None:
        address = address_of(key_of(key))
        if place:
            self._register(
                "addSignerAt(address,uint32,uint64,uint64,uint32)", address, number, valid_from, valid_until, place)
        else:
            self._register("addSigner(address,uint32,uint64,uint64)", address, number, valid_from, valid_until)
        self.oracle.keys[address] = Key(number, valid_from, valid_until, place=place)

    def recover(self, number: int, key: int) -> None:
        """All keys of an organisation end, a new one begins."""
        address = address_of(key_of(key))
        self._register("recover(uint32,address,uint64,uint64,bytes32)", number, address, 0, 2**64 - 1, bytes(32))
        for known in self.oracle.keys.values():
            known.revoked |= known.org == number
        self.oracle.keys[address] = Key(number)

    def set_local_roles(self, number: int, place: int, roles: Role) -> None:
        self._register("setFacilityRoles(uint32,uint32,uint16)", number, place, int(roles))
        self.oracle.local[number, place] = roles

    def revoke_key(self, key: int) -> None:
        self._register("revokeSigner(address)", address_of(key_of(key)))
        self.oracle.keys[address_of(key_of(key))].revoked = True

    def suspend(self, number: int) -> None:
        self._register("suspend(uint32)", number)
        self.oracle.orgs[number].suspended = True

    def reinstate(self, number: int) -> None:
        self._register("reinstate(uint32)", number)
        self.oracle.orgs[number].suspended = False

    def set_roles(self, number: int, roles: Role) -> None:
        self._register("setRoles(uint32,uint16)", number, int(roles))
        self.oracle.orgs[number].roles = roles

    def set_place(self, place: int, operator: int, supervised: bool) -> None:
        self._register("setFacility(uint32,uint32,bool)", place, operator, supervised)
        self.oracle.places[place] = Place(operator, supervised)

    def set_book(self, book: int, owner: int, options: BookOption = NO_OPTION) -> None:
        self._register("setBook(uint32,uint32,uint8,uint8)", book, owner, 31, int(options))
        before = self.oracle.books.get(book)
        self.oracle.books[book] = Account(owner, options, before.opening_open if before else True)

    def close_opening(self, book: int) -> None:
        self._register("closeOpening(uint32)", book)
        self.oracle.books[book].opening_open = False

    def pass_time(self, seconds: int) -> None:
        self.evm.now_s += seconds
        self.oracle.now = self.evm.now_s

    # ---- events

    def event(self, kind: Kind, *lines: Line, in_order: bool = False, **fields: Any) -> CustodyEvent:
        """An event that happened just now, with the next nonce; lines are sorted unless `in_order`."""
        self.next_nonce += 1
        ordered = lines if in_order else tuple(sorted(lines, key=lambda x: x.unit))
        values: dict[str, Any] = {
            "occurred_at_ms": self.evm.now_s * 1000, "deadline_s": self.evm.now_s + 86_400, "nonce": self.next_nonce,
            "commitment": keccak(b"%d" % self.next_nonce),
        }
        return CustodyEvent(kind=kind, lines=ordered, **(values | fields))

    def post(self, by: int, kind: Kind, *lines: Line, **fields: Any) -> Outcome:
        """Sign and record one event."""
        return self.record(by, self.event(kind, *lines, **fields))

    def ok(self, by: int, kind: Kind, *lines: Line, **fields: Any) -> bytes:
        """As `post`, for events that must be recorded; the event's id."""
        outcome = self.post(by, kind, *lines, **fields)
        assert outcome in (Outcome.RECORDED, Outcome.PENDING), outcome.name
        return self.last_id

    def record(
        self, key: int, event: CustodyEvent, *, witness: bytes = b"", pending: CustodyEvent | None = None,
        corrected: tuple[CustodyEvent, int] | None = None, signature: bytes | None = None,
    ) -> Outcome:
        """Record an event on both sides and compare; the outcome.

        `pending` and `corrected` (event, key of its signer) make the witness; a raw `witness` shows nothing.
        """
        self.pass_time(self.tick_s)
        identifier = event_id(event, self.separator)
        shown: tuple[CustodyEvent, bytes | None] | None = None
        if pending is not None:
            witness = pending.encoded()
        if corrected is not None:
            original, signer = corrected
            original_signature = sign(key_of(signer), event_id(original, self.separator))
            witness = encode([ABI_EVENT, "bytes"], [original.abi(), original_signature])
            shown = (original, address_of(key_of(signer)))
        signed = sign(key_of(key), identifier) if signature is None else signature
        codes, logs = self.evm.record([(event, signed, witness)])
        self.last_gas = self.evm.gas_used
        expected = self.oracle.take(
            event, address_of(key_of(key)) if signature is None else None, pending=pending, corrected=shown)
        self.last_logs, self.last_id = logs, identifier
        if self.evm.on_paper:
            return expected
        found = Outcome(codes[0])
        assert found is expected, f"the contract says {found.name}, the oracle {expected.name}"
        self.provoked.add(found)
        self._check_logs(event, key, identifier, found, logs)
        self.check(event)
        return found

    def _check_logs(
        self, event: CustodyEvent, key: int, identifier: bytes, outcome: Outcome, logs: list[Log],
    ) -> None:
        if not outcome.taken:
            assert [(x.name, x.values) for x in logs] == [
                ("EventNotTaken", {"eventId": identifier, "code": int(outcome)})]
            return
        address = address_of(key_of(key))
        first = logs[0]
        assert first.name == "EventOutcome"
        values = first.values
        said = read_outcome(0, values["eventId"], values["act"], values["commitment"], values["content"])
        assert said == EventOutcome(0, identifier, self.oracle.keys[address].org, address, outcome, said.event, said.told)
        assert said.event.encoded() == event.encoded()
        assert sum(x.name in ("EventOutcome", "EventNotTaken") for x in logs) == 1
        if outcome.refused:
            assert {x.name for x in logs[1:]} <= {"PendingEnded"}, "a refused act changes nothing"
        exceeded = [(x.values["material"], x.values["allowed"], x.values["used"])
                    for x in logs if x.name == "NormExceeded"]
        assert sorted(exceeded) == sorted(self.oracle.exceeded)
        for log in logs:
            self.mirror.apply(log)

    def check(self, event: CustodyEvent | None = None) -> None:
        """Logs and oracle agree on everything, the contract's views on what `event` named (all, if None)."""
        expected = Mirror.of(self.oracle)
        expected.inside = {k: x for k, x in expected.inside.items() if k in self.mirror.inside or x != ZERO32}
        assert self.mirror == expected
        evm, oracle = self.evm, self.oracle
        if event is None:
            named = {*oracle.units, *oracle.lines, *oracle.heads}
        else:
            named = {x.unit for x in event.lines[:4]} | {event.reference}
        for unit in named - {ZERO32}:
            assert evm.view(evm.ledger, "headOf(bytes32)", "bytes32", unit) == oracle.heads.get(unit, ZERO32)
            word = evm.view(evm.ledger, "unitOf(bytes32)", "uint256", unit)
            contents = [x for _, x in oracle.contents(unit)]
            assert word == (unit_word(oracle.units[unit], contents) if unit in oracle.units else 0)
            container = evm.view(evm.ledger, "containerOf(bytes32)", "bytes32", unit)
            assert container == (oracle.units[unit].inside if unit in oracle.units else ZERO32)
            if unit in oracle.lots:
                lot = oracle.lots[unit]
                assert evm.view(
                    evm.ledger, "lotOf(bytes32)", "(bytes32,bytes32,uint32,uint8,uint256,uint256)", unit,
                ) == (lot.material, lot.source, lot.book, lot.origin, *lot_words(lot))
                for line, quantity in lot.loaded.items():
                    assert evm.view(
                        evm.ledger, "loadedOf(bytes32,bytes32)", "uint64", unit, line) == quantity
            if unit in oracle.lines:
                line_ = oracle.lines[unit]
                assert evm.view(evm.ledger, "lineOf(bytes32)", "(uint256,uint256,bytes32,bytes32,bytes32)", unit) == (
                    *line_words(line_), line_.material, line_.original, line_.version)

    # ---- undoing

    def snapshot(self) -> Any:
        return self.evm.snapshot(), copy.deepcopy((self.oracle, self.mirror)), self.next_nonce

    def revert(self, mark: Any) -> None:
        self.evm.revert(mark[0])
        self.oracle, self.mirror = copy.deepcopy(mark[1])
        self.next_nonce = mark[2]

    # ---- scenes that many tests need

    def arrived(self, name: str, role: LineRole = LineRole.CONTAINER) -> None:
        """A container or cargo that the carrier discharged at the terminal."""
        self.ok(CARRIER, Kind.ARRIVE, ln(name, role), facility=AT_TERMINAL)

    def hand_over(self, name: str, giver: int, taker: int, facility: int = 0) -> None:
        offer = self.ok(giver, Kind.OFFER, ln(name), counterparty=taker)
        self.ok(taker, Kind.ACCEPT, ln(name), reference=offer, facility=facility)

    def freed(self, name: str, role: LineRole = LineRole.CONTAINER, keeper: int = FACTORY) -> None:
        """A container or cargo that is free and in somebody's custody."""
        self.arrived(name, role)
        self.ok(CUSTOMS, Kind.ELIGIBLE, ln(name))
        self.ok(CARRIER, Kind.GATE_OUT, ln(name))
        self.hand_over(name, CARRIER, keeper)

    def declared(
        self, name: str, purpose: LineRole, q: int, material: str, *, by: int = FACTORY, original: str = "",
        cleared: bool = True,
    ) -> bytes:
        """A declaration line; the id of its version."""
        version = self.ok(
            by, Kind.DECLARE, ln(name, purpose, q=q, material=material),
            reference=uid(original) if original else ZERO32)
        if cleared:
            self.ok(CUSTOMS, Kind.CLEAR, ln(name), reference=version)
        return version

    def received(self, name: str, q: int, material: str = "fabric", *, line: str = "", book: int = BOOK) -> None:
        """An imported lot of the factory, drawn from a receive line of its own unless one is named."""
        if not line:
            line = f"E31 of {name}"
            self.declared(line, LineRole.RECEIVE, q, material)
        self.ok(FACTORY, Kind.RECEIVE_FACTORY,
                ln(name, LineRole.OUTPUT, q=q, balance=Balance.RAW, material=material), book=book, reference=uid(line))

    def bought(self, name: str, q: int, material: str = "thread", *, by: int = FACTORY, book: int = BOOK) -> None:
        """A domestic lot."""
        self.ok(by, Kind.RECEIVE_DOMESTIC,
                ln(name, LineRole.OUTPUT, q=q, balance=Balance.RAW, material=material), book=book)

    def opened(self, name: str, q: int, balance: Balance, material: str, *, origin: LineRole = LineRole.OWN,
               book: int = BOOK) -> None:
        """An opening lot, approved."""
        event = self.event(Kind.OPENING, ln(name, origin, q=q, balance=balance, material=material), book=book)
        assert self.record(FACTORY, event) is Outcome.PENDING
        approval = self.event(Kind.APPROVE, reference=self.last_id)
        assert self.record(CUSTOMS, approval, pending=event) is Outcome.RECORDED

    def made(self, name: str, q: int, material: str = "shirt") -> None:
        """A finished lot, made of an imported one."""
        self.received(f"fabric of {name}", 10 * q)
        self.ok(FACTORY, Kind.ISSUE_PROD, ln(f"fabric of {name}", q=10 * q), book=BOOK)
        self.ok(FACTORY, Kind.TRANSFORM, ln(f"fabric of {name}", LineRole.INPUT, q=10 * q, balance=Balance.WIP),
                ln(name, LineRole.PRODUCT, q=q, material=material), book=BOOK)

    def corrected_arrival(self, name: str) -> None:
        """A container whose arrival the carrier corrects: `last_corrected` is what REASSIGN may name."""
        arrival = self.event(Kind.ARRIVE, ln(name, LineRole.CONTAINER), facility=AT_TERMINAL)
        assert self.record(CARRIER, arrival) is Outcome.RECORDED
        self.last_corrected = self.last_id
        correction = self.event(Kind.CORRECT, reference=self.last_corrected)
        assert self.record(CARRIER, correction, corrected=(arrival, CARRIER)) is Outcome.RECORDED

    def approved(self, event: CustodyEvent, by: int, *, approver: int = CUSTOMS) -> Outcome:
        """Post an event that needs approval and approve it; the outcome of the APPROVE."""
        assert self.record(by, event) is Outcome.PENDING
        approval = self.event(Kind.APPROVE, reference=self.last_id)
        return self.record(approver, approval, pending=event)

    def held(self, name: str, by: int = CUSTOMS) -> None:
        self.ok(by, Kind.HOLD, ln(name))

    def cancelled(self, name: str, version: bytes) -> None:
        self.ok(CUSTOMS, Kind.CLEAR, ln(name), reference=version, step=Step.LINE_CANCELLED)
