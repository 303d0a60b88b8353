"""A short story on a hand-made ledger: real event ids, ABI-encoded logs, sealed payloads; no contract and no node.

`Story` holds every entry (an event with its outcome and the state the contract would log) in order; `chain` packs the
entries into blocks as a test likes, `Payloads` is a store that a test can make lose or swap things.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from eth_abi import encode
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient
from ledger.chain.facts import AmountsChanged, LineAmountChanged, LoadedChanged, Told
from ledger.directory import BookEntry, Directory, FacilityEntry, ParticipantEntry
from ledger.events.ids import UnitType, unit_id
from ledger.events.model import ZERO32, CustodyEvent, Line, domain_separator, event_id
from ledger.events.profile import NamingContext, interpret
from ledger.keys.devices import DeviceKey
from ledger.keys.grants import Grant, Scope, make_grant
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import SealedPayload, content_key_of, seal
from ledger.proofs.commitment import commit
from ledger.vocabulary import (
    Balance,
    BookOption,
    Kind,
    LineRole,
    LineStatus,
    Outcome,
    Role,
    Thing,
    UnitStatus,
)
from tests.chain_fixtures import AccountSigner, outcome_data, outcome_topics
from tests.indexer.fake_chain import FakeChain

CHAIN_ID = 7
MANAGER, PARTICIPANTS, LEDGER = (bytes([n]) * 20 for n in (0xA1, 0xA2, 0xA3))
SEPARATOR = domain_separator(CHAIN_ID, LEDGER)
SECRET = hashlib.sha256(b"network").digest()
MILL_KEY = hashlib.sha256(b"mill").digest()
START_S = 1_767_225_600
NAMES = {1: "customs", 2: "carrier", 3: "terminal", 4: "mill"}
ROLES = {1: Role.CUSTOMS, 2: Role.CARRIER, 3: Role.TERMINAL, 4: Role.PROCESSOR}
BOX = "urn:epc:id:bic:CSQU3054383"

RawLog = tuple[bytes, tuple[bytes, ...], bytes]


def directory() -> Directory:
    found = Directory()
    for number, name in NAMES.items():
        found.add(ParticipantEntry(number, name, f"https://{name}.example/", name.title(), ROLES[number]))
    found.add(FacilityEntry(1, "quay", "urn:place:quay", "Quay", "terminal", True))
    found.add(FacilityEntry(2, "factory", "urn:place:factory", "Factory", "mill", False))
    found.add(BookEntry(1, "mill-book", "Mill", "mill", "SXXK", BookOption(0)))
    return found


def reading_key(number: int) -> ReadingKey:
    return ReadingKey(hashlib.sha256(b"reading" + bytes([number])).digest())


def signer(number: int) -> AccountSigner:
    return AccountSigner(1000 + number)


@dataclass
class PinnedByHand:
    """A deployment on the hand-made chain; `verify` compares the code like the real one."""

    chain_id: int = CHAIN_ID
    block_number: int = 0
    manager: bytes = MANAGER
    participants: bytes = PARTICIPANTS
    ledger: bytes = LEDGER
    code: bytes = b"\x60\x00"
    ledgers: tuple[bytes, ...] = (LEDGER, LEDGER)  # the story ends with a succession; tests go on at the same address

    def verify(self, chain: ChainClient) -> None:
        from ledger.errors import TrustError

        for address in (self.ledger, self.participants):
            if chain.code(address) != self.code:
                raise TrustError(f"the contract at 0x{address.hex()} is not what was deployed.")


def log(address: bytes, signature: str, indexed: Sequence[Any], types: Sequence[str], values: Sequence[Any]) -> RawLog:
    topics = [keccak(signature.encode())]
    for value in indexed:
        topics.append(value.rjust(32, b"\0") if isinstance(value, bytes) else int(value).to_bytes(32, "big"))
    return address, tuple(topics), encode(list(types), list(values))


SCALE = b"\x5c" * 32


def unit_word(thing: Thing, status: UnitStatus = UnitStatus.NONE, *, custodian: int = 0, facility: int = 0, holds: int = 0,
              eligible: bool = False, offeree: int = 0, expiry: int = 0, offer: bytes = ZERO32) -> int:
    return (int(thing) | int(status) << 2 | eligible << 5 | holds << 8 | custodian << 24 | facility << 48 | offeree << 72
            | expiry << 96 | (int.from_bytes(offer, "big") >> 184) << 184)


def unit_changed(unit: bytes, word: int) -> RawLog:
    return log(LEDGER, "UnitChanged(bytes32,uint256)", [unit], ["uint256"], [word])


def lot_created(lot: bytes, material: bytes, source: bytes, word: int, *, origin: int, raw: int = 0,
                finished: int = 0) -> list[RawLog]:
    return [
        log(LEDGER, "LotCreated(bytes32,bytes32,bytes32,uint32,uint8,uint256,uint256)", [lot],
            ["bytes32", "bytes32", "uint32", "uint8", "uint256", "uint256"],
            [material, source, 1, origin, word, raw | finished << 128])]


def lot_changed(lot: bytes, *, raw: int = 0, wip: int = 0, finished: int = 0, loaded: int = 0) -> RawLog:
    return log(LEDGER, "LotChanged(bytes32,uint256,uint256)", [lot], ["uint256"] * 2,
               [raw | wip << 64 | finished << 128, loaded << 64])


def line_changed(line: bytes, status: LineStatus, *, purpose: LineRole, quantity: int, drawn: int = 0) -> RawLog:
    return log(LEDGER, "LineChanged(bytes32,uint256,uint256)", [line], ["uint256"] * 2,
               [4 | int(purpose) << 32 | int(status) << 40, quantity | drawn << 64])


def declared(line: bytes, material: bytes, version: bytes) -> RawLog:
    return log(LEDGER, "LineDeclared(bytes32,bytes32,bytes32,bytes32)", [line], ["bytes32"] * 3,
               [material, ZERO32, version])


def pending_ended(identifier: bytes) -> RawLog:
    return log(LEDGER, "PendingEnded(bytes32)", [identifier], [], [])


def not_taken(identifier: bytes, code: Outcome) -> RawLog:
    return log(LEDGER, "EventNotTaken(bytes32,uint16)", [identifier], ["uint16"], [int(code)])


def outcome_log(event: CustodyEvent, participant: int, outcome: Outcome, told: Sequence[Told] = ()) -> RawLog:
    return (LEDGER, outcome_topics(event_id(event, SEPARATOR)),
            outcome_data(event, participant, signer(participant).address, outcome, told))


class Payloads:
    """A payload store whose answers a test can change."""

    def __init__(self) -> None:
        self.kept: dict[bytes, SealedPayload] = {}
        self.hidden: set[bytes] = set()
        self.given: list[Grant] = []
        self.asked: list[bytes] = []

    def get(self, commitment: bytes) -> SealedPayload | None:
        self.asked.append(commitment)
        return None if commitment in self.hidden else self.kept.get(commitment)

    def grants(self) -> list[Grant]:
        return list(self.given)


@dataclass
class Entry:
    """One event (or change of the register) with everything that the contracts log for it."""

    logs: list[RawLog]
    event: CustodyEvent | None = None
    id: bytes = ZERO32
    told: tuple[Told, ...] = ()


@dataclass
class Story:
    """Entries in order, with the payloads that belong to them."""

    payloads: Payloads = field(default_factory=Payloads)
    entries: list[Entry] = field(default_factory=list)
    directory: Directory = field(default_factory=directory)
    by_epcis_id: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    minute: int = 0
    step_s: int = 60

    def register(self) -> None:
        for number, name in NAMES.items():
            self.entries.append(Entry([
                log(PARTICIPANTS, "ParticipantAdmitted(uint32,uint16,uint8,bytes32)", [number], ["uint16", "uint8", "bytes32"],
                    [int(ROLES[number]), 0 if name == "customs" else 255, reading_key(number).public]),
                log(PARTICIPANTS, "SignerAdded(address,uint32,uint64,uint64)", [signer(number).address, number],
                    ["uint64", "uint64"], [0, 2**64 - 1])]))
        self.entries.append(Entry([
            log(PARTICIPANTS, "FacilitySet(uint32,uint32,bool)", [1, 3], ["bool"], [True]),
            log(PARTICIPANTS, "FacilitySet(uint32,uint32,bool)", [2, 4], ["bool"], [False]),
            log(PARTICIPANTS, "BookSet(uint32,uint32,uint8,uint8)", [1, 4], ["uint8", "uint8"], [1, 0])]))

    def document(self, poster: int, kind: Kind | None, name: str, **fields: Any) -> dict[str, Any]:
        self.minute += 1
        moment = datetime.fromtimestamp(START_S + self.step_s * self.minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made: dict[str, Any] = {
            "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"cl": "urn:cargoledger:v1:"}],
            "eventID": f"https://{NAMES[poster]}.example/{name}", "type": "ObjectEvent", "eventTime": moment,
            "eventTimeZoneOffset": "+00:00", "action": "OBSERVE", "readPoint": {"id": "urn:place:quay"}}
        if kind is not None:
            made["cl:kind"] = kind.name
        return {**made, **fields}

    def signed(self, poster: int, document: dict[str, Any], *, readers: Sequence[int] = (1,), enterprise_key: bool = True,
               consignment: str | None = None, **changes: Any) -> CustodyEvent:
        """Interpret, commit, seal and keep a document; `changes` are signed instead of what it says."""
        context = NamingContext(
            SECRET, self.directory, {"mill": MILL_KEY} if enterprise_key else {}, NAMES[poster],
            self.by_epcis_id.get, lambda _: consignment)
        event = interpret(document, context).event
        secret = hashlib.sha256(f"secret {len(self.entries)} {poster}".encode()).digest()
        commitment = commit(document, secret, submitter=NAMES[poster]).root
        self.payloads.kept[commitment] = seal(
            document, secret=secret, submitter=NAMES[poster], commitment=commitment,
            readers={n: reading_key(n).public for n in {1, poster, *readers}},
            entropy=lambda n: hashlib.sha512(commitment + bytes([n])).digest()[:n])
        event = replace(event, nonce=len(self.entries), deadline_s=START_S + 10**9, commitment=commitment)
        return replace(event, **changes)

    def add(self, poster: int, event: CustodyEvent, outcome: Outcome = Outcome.RECORDED, *state: RawLog,
            epcis_id: str | None = None, told: tuple[Told, ...] = ()) -> bytes:
        """`told` is what the outcome says itself, `state` the logs behind it."""
        identifier = event_id(event, SEPARATOR)
        self.entries.append(Entry([outcome_log(event, poster, outcome, told), *state], event, identifier, told))
        if epcis_id is not None:
            self.by_epcis_id[epcis_id] = identifier
        return identifier

    def post(self, poster: int, document: dict[str, Any], outcome: Outcome, *state: RawLog,
             told: tuple[Told, ...] = (), **options: Any) -> bytes:
        event = self.signed(poster, document, **options)
        self.documents[document["eventID"]] = document
        return self.add(poster, event, outcome, *state, epcis_id=document["eventID"], told=told)

    def chain(self, sizes: Sequence[int] | None = None, *, start_s: int = START_S) -> FakeChain:
        """The entries in blocks of these sizes (the last size repeats); None puts each into its own."""
        chain = FakeChain(CHAIN_ID, {LEDGER: b"\x60\x00", PARTICIPANTS: b"\x60\x00"})
        chain.add(start_s)
        sizes = list(sizes or [1])
        place = 0
        while place < len(self.entries):
            size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
            batch = [raw for entry in self.entries[place:place + size] for raw in entry.logs]
            chain.add(start_s + 13 * len(chain.headers), batch)
            place += size
        return chain


def box_unit(consignment: str = "BL-1", number: str = "CSQU3054383") -> bytes:
    return unit_id(SECRET, UnitType.CONTAINER, consignment, number)


def lot_unit(number: str) -> bytes:
    return unit_id(SECRET, UnitType.LOT, "mill", number)


def line_unit(declaration: str, line: str) -> bytes:
    return unit_id(SECRET, UnitType.LINE, declaration, line)


def lot_list(number: str, quantity: Any, uom: str = "MTR") -> list[dict[str, Any]]:
    return [{"epcClass": f"urn:cargoledger:lot:mill:{number}", "quantity": quantity, "uom": uom}]


def lot_line(number: str, code: str = "FAB", uom: str = "MTR", **extra: Any) -> list[dict[str, Any]]:
    return [{"id": f"urn:cargoledger:lot:mill:{number}", **extra,
             "material": {"code": code, "uom": uom, "description": f"{code} described", "hs": "540752"}}]


def declaration(name: str, line: str, purpose: str, code: str, quantity: Any) -> dict[str, Any]:
    return {
        "epcList": [f"urn:cargoledger:line:{name}:{line}"],
        "cl:declaration": {
            "declaration": name, "line": line, "direction": "import" if purpose == "RECEIVE" else "export",
            "regime": "E31", "purpose": purpose, "code": code, "description": f"{code} described", "hs": "540752",
            "origin": "CN", "quantity": quantity, "uom": "MTR", "value": Decimal("12.50"), "currency": "USD",
            "dutyRate": 12, "partner": "Mill of Suzhou", "registeredAt": "2026-01-01", "enterprise": "mill"}}


def draws(name: str, line: str) -> list[dict[str, Any]]:
    return [{"type": "urn:cargoledger:btt:declaration-line", "bizTransaction": f"urn:cargoledger:line:{name}:{line}"}]


def parties(source: str, destination: str) -> dict[str, Any]:
    return {"sourceList": [{"type": "possessing_party", "source": f"https://{source}.example/"}],
            "destinationList": [{"type": "possessing_party", "destination": f"https://{destination}.example/"}]}


def full_story() -> Story:
    """A fresh copy of the story, to be spoilt."""
    return copy.deepcopy(_full_story())


@cache
def _full_story() -> Story:
    """Every kind of row: custody, refusal, offer, lines, lots, pending, denial, correction, count, norm, grant."""
    story = Story()
    story.register()
    box = box_unit()
    with_box: dict[str, Any] = {"epcList": [BOX], "cl:consignment": "BL-1"}
    here = {"bizLocation": {"id": "urn:place:quay"}}

    def container(**state: Any) -> RawLog:
        return unit_changed(box, unit_word(Thing.CONTAINER, UnitStatus.SUPERVISED, facility=1, **state))

    story.post(2, story.document(2, Kind.ARRIVE, "arrive", **with_box, **here), Outcome.RECORDED, container(custodian=2))
    story.post(1, story.document(1, Kind.HOLD, "hold", **with_box), Outcome.RECORDED, container(custodian=2, holds=1),
               readers=(2,))
    story.post(3, story.document(3, Kind.GATE_OUT, "release", **with_box), Outcome.HELD)
    story.post(1, story.document(1, Kind.UNHOLD, "unhold", **with_box), Outcome.RECORDED, container(custodian=2))
    offer = story.signed(2, offer_document := story.document(
        2, Kind.OFFER, "offer", **with_box, **parties("carrier", "terminal")), readers=(3,))
    offer_id = event_id(offer, SEPARATOR)
    story.add(2, offer, Outcome.RECORDED, container(custodian=2, offeree=3, expiry=START_S + 10**6, offer=offer_id),
              epcis_id=offer_document["eventID"])
    accept = story.post(
        3, story.document(3, Kind.ACCEPT, "accept", **with_box, **here, **parties("carrier", "terminal"),
                          **{"cl:reference": offer_document["eventID"]}), Outcome.RECORDED, container(custodian=3))
    weigh = story.document(3, Kind.OBSERVE, "weigh", epcList=[BOX], **{"cl:step": "WEIGH"})
    weigh["sensorElementList"] = [DeviceKey(b"\x21" * 32).sign_element(
        {"sensorMetadata": {"time": weigh["eventTime"]}, "sensorReport": [{"type": "Mass", "value": 8120, "uom": "KGM"}]},
        chain_id=CHAIN_ID, counter=7)]
    story.post(3, weigh, Outcome.RECORDED, consignment="BL-1")

    fabric = interpret(story.document(4, Kind.RECEIVE_DOMESTIC, "x", quantityList=lot_list("X", 1), **{
        "cl:book": "mill-book", "cl:lines": lot_line("X"), "cl:documents": [{"type": "invoice", "number": "1"}]}),
        NamingContext(SECRET, story.directory, {"mill": MILL_KEY}, "mill", lambda _: None)).event.lines[0].material
    line = line_unit("D1", "1")
    for name, quantity in (("declare", 900), ("amend", 1000)):
        event = story.signed(4, document := story.document(4, Kind.DECLARE, name, **declaration(
            "D1", "1", "RECEIVE", "FAB", quantity)))
        story.add(4, event, Outcome.RECORDED, declared(line, fabric, event_id(event, SEPARATOR)),
                  line_changed(line, LineStatus.REGISTERED, purpose=LineRole.RECEIVE, quantity=quantity * 10**6),
                  epcis_id=document["eventID"])
    story.post(1, story.document(1, Kind.CLEAR, "clear", epcList=["urn:cargoledger:line:D1:1"], **{
        "cl:reference": "https://mill.example/amend"}), Outcome.RECORDED,
        line_changed(line, LineStatus.CLEARED, purpose=LineRole.RECEIVE, quantity=10**9))

    lot_word = unit_word(Thing.LOT, custodian=4)
    opening = story.document(4, Kind.OPENING, "opening", quantityList=lot_list("OPEN", 50), **{
        "cl:book": "mill-book", "cl:lines": lot_line("OPEN", role="IMPORTED", balance="RAW")})
    opening_id = story.post(4, opening, Outcome.PENDING)
    story.post(1, story.document(1, Kind.APPROVE, "approve", **{"cl:reference": opening["eventID"]}, epcList=[]),
               Outcome.RECORDED, *lot_created(lot_unit("OPEN"), fabric, ZERO32, lot_word, origin=1, raw=50 * 10**6),
               pending_ended(opening_id), readers=(4,))
    second = story.document(4, Kind.OPENING, "opening-2", quantityList=lot_list("OPEN-2", 1), **{
        "cl:book": "mill-book", "cl:lines": lot_line("OPEN-2", role="OWN", balance="FINISHED", code="JKT")})
    second_id = story.post(4, second, Outcome.PENDING)
    story.post(1, story.document(1, Kind.DENY, "deny", **{"cl:reference": second["eventID"]}, epcList=[]),
               Outcome.RECORDED, pending_ended(second_id), readers=(4,))
    story.entries.append(Entry([log(PARTICIPANTS, "OpeningClosed(uint32)", [1], [], [])]))

    story.post(4, story.document(4, Kind.RECEIVE_FACTORY, "receive", quantityList=lot_list("L1", Decimal("800.5")), **{
        "cl:book": "mill-book", "cl:lines": lot_line("L1"), "bizTransactionList": draws("D1", "1")}), Outcome.RECORDED,
        *lot_created(lot_unit("L1"), fabric, line, lot_word, origin=1, raw=800_500_000),
        line_changed(line, LineStatus.CLEARED, purpose=LineRole.RECEIVE, quantity=10**9, drawn=800_500_000))
    story.post(4, story.document(4, Kind.DECLARE, "norm", epcList=[], **{
        "cl:book": "mill-book", "cl:step": "NORM", "cl:norm": {
            "product": "JKT", "productUom": "C62", "validFrom": "2026-01-01", "validTo": "", "enterprise": "mill", "lines": [
                {"material": "FAB", "norm": Decimal("1.60"), "materialUom": "MTR", "flag": "N", "lossRate": Decimal("0.03")},
                {"material": "BUT", "norm": 4, "materialUom": "C62"}]}}), Outcome.RECORDED)
    export = line_unit("X1", "1")
    event = story.signed(4, document := story.document(4, Kind.DECLARE, "declare-x", **declaration(
        "X1", "1", "EXPORT", "JKT", 10)))
    jacket = event.lines[0].material
    story.add(4, event, Outcome.RECORDED, declared(export, jacket, event_id(event, SEPARATOR)),
              line_changed(export, LineStatus.CLEARED, purpose=LineRole.EXPORT, quantity=10**7),
              epcis_id=document["eventID"])
    story.post(4, story.document(4, Kind.EXPORT_LOAD, "load", quantityList=lot_list("L1", 5), **{
        "cl:lines": [{"id": "urn:cargoledger:lot:mill:L1", "balance": "FINISHED"}],
        "bizTransactionList": draws("X1", "1")}), Outcome.RECORDED,
        # a TRANSFORM's log; the index knows no rules and takes it where it stands
        log(LEDGER, "NormExceeded(bytes32,bytes32,uint256,uint256)", [export, fabric], ["uint256"] * 2, [2**64, 2**65]),
        told=(LineAmountChanged(0, export, 5 * 10**6, None),
              AmountsChanged(0, lot_unit("L1"), ((Balance.FINISHED, 0), (Balance.LOADED, 5 * 10**6))),
              LoadedChanged(0, lot_unit("L1"), export, 5 * 10**6)))
    story.post(4, story.document(4, Kind.COUNT, "count", epcList=[], **{"cl:book": "mill-book", "cl:counts": [
        {"at": "2026-12-31", "stock": "material", "code": "FAB", "lot": "L1", "quantity": 10, "uom": "MTR", "place": "A"},
        {"at": "2026-12-31", "stock": "scrap", "code": "SCR", "lot": "", "quantity": Decimal("0.5"), "uom": "KGM"}]}),
        Outcome.RECORDED)
    story.post(3, {**weigh, "errorDeclaration": {"declarationTime": "2026-02-01T00:00:00Z", "reason": "incorrect_data"}},
               Outcome.RECORDED, consignment="BL-1")
    story.by_epcis_id[weigh["eventID"]] = next(  # the event itself, not its correction
        e.id for e in story.entries if e.event is not None and e.event.kind is Kind.OBSERVE)
    open_event = story.document(2, None, "open-profile", epcList=["urn:epc:id:sgtin:0614141.107346.2017"])
    del open_event["@context"][1], open_event["readPoint"]
    story.post(2, open_event, Outcome.RECORDED)

    story.entries.append(Entry([not_taken(keccak(b"nobody"), Outcome.UNKNOWN_SIGNER)]))
    extreme = CustodyEvent(
        kind=Kind.OBSERVE, lines=(Line(keccak(b"thing"), balance=Balance.RAW, quantity_micro=2**64 - 1),),
        counterparty=2**32 - 1, occurred_at_ms=2**64 - 1, deadline_s=2**64 - 1, nonce=2**64 - 1, commitment=keccak(b"lost"))
    story.add(2, extreme, Outcome.TIME_IN_FUTURE)
    story.entries.append(Entry([
        log(PARTICIPANTS, "ParticipantSuspended(uint32)", [2], [], []),
        log(PARTICIPANTS, "SignerRevoked(address,uint32)", [signer(3).address, 3], [], []),
        log(PARTICIPANTS, "RolesChanged(uint32,uint16)", [4], ["uint16"], [int(Role.PROCESSOR | Role.WAREHOUSE)])]))
    story.entries.append(Entry([
        log(PARTICIPANTS, "FacilityRolesSet(uint32,uint32,uint16)", [2, 1], ["uint16"], [int(Role.CUSTOMS)]),
        log(PARTICIPANTS, "FacilityRolesSet(uint32,uint32,uint16)", [2, 1], ["uint16"], [int(Role.AGENCY)]),
        log(PARTICIPANTS, "DeviceAdded(bytes32,uint32,uint32,uint64,uint64,uint64)", [SCALE, 3],
            ["uint32", "uint64", "uint64", "uint64"], [1, 5, 2**64 - 1, 70]),
        log(PARTICIPANTS, "DeviceCalibrated(bytes32,uint64)", [SCALE], ["uint64"], [60]),
        log(PARTICIPANTS, "DeviceRevoked(bytes32,uint32)", [SCALE, 3], [], []),
        log(PARTICIPANTS, "ParticipantRecovered(uint32,uint8)", [3], ["uint8"], [1]),
        log(PARTICIPANTS, "ParticipantRecovered(uint32,uint8)", [4], ["uint8"], [1]),
        log(PARTICIPANTS, "SignerAdded(address,uint32,uint64,uint64)", [b"\x44" * 20, 4], ["uint64", "uint64"], [9, 99]),
        log(PARTICIPANTS, "SignerLimited(address,uint32)", [b"\x44" * 20, 2], [], []),
        log(MANAGER, "RoleGranted(uint64,address,uint32,uint48,bool)", [0, b"\x66" * 20], ["uint32", "uint48", "bool"], [60, 1, True]),
        log(MANAGER, "RoleGranted(uint64,address,uint32,uint48,bool)", [3, b"\x67" * 20], ["uint32", "uint48", "bool"], [0, 1, True]),
        log(MANAGER, "RoleRevoked(uint64,address)", [3, b"\x67" * 20], [], []),
        *(log(MANAGER, "OperationScheduled(bytes32,uint32,uint48,address,address,bytes)", [b"\x68" * 32, n],
              ["uint48", "address", "address", "bytes"], [START_S + n, b"\x66" * 20, MANAGER, b"\x01\x02"]) for n in (1, 2, 3)),
        log(MANAGER, "OperationCanceled(bytes32,uint32)", [b"\x68" * 32, 1], [], []),
        log(MANAGER, "OperationExecuted(bytes32,uint32)", [b"\x68" * 32, 2], [], []),
        log(LEDGER, "SuccessorSet(address)", [LEDGER], [], [])]))
    story.payloads.given.append(grant(story, 2, 3, [e.event.commitment for e in story.entries
                                                    if e.event is not None and e.event.kind is Kind.ARRIVE],
                                      reference=accept))
    return story


def grant(story: Story, grantor: int, grantee: int, commitments: Sequence[bytes], *, until_s: int | None = None,
          reference: bytes = ZERO32, issued_at_s: int = START_S, signed_by: int | None = None) -> Grant:
    kept = story.payloads.kept
    keys = {c: content_key_of(kept[c], reading_key(grantor)) for c in commitments}
    return make_grant(keys, signer=signer(signed_by or grantor), chain_id=CHAIN_ID, ledger=LEDGER, grantor=grantor,
                      grantee=grantee, grantee_key=reading_key(grantee).public, scope=Scope(units=(box_unit(),)),
                      reason="handover", issued_at_s=issued_at_s, until_s=until_s, reference=reference)
