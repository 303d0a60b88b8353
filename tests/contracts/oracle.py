"""The rules of the ledger in plain Python, written from the event model and not from the contracts.

`Oracle.take` judges one signed event as the contract must: same outcome, same state, same heads. Nothing here
packs bits, hashes structs or knows the EVM; state is kept in ordinary objects. It is slow and meant to be read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ledger.events.model import ZERO32, CustodyEvent, Line, event_id, fold_head
from ledger.vocabulary import (
    CITES_LINE,
    QUANTITY_MICRO_MAX,
    Balance,
    BookOption,
    Kind,
    LineRole,
    LineStatus,
    Origin,
    Outcome,
    Role,
    Step,
    Thing,
    UnitStatus,
)

SKEW_S = 300
NO_HOLD = 255
FOREVER_S = 2**40 - 1
NO_OPTION = BookOption(0)
STOCK = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)


@dataclass
class Org:
    """A participant."""

    roles: Role
    hold_bit: int = NO_HOLD
    suspended: bool = False


@dataclass
class Key:
    """A signer."""

    org: int
    valid_from: int = 0
    valid_until: int = 2**64 - 1
    revoked: bool = False
    place: int = 0  # the one place at which it may act; 0 anywhere


@dataclass
class Place:
    """A facility."""

    operator: int
    supervised: bool


@dataclass
class Account:
    """A book."""

    owner: int
    options: BookOption = NO_OPTION
    opening_open: bool = True


@dataclass
class Offer:
    """An offer as it was made; whether it still stands depends on the time."""

    event: bytes
    to: int
    expiry: int
    transfer: bool = False


@dataclass
class Unit:
    """A container, cargo or lot, as far as custody goes."""

    thing: Thing
    custodian: int
    status: UnitStatus = UnitStatus.NONE
    facility: int = 0
    eligible: bool = False
    empty: bool = False
    holds: set[int] = field(default_factory=set)
    offer: Offer | None = None
    inside: bytes = ZERO32


@dataclass
class Lot:
    """What a lot is and has."""

    material: bytes
    book: int
    origin: Origin
    source: bytes
    amounts: dict[Balance, int]
    loaded: dict[bytes, int] = field(default_factory=dict)

    def amount(self, balance: Balance) -> int:
        return self.amounts.get(balance, 0)

    @property
    def loaded_total(self) -> int:
        return sum(self.loaded.values())

    @property
    def is_empty(self) -> bool:
        return not any(self.amounts.values()) and self.loaded_total == 0

    @property
    def single(self) -> Balance | None:
        """The one balance it has: what is short is not there; what is loaded spoils it."""
        there = [b for b in STOCK if self.amount(b)]
        return there[0] if len(there) == 1 and self.loaded_total == 0 else None


@dataclass
class Quota:
    """A declaration line."""

    declarant: int
    purpose: LineRole
    status: LineStatus
    material: bytes
    original: bytes
    version: bytes
    quantity: int
    drawn: int = 0
    exited: int = 0
    returned: int = 0
    holds: set[int] = field(default_factory=set)


@dataclass
class Waiting:
    """A pending event."""

    kind: Kind
    org: int
    signer: bytes
    event: CustodyEvent


@dataclass
class Norm:
    """A norm with numbers: so much of each material for `base` of the product."""

    book: int
    product: bytes
    base: int
    materials: dict[bytes, int]
    tolerance_micro: int
    valid_from: int
    valid_until: int


class Refused(Exception):  # noqa: N818
    """The act is impossible or not allowed."""

    def __init__(self, code: Outcome) -> None:
        super().__init__(code.name)
        self.code = code


def require(condition: bool, code: Outcome) -> None:
    if not condition:
        raise Refused(code)


@dataclass
class Poster:
    """Who acts by which event."""

    event_id: bytes
    org: int
    signer: bytes


# Which fields an event may have, how many lines, and what its lines may say, by kind. From the plan of fields,
# docs/formats/events.md: fields, fewest and most lines, and for each role the balances, and what may be set.
_F, _B, _R, _C = "facility", "book", "reference", "counterparty"
_NONE = {Balance.NONE}
_UNIT = {LineRole.NONE: (_NONE, False, False)}
_ALL = set(Balance)


def _form(event: CustodyEvent) -> tuple[set[str], int, int, dict[LineRole, tuple[set[Balance], bool, bool]] | None]:
    """Allowed fields, fewest and most lines, and by role: balances, whether quantity, whether material."""
    new_lot = (set[Balance]({Balance.RAW}), True, True)
    kind, lines = event.kind, event.lines
    match kind:
        case Kind.OBSERVE:
            return {_F, _B, _R, _C}, 0, 64, None
        case Kind.CORRECT:
            return {_R}, 0, 64, None
        case Kind.ARRIVE:
            roles = (LineRole.CONTAINER, LineRole.CARGO, LineRole.EMPTY_CONTAINER)
            return {_F}, 1, 64, dict.fromkeys(roles, (_NONE, False, False))
        case Kind.OFFER:
            return {_C}, 1, 64, {LineRole.NONE: (_ALL, True, False)}
        case Kind.ACCEPT if event.book:
            plain = (LineRole.INPUT, LineRole.TRANSFER_IN, LineRole.TRANSFER_OUT)
            return {_B, _R}, 4, 4, {**dict.fromkeys(plain, (_NONE, False, False)), LineRole.OUTPUT: new_lot}
        case Kind.ACCEPT:
            return {_F, _R}, 1, 64, {LineRole.NONE: (_ALL, True, False)}
        case Kind.REFUSE:
            return {_R}, 1, 64, _UNIT
        case Kind.CANCEL:
            return {_R}, 0, 64, _UNIT
        case Kind.HOLD | Kind.UNHOLD | Kind.ELIGIBLE | Kind.REVOKE | Kind.GATE_OUT:
            return set(), 1, 64, _UNIT
        case Kind.CLOSE:
            return set(), 1, 64, dict.fromkeys((LineRole.NONE, LineRole.INPUT), (_NONE, False, False))
        case Kind.STUFF:
            return set(), 2, 64, dict.fromkeys((LineRole.CONTAINER, LineRole.INPUT), (_NONE, False, False))
        case Kind.STRIP:
            parts = (LineRole.CONTAINER, LineRole.INPUT, LineRole.OUTPUT)
            return set(), 2, 64, dict.fromkeys(parts, (_NONE, False, False))
        case Kind.DECLARE if lines and event.step is Step.NORM:
            return {_B, _R}, 2, 64, dict.fromkeys((LineRole.PRODUCT, LineRole.INPUT), (_NONE, True, False))
        case Kind.DECLARE:
            purposes = dict.fromkeys(map(LineRole, range(11, 17)), (_NONE, True, True))
            return ({_C, _R} if lines else {_B}), 0, 1, purposes
        case Kind.CLEAR:
            return {_R}, 1, 1, _UNIT
        case Kind.OPENING:
            origins = (LineRole.IMPORTED, LineRole.DOMESTIC, LineRole.OWN)
            return {_B}, 1, 64, dict.fromkeys(origins, (set(STOCK), True, True))
        case Kind.RECEIVE_FACTORY:
            vehicle = (_NONE, False, False)
            return {_B, _R}, 1, 2, {
                LineRole.OUTPUT: new_lot, LineRole.CONTAINER: vehicle, LineRole.CARGO: vehicle}
        case Kind.RECEIVE_DOMESTIC:
            return {_B}, 1, 64, {LineRole.OUTPUT: new_lot}
        case Kind.SPLIT:
            return set(), 2, 64, {
                LineRole.INPUT: (_NONE, False, False), LineRole.OUTPUT: ({Balance.NONE, *STOCK}, True, False)}
        case Kind.MERGE:
            return set(), 2, 64, dict.fromkeys((LineRole.INPUT, LineRole.OUTPUT), (_NONE, False, False))
        case Kind.ISSUE_PROD:
            return {_B}, 1, 64, {LineRole.NONE: ({Balance.NONE, Balance.RAW}, True, False)}
        case Kind.RETURN_PROD:
            return {_B}, 1, 64, {LineRole.NONE: ({Balance.NONE, Balance.WIP}, True, False)}
        case Kind.TRANSFORM:
            made = (LineRole.PRODUCT, LineRole.CO_PRODUCT, LineRole.SCRAP, LineRole.SEMI_FINISHED)
            return {_B, _R}, 2, 64, {
                LineRole.INPUT: ({Balance.WIP}, True, False), **dict.fromkeys(made, (_NONE, True, True))}
        case Kind.EXPORT_LOAD:
            return {_R}, 1, 64, {LineRole.NONE: ({Balance.FINISHED}, True, False)}
        case Kind.EXIT_CONFIRM:
            return {_R}, 1, 64, {LineRole.NONE: ({Balance.LOADED}, True, False)}
        case Kind.REEXPORT:
            return {_R}, 1, 64, {LineRole.NONE: ({Balance.RAW}, True, False)}
        case Kind.UNLOAD:
            return {_R}, 1, 64, {LineRole.NONE: ({Balance.LOADED}, True, False)}
        case Kind.FG_RETURN:
            return {_B, _R}, 1, 1, {LineRole.OUTPUT: ({Balance.FINISHED}, True, True)}
        case Kind.DESTROY:
            return {_B}, 1, 64, {LineRole.NONE: (set(STOCK), True, False)}
        case Kind.TRANSFER:
            return {_C, _B, _R}, 1, 1, {LineRole.NONE: ({Balance.RAW}, True, False)}
        case Kind.ADJUST:
            return {_B, _R}, 1, 64, {
                LineRole.INPUT: ({*STOCK, Balance.SHORT}, True, False), LineRole.OUTPUT: (set(STOCK), True, False),
                LineRole.FROM_SHORT: (set(STOCK), True, False)}
        case Kind.REASSIGN:
            becomes = (LineRole.NONE, LineRole.SUPERVISED, LineRole.FREE)
            return {_C, _F, _R}, 1, 64, dict.fromkeys(becomes, (_NONE, False, False))
        case Kind.REPURPOSE | Kind.SELL_INLAND:
            return {_B, _R}, 1, 64, {LineRole.NONE: ({Balance.RAW, Balance.FINISHED}, True, False)}
        case Kind.SCRAP_OUT:
            return {_B, _R}, 1, 64, {LineRole.NONE: ({Balance.SCRAP}, True, False)}
        case Kind.COUNT:
            return {_B}, 0, 64, {LineRole.NONE: (_ALL, True, True)}
        case Kind.APPROVE | Kind.DENY:
            return {_R}, 0, 0, _UNIT
        case _:
            raise Refused(Outcome.KIND_NOT_AVAILABLE)


class Oracle:
    """The whole ledger. Transitions: `take` one event at a time; the authority edits the registers directly."""

    def __init__(self, separator: bytes) -> None:
        self.separator = separator
        self.orgs: dict[int, Org] = {}
        self.keys: dict[bytes, Key] = {}
        self.places: dict[int, Place] = {}
        self.local: dict[tuple[int, int], Role] = {}  # roles at a place, by organisation and place
        self.books: dict[int, Account] = {}
        self.units: dict[bytes, Unit] = {}
        self.lots: dict[bytes, Lot] = {}
        self.lines: dict[bytes, Quota] = {}
        self.heads: dict[bytes, bytes] = {}
        self.nonces: set[tuple[bytes, int]] = set()
        self.pending: dict[bytes, Waiting] = {}
        self.counts: dict[bytes, int] = {}
        self.corrected: set[bytes] = set()
        self.adjusted: set[tuple[bytes, bytes, Balance]] = set()
        self.norms: dict[bytes, Norm] = {}
        self.now = 0
        self.exceeded: list[tuple[bytes, int, int]] = []

    # ---- one event

    def take(
        self, event: CustodyEvent, signer: bytes | None, *, pending: CustodyEvent | None = None,
        corrected: tuple[CustodyEvent, bytes | None] | None = None,
    ) -> Outcome:
        """Judge an event.

        Args:
            event: what was signed.
            signer: address that the signature gives, None if it gives none.
            pending: what the witness of APPROVE, or of an ACCEPT into a book, shows, None if it shows no event.
            corrected: what the witness of CORRECT shows: the event and who signed it.
        """
        if signer is None:
            return Outcome.BAD_SIGNATURE
        if signer not in self.keys:
            return Outcome.UNKNOWN_SIGNER
        if (signer, event.nonce) in self.nonces:
            return Outcome.NONCE_USED
        poster = Poster(event_id(event, self.separator), self.keys[signer].org, signer)
        if not self._shows(poster, event, pending, corrected):
            return Outcome.WITNESS_MISMATCH
        self.nonces.add((signer, event.nonce))
        self.exceeded = []
        try:
            self._check_signer_and_time(self.keys[signer], event)
            self._check_form(event)
            require(not self.orgs[poster.org].suspended, Outcome.PARTICIPANT_SUSPENDED)
            self._check_place_of_key(self.keys[signer].place, event)
            outcome = self._act(poster, event, pending, corrected)
        except Refused as refused:
            outcome = refused.code
        self._fold_heads(poster.event_id, event, outcome)
        return outcome

    def _shows(
        self, poster: Poster, event: CustodyEvent, pending: CustodyEvent | None,
        corrected: tuple[CustodyEvent, bytes | None] | None,
    ) -> bool:
        """Whether the witness shows what the event refers to. Nobody signed it, so a wrong one burns nothing."""
        if event.kind is Kind.CORRECT:
            if corrected is None or corrected[1] is None:
                return False
            original, signer = corrected
            if event_id(original, self.separator) != event.reference or signer not in self.keys:
                return False
            mine = self.keys[signer].org == poster.org or self.has(poster, Role.CUSTOMS)
            return mine and (signer, original.nonce) in self.nonces
        if event.kind is Kind.APPROVE or (event.kind is Kind.ACCEPT and event.book):
            return pending is not None and event_id(pending, self.separator) == event.reference
        return True

    def _check_signer_and_time(self, key: Key, event: CustodyEvent) -> None:
        require(not key.revoked, Outcome.SIGNER_REVOKED)
        require(self.now >= key.valid_from, Outcome.SIGNER_NOT_YET_VALID)
        require(self.now <= key.valid_until, Outcome.SIGNER_EXPIRED)
        require(self.now <= event.deadline_s, Outcome.DEADLINE_PASSED)
        require(event.occurred_at_ms <= (self.now + SKEW_S) * 1000, Outcome.TIME_IN_FUTURE)

    def _check_place_of_key(self, place: int, event: CustodyEvent) -> None:
        """A key for one place acts only where the event says it happens, or where all that it names stands."""
        if not place:
            return
        if event.facility and event.kind in (Kind.ARRIVE, Kind.ACCEPT, Kind.OBSERVE):
            require(event.facility == place, Outcome.SIGNER_ELSEWHERE)
            return
        made = {line.unit for line in event.lines if event.kind in (Kind.STRIP, Kind.SPLIT) and line.unit not in self.units}
        require(len(made) < len(event.lines), Outcome.SIGNER_ELSEWHERE)
        for line in event.lines:
            if line.unit in made:
                continue
            unit = self.units.get(line.unit)
            carried = unit is None or (self.box_of(unit).facility == 0 and unit.thing is not Thing.LOT)
            here = self.place_of(line.unit) == place or (event.kind is Kind.REFUSE and carried)
            require(here, Outcome.SIGNER_ELSEWHERE)

    @staticmethod
    def is_list(lines: tuple[Line, ...]) -> bool:
        units = [line.unit for line in lines]
        return len(units) <= 64 and all(a < b for a, b in itertools.pairwise(units))

    def _check_form(self, event: CustodyEvent) -> None:
        require(len(event.lines) <= 64, Outcome.TOO_MANY_LINES)
        require(self.is_list(event.lines), Outcome.LINES_NOT_ASCENDING)
        require(1 <= event.kind <= Kind.CLOSE, Outcome.UNKNOWN_KIND)
        fields, fewest, most, roles = _form(event)
        require(len(event.lines) >= fewest, Outcome.LINES_MISSING)
        require(len(event.lines) <= most, Outcome.FIELD_NOT_ALLOWED)
        given = {_F: event.facility, _B: event.book, _C: event.counterparty, _R: any(event.reference)}
        require(all(name in fields for name, value in given.items() if value), Outcome.FIELD_NOT_ALLOWED)
        if roles is None:
            return
        if event.lines and event.kind is not Kind.COUNT:
            require(event.lines[0].unit != ZERO32, Outcome.LINES_MISSING)
        for line in event.lines:
            require(line.role in roles, Outcome.WRONG_ROLE)
            balances, quantity, material = roles[line.role]
            require(line.balance in balances, Outcome.WRONG_BALANCE)
            require(quantity or line.quantity_micro == 0, Outcome.FIELD_NOT_ALLOWED)
            require(material or line.material == ZERO32, Outcome.FIELD_NOT_ALLOWED)

    def _fold_heads(self, identifier: bytes, event: CustodyEvent, outcome: Outcome) -> None:
        """A list that is not one names nothing, but the line in `reference` is named still less then."""
        if not self.is_list(event.lines):
            return
        named = {line.unit for line in event.lines} - {ZERO32}
        if event.kind in CITES_LINE and event.reference in self.lines:
            named.add(event.reference)
        for unit in named:
            self.heads[unit] = fold_head(self.heads.get(unit, ZERO32), identifier, outcome)

    def _act(
        self, poster: Poster, event: CustodyEvent, pending: CustodyEvent | None,
        corrected: tuple[CustodyEvent, bytes | None] | None,
    ) -> Outcome:
        rows: dict[Kind, Callable[[Poster, CustodyEvent], None]] = {
            Kind.OBSERVE: lambda p, e: None, Kind.ARRIVE: self._arrive, Kind.OFFER: self._offer,
            Kind.ACCEPT: self._accept, Kind.REFUSE: self._refuse, Kind.CANCEL: self._cancel, Kind.HOLD: self._hold,
            Kind.UNHOLD: self._unhold, Kind.ELIGIBLE: self._eligible, Kind.REVOKE: self._revoke,
            Kind.GATE_OUT: self._gate_out, Kind.DECLARE: self._declare, Kind.CLEAR: self._clear,
            Kind.RECEIVE_FACTORY: self._receive_factory, Kind.RECEIVE_DOMESTIC: self._receive_domestic,
            Kind.SPLIT: self._split, Kind.MERGE: self._merge, Kind.ISSUE_PROD: self._issue,
            Kind.RETURN_PROD: self._return, Kind.TRANSFORM: self._transform, Kind.EXPORT_LOAD: self._export_load,
            Kind.EXIT_CONFIRM: self._exit_confirm, Kind.REPURPOSE: self._leave, Kind.SELL_INLAND: self._leave,
            Kind.SCRAP_OUT: self._scrap_out, Kind.COUNT: self._count, Kind.DENY: self._deny, Kind.CLOSE: self._close,
            Kind.STUFF: self._stuff, Kind.STRIP: self._strip, Kind.REEXPORT: self._reexport,
            Kind.UNLOAD: self._unload, Kind.FG_RETURN: self._come_back, Kind.TRANSFER: self._transfer,
        }
        if event.kind in (Kind.OPENING, Kind.DESTROY, Kind.ADJUST, Kind.REASSIGN):
            execute = self._pending_kind(poster, event)
            if event.kind is Kind.DESTROY and not self.books[event.book].options & BookOption.APPROVE_DESTROY:
                execute()
                return Outcome.RECORDED
            self.pending[poster.event_id] = Waiting(event.kind, poster.org, poster.signer, event)
            return Outcome.PENDING
        if event.kind is Kind.APPROVE:
            self._approve(poster, event)
        elif event.kind is Kind.ACCEPT and event.book and pending:
            self._accept_transfer(poster, event, pending)
        elif event.kind is Kind.CORRECT:
            self._correct(poster, event, corrected)
        else:
            rows[event.kind](poster, event)
        return Outcome.RECORDED

    # ---- what several rows ask

    def has(self, poster: Poster, roles: Role) -> bool:
        return bool(self.orgs[poster.org].roles & roles)

    def place_of(self, identifier: bytes) -> int:
        """Where a thing stands; 0 for what is carried, lots, declaration lines and what nobody knows."""
        return self.box_of(self.units[identifier]).facility if identifier in self.units else 0

    def has_at(self, org: int, place: int, roles: Role) -> bool:
        """An organisation has one of the roles everywhere, or at this place."""
        return bool((self.orgs[org].roles | self.local.get((org, place), Role(0))) & roles)

    def has_for(self, poster: Poster, event: CustodyEvent, roles: Role) -> bool:
        """The poster has one of the roles everywhere, or where each thing named stands."""
        places = [self.place_of(line.unit) for line in event.lines]
        return self.has(poster, roles) or (bool(places) and all(self.has_at(poster.org, x, roles) for x in places))

    def supervises(self, org: int) -> bool:
        return any(p.supervised and p.operator == org for p in self.places.values())

    def offer_on(self, unit: Unit) -> Offer | None:
        """The offer that stands now, if any."""
        return unit.offer if unit.offer and self.now <= unit.offer.expiry else None

    def drop_expired(self, unit: Unit) -> None:
        unit.offer = self.offer_on(unit)

    def exists(self, identifier: bytes) -> bool:
        return identifier in self.units or identifier in self.lines

    def known(self, identifier: bytes, *, inside_too: bool = False) -> Unit:
        """A unit that exists, is not closed and (unless `inside_too`) not inside a container."""
        if identifier not in self.units:
            raise Refused(Outcome.WRONG_THING if identifier in self.lines else Outcome.UNKNOWN_UNIT)
        unit = self.units[identifier]
        require(unit.status is not UnitStatus.CLOSED, Outcome.TERMINAL_UNIT)
        require(inside_too or unit.inside == ZERO32, Outcome.INSIDE_CONTAINER)
        return unit

    def known_cargo(self, identifier: bytes, *, inside_too: bool = False) -> Unit:
        unit = self.known(identifier, inside_too=inside_too)
        require(unit.thing is not Thing.LOT, Outcome.WRONG_THING)
        return unit

    def known_lot(self, identifier: bytes, *, inside_too: bool = False) -> tuple[Unit, Lot]:
        unit = self.known(identifier, inside_too=inside_too)
        require(unit.thing is Thing.LOT, Outcome.WRONG_THING)
        return unit, self.lots[identifier]

    def box_of(self, unit: Unit) -> Unit:
        """What says where a thing is and who has it: its container, or itself."""
        return self.units[unit.inside] if unit.inside != ZERO32 else unit

    def contents(self, identifier: bytes) -> list[tuple[bytes, Unit]]:
        return [(k, x) for k, x in self.units.items() if x.inside == identifier and identifier != ZERO32]

    def is_held(self, unit: Unit, identifier: bytes = ZERO32) -> bool:
        """Itself, its container, or something inside it."""
        return bool(unit.holds or self.box_of(unit).holds or any(
            x.holds for _, x in self.contents(identifier)))

    def identifier_of(self, unit: Unit) -> bytes:
        return next(k for k, x in self.units.items() if x is unit)

    def held(self, unit: Unit) -> bool:
        return self.is_held(unit, self.identifier_of(unit))

    def unhindered(self, unit: Unit) -> None:
        require(not self.held(unit), Outcome.HELD)
        require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)

    def runs_place_of(self, poster: Poster, unit: Unit) -> bool:
        place = self.box_of(unit).facility
        return place in self.places and self.places[place].operator == poster.org

    def own_book(self, poster: Poster, book: int) -> Account:
        require(self.has(poster, Role.PROCESSOR), Outcome.ROLE_MISSING)
        require(book in self.books, Outcome.UNKNOWN_BOOK)
        require(self.books[book].owner == poster.org, Outcome.NOT_OWNER)
        return self.books[book]

    def working_lot(
        self, identifier: bytes, book: int, *, held_too: bool = False, inside_too: bool = False,
    ) -> Lot:
        """A lot of that book (0: any) that can be worked on."""
        unit, lot = self.known_lot(identifier, inside_too=inside_too)
        require(book in (0, lot.book), Outcome.WRONG_BOOK)
        require(held_too or not self.held(unit), Outcome.HELD)
        require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)
        require(not lot.is_empty, Outcome.EMPTY_LOT)
        return lot

    def usable_line(self, identifier: bytes, purposes: set[LineRole], declarant: int | None) -> Quota:
        require(identifier in self.lines, Outcome.UNKNOWN_REFERENCE)
        line = self.lines[identifier]
        require(line.purpose in purposes, Outcome.WRONG_PURPOSE)
        require(declarant in (None, line.declarant), Outcome.NOT_DECLARANT)
        require(line.status is not LineStatus.CANCELLED, Outcome.TERMINAL_UNIT)
        require(not line.holds, Outcome.HELD)
        require(line.status is LineStatus.CLEARED, Outcome.LINE_NOT_CLEARED)
        return line

    @staticmethod
    def enough(lot: Lot, balance: Balance, quantity: int) -> None:
        require(quantity > 0, Outcome.QUANTITY_ZERO)
        require(lot.amount(balance) >= quantity, Outcome.NOT_ENOUGH)

    def new_lot(self, line: Line) -> None:
        require(not self.exists(line.unit), Outcome.UNIT_EXISTS)
        require(line.quantity_micro > 0, Outcome.QUANTITY_ZERO)
        require(line.material != ZERO32, Outcome.WRONG_MATERIAL)

    def make_lot(self, identifier: bytes, custodian: int, lot: Lot, holds: set[int] | None = None) -> None:
        self.units[identifier] = Unit(Thing.LOT, custodian, holds=set(holds or ()))
        self.lots[identifier] = lot

    # ---- custody

    def _arrive(self, poster: Poster, event: CustodyEvent) -> None:
        require(event.facility in self.places, Outcome.UNKNOWN_FACILITY)
        place = self.places[event.facility]
        carrier = self.has_at(poster.org, event.facility, Role.CARRIER)
        require(carrier or place.operator == poster.org, Outcome.NOT_OPERATOR)
        for line in event.lines:
            require(not self.exists(line.unit), Outcome.UNIT_EXISTS)
            require(place.supervised or line.role is LineRole.EMPTY_CONTAINER, Outcome.FACILITY_NOT_SUPERVISED)
        for line in event.lines:
            self.units[line.unit] = Unit(
                Thing.CARGO if line.role is LineRole.CARGO else Thing.CONTAINER, poster.org,
                UnitStatus.SUPERVISED if place.supervised else UnitStatus.FREE, event.facility,
                empty=line.role is LineRole.EMPTY_CONTAINER)

    def _offer(self, poster: Poster, event: CustodyEvent) -> None:
        require(event.counterparty != poster.org, Outcome.SELF_OFFER)
        require(event.counterparty in self.orgs, Outcome.UNKNOWN_PARTICIPANT)
        supervises = self.supervises(event.counterparty)
        for line in event.lines:
            unit = self.known(line.unit)
            require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
            secure = supervises or self.has_at(event.counterparty, unit.facility, Role.CUSTOMS)
            require(secure or not self.held(unit), Outcome.HELD)
            require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)
            if unit.thing is Thing.LOT:
                lot = self.lots[line.unit]
                require(not lot.is_empty, Outcome.EMPTY_LOT)
                if line.quantity_micro:
                    require(lot.single is not None and lot.single is line.balance, Outcome.WRONG_BALANCE)
                    require(line.quantity_micro <= lot.amount(line.balance), Outcome.NOT_ENOUGH)
                    require(line.quantity_micro == lot.amount(line.balance), Outcome.NOT_CONSERVED)
        for line in event.lines:
            self.units[line.unit].offer = Offer(
                poster.event_id, event.counterparty, min(event.deadline_s, FOREVER_S))

    def _under(self, identifier: bytes, reference: bytes) -> Unit:
        """A unit that stands under exactly this offer, in time."""
        unit = self.known(identifier)
        if unit.offer is None:
            raise Refused(Outcome.NO_OPEN_OFFER)
        require(unit.offer.event[:9] == reference[:9], Outcome.OFFER_MISMATCH)
        require(self.now <= unit.offer.expiry, Outcome.OFFER_EXPIRED)
        return unit

    def _accept(self, poster: Poster, event: CustodyEvent) -> None:
        place = None
        if event.facility:
            require(event.facility in self.places, Outcome.UNKNOWN_FACILITY)
            place = self.places[event.facility]
        for line in event.lines:
            unit = self._under(line.unit, event.reference)
            require(unit.offer is not None and unit.offer.to == poster.org, Outcome.NOT_OFFEREE)
            require(unit.offer is not None and not unit.offer.transfer, Outcome.OFFER_MISMATCH)
            secure = self.supervises(poster.org) or self.has_at(poster.org, unit.facility, Role.CUSTOMS)
            require(secure or not self.held(unit), Outcome.HELD)
            if unit.status is UnitStatus.SUPERVISED and place:
                require(place.supervised, Outcome.FACILITY_NOT_SUPERVISED)
            if unit.thing is Thing.LOT and line.quantity_micro:
                lot = self.lots[line.unit]
                require(lot.single is not None and lot.single is line.balance, Outcome.WRONG_BALANCE)
                require(line.quantity_micro <= lot.amount(line.balance), Outcome.MORE_THAN_OFFERED)
                missing = lot.amount(line.balance) - line.quantity_micro
                require(lot.amount(Balance.SHORT) + missing <= QUANTITY_MICRO_MAX, Outcome.QUANTITY_OVERFLOW)
        for line in event.lines:
            unit = self.units[line.unit]
            unit.custodian, unit.offer = poster.org, None
            if unit.thing is not Thing.LOT:
                unit.facility = event.facility
                if unit.status is UnitStatus.FREE and place and place.supervised:
                    unit.status, unit.eligible = UnitStatus.SUPERVISED, False
                    assert not any(x.eligible for _, x in self.contents(line.unit))
            elif line.quantity_micro:
                amounts = self.lots[line.unit].amounts
                missing = amounts[line.balance] - line.quantity_micro
                amounts[line.balance] -= missing
                amounts[Balance.SHORT] = amounts.get(Balance.SHORT, 0) + missing

    def _refuse(self, poster: Poster, event: CustodyEvent) -> None:
        for line in event.lines:
            unit = self._under(line.unit, event.reference)
            require(unit.offer is not None and unit.offer.to == poster.org, Outcome.NOT_OFFEREE)
        for line in event.lines:
            self.units[line.unit].offer = None

    def _cancel(self, poster: Poster, event: CustodyEvent) -> None:
        if not event.lines:
            require(event.reference in self.pending, Outcome.NOT_PENDING)
            require(self.pending[event.reference].org == poster.org, Outcome.NOT_POSTER)
            del self.pending[event.reference]
            return
        for line in event.lines:
            unit = self._under(line.unit, event.reference)
            if unit.offer is not None and unit.offer.transfer:
                require(self.books[self.lots[line.unit].book].owner == poster.org, Outcome.NOT_OWNER)
            else:
                require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
        for line in event.lines:
            self.units[line.unit].offer = None

    def _holdable(self, identifier: bytes) -> Unit | Quota:
        if identifier in self.lines:
            require(self.lines[identifier].status is not LineStatus.CANCELLED, Outcome.TERMINAL_UNIT)
            return self.lines[identifier]
        unit = self.known(identifier, inside_too=True)
        if unit.thing is Thing.LOT:
            require(not self.lots[identifier].is_empty, Outcome.EMPTY_LOT)
        return unit

    def _hold_authority(self, poster: Poster, event: CustodyEvent) -> int:
        require(self.has_for(poster, event, Role.CUSTOMS | Role.AGENCY), Outcome.ROLE_MISSING)
        bit = self.orgs[poster.org].hold_bit
        require(bit != NO_HOLD, Outcome.NO_HOLD_AUTHORITY)
        return bit

    def _hold(self, poster: Poster, event: CustodyEvent) -> None:
        bit = self._hold_authority(poster, event)
        for found in [self._holdable(line.unit) for line in event.lines]:
            found.holds.add(bit)
            if isinstance(found, Unit):
                self.drop_expired(found)

    def _unhold(self, poster: Poster, event: CustodyEvent) -> None:
        bit = self._hold_authority(poster, event)
        all_found = []
        for line in event.lines:
            found = self._holdable(line.unit)
            require(bit in found.holds, Outcome.NOT_HELD)
            all_found.append(found)
        for found in all_found:
            found.holds.discard(bit)
            if isinstance(found, Unit):
                self.drop_expired(found)

    def _set_eligible(self, poster: Poster, event: CustodyEvent, value: bool) -> None:
        require(self.has_for(poster, event, Role.CUSTOMS), Outcome.ROLE_MISSING)
        for line in event.lines:
            unit = self.known_cargo(line.unit, inside_too=True)
            require(not (value and self.held(unit)), Outcome.HELD)
            require(self.box_of(unit).status is UnitStatus.SUPERVISED, Outcome.NOT_SUPERVISED)
        for line in event.lines:
            self.units[line.unit].eligible = value
            self.drop_expired(self.units[line.unit])

    def _eligible(self, poster: Poster, event: CustodyEvent) -> None:
        self._set_eligible(poster, event, True)

    def _revoke(self, poster: Poster, event: CustodyEvent) -> None:
        self._set_eligible(poster, event, False)

    def _gate_out(self, poster: Poster, event: CustodyEvent) -> None:
        for line in event.lines:
            unit = self.known_cargo(line.unit)
            require(poster.org == unit.custodian or self.runs_place_of(poster, unit), Outcome.NOT_CUSTODIAN)
            self.unhindered(unit)
            require(unit.status is UnitStatus.SUPERVISED, Outcome.NOT_SUPERVISED)
            require(unit.eligible, Outcome.NOT_ELIGIBLE)
            cargo = [x for _, x in self.contents(line.unit) if x.thing is Thing.CARGO]
            require(all(x.eligible for x in cargo), Outcome.NOT_ELIGIBLE)
        for line in event.lines:
            unit = self.units[line.unit]
            unit.status = UnitStatus.FREE
            self._use_up(line.unit)
            self.drop_expired(unit)

    def _use_up(self, identifier: bytes) -> None:
        """Eligibility of a unit and of all cargo inside it is used up."""
        for unit in [self.units[identifier], *(x for _, x in self.contents(identifier))]:
            unit.eligible = False

    def _close(self, poster: Poster, event: CustodyEvent) -> None:
        lots = [x.unit for x in event.lines if x.role is LineRole.INPUT]
        boxes = [x.unit for x in event.lines if x.role is not LineRole.INPUT]
        require(bool(boxes), Outcome.LINES_MISSING)
        require(not lots or len(boxes) == 1, Outcome.FIELD_NOT_ALLOWED)
        for box in boxes:
            unit = self.known_cargo(box)
            require(poster.org == unit.custodian or self.runs_place_of(poster, unit), Outcome.NOT_CUSTODIAN)
            self.unhindered(unit)
            require(len(self.contents(box)) == len(lots), Outcome.NOT_EMPTY)
            require(unit.status is not UnitStatus.SUPERVISED or bool(lots), Outcome.NOT_FREE)
        for lot in lots:
            unit = self.known(lot, inside_too=True)
            require(unit.inside == boxes[0], Outcome.NOT_INSIDE)
            require(unit.thing is Thing.LOT and self.lots[lot].is_empty, Outcome.NOT_EMPTY)
        for lot in lots:
            self._take_out_of(lot)
        for box in boxes:
            self.units[box].status = UnitStatus.CLOSED
            self.drop_expired(self.units[box])

    # ---- inside

    def _open_box(self, poster: Poster, identifier: bytes) -> Unit:
        unit = self.known(identifier)
        require(unit.thing is Thing.CONTAINER, Outcome.WRONG_THING)
        require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
        require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)
        return unit

    def _box_and_others(self, event: CustodyEvent) -> tuple[bytes, list[Line]]:
        boxes = [x for x in event.lines if x.role is LineRole.CONTAINER]
        others = [x for x in event.lines if x.role is not LineRole.CONTAINER]
        require(bool(boxes and others), Outcome.LINES_MISSING)
        require(len(boxes) == 1, Outcome.FIELD_NOT_ALLOWED)
        return boxes[0].unit, others

    def _stuff(self, poster: Poster, event: CustodyEvent) -> None:
        identifier, things = self._box_and_others(event)
        box = self._open_box(poster, identifier)
        require(not self.is_held(box, identifier), Outcome.HELD)
        for line in things:
            unit = self.known(line.unit)
            require(unit.thing is not Thing.CONTAINER, Outcome.WRONG_THING)
            require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
            self.unhindered(unit)
            if unit.thing is Thing.LOT:
                require(not self.lots[line.unit].is_empty, Outcome.EMPTY_LOT)
                require(box.empty or box.status is not UnitStatus.SUPERVISED, Outcome.NOT_EMPTY)
            else:
                same = (unit.facility, unit.status) == (box.facility, box.status)
                require(same, Outcome.NOT_TOGETHER)
        for line in things:
            unit = self.units[line.unit]
            unit.inside, unit.offer = identifier, None
            unit.custodian, unit.facility, unit.status = 0, 0, UnitStatus.NONE  # its container's from now on
        box.offer = None

    def _take_out_of(self, identifier: bytes) -> None:
        """Out of its container, where that stands, with the holds that it shared."""
        unit = self.units[identifier]
        box = self.box_of(unit)
        unit.inside, unit.custodian = ZERO32, box.custodian
        if unit.thing is not Thing.LOT:
            unit.facility, unit.status = box.facility, box.status
        if unit.thing is not Thing.LOT or not self.lots[identifier].is_empty:
            unit.holds |= box.holds
        box.offer = None

    def _strip(self, poster: Poster, event: CustodyEvent) -> None:
        identifier, others = self._box_and_others(event)
        require(len({x.role for x in others}) == 1, Outcome.FIELD_NOT_ALLOWED)
        box = self._open_box(poster, identifier)
        if others[0].role is LineRole.INPUT:
            for line in others:
                require(self.known(line.unit, inside_too=True).inside == identifier, Outcome.NOT_INSIDE)
            for line in others:
                self._take_out_of(line.unit)
            return
        require(not box.empty, Outcome.NOTHING_TO_STRIP)
        require(not self.contents(identifier), Outcome.NOT_EMPTY)
        for line in others:
            require(not self.exists(line.unit), Outcome.UNIT_EXISTS)
        for line in others:
            self.units[line.unit] = Unit(
                Thing.CARGO, box.custodian, box.status, box.facility, holds=set(box.holds))
        box.status, box.eligible, box.empty, box.offer = UnitStatus.STRIPPED, False, True, None

    # ---- declaration lines

    def _declare(self, poster: Poster, event: CustodyEvent) -> None:
        customs = self.has(poster, Role.CUSTOMS)
        if event.lines and event.step is Step.NORM:
            self._declare_norm(poster, event)
            return
        if not event.lines:
            anchors = (Step.MANIFEST, Step.NORM, Step.CONTRACT, Step.DOCUMENT)
            require(event.step in anchors, Outcome.LINES_MISSING)
            if event.book:
                require(event.book in self.books, Outcome.UNKNOWN_BOOK)
                require(customs or self.books[event.book].owner == poster.org, Outcome.NOT_OWNER)
            return
        require(customs or not event.counterparty, Outcome.ROLE_MISSING)
        said = event.lines[0]
        line = self.lines.get(said.unit)
        if line is None:
            require(said.unit not in self.units, Outcome.WRONG_THING)
            require(said.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            require(said.material != ZERO32, Outcome.WRONG_MATERIAL)
        else:
            require(customs or line.declarant == poster.org, Outcome.NOT_DECLARANT)
            require(line.status is not LineStatus.CANCELLED, Outcome.TERMINAL_UNIT)
            require(not line.holds, Outcome.HELD)
            require(customs or line.status is LineStatus.REGISTERED, Outcome.LINE_NOT_REGISTERED)
            require(said.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            require(said.quantity_micro >= line.drawn, Outcome.BELOW_DRAWN)
            if line.drawn:
                require((said.role, event.reference) == (line.purpose, line.original), Outcome.WRONG_PURPOSE)
                require(said.material in (ZERO32, line.material), Outcome.WRONG_MATERIAL)
        if event.counterparty:
            require(event.counterparty in self.orgs, Outcome.UNKNOWN_PARTICIPANT)
        if said.role is not LineRole.CHANGE_OF_PURPOSE:
            require(event.reference == ZERO32, Outcome.FIELD_NOT_ALLOWED)
        else:
            require(event.reference in self.lines and event.reference != said.unit, Outcome.UNKNOWN_REFERENCE)
            require(self.lines[event.reference].status is not LineStatus.CANCELLED, Outcome.TERMINAL_UNIT)
            require(not self.lines[event.reference].holds, Outcome.HELD)
        if line is None:
            self.lines[said.unit] = Quota(
                event.counterparty or poster.org, said.role, LineStatus.REGISTERED, said.material, event.reference,
                poster.event_id, said.quantity_micro)
            return
        line.declarant = event.counterparty or line.declarant
        line.purpose, line.quantity, line.original = said.role, said.quantity_micro, event.reference
        line.version = poster.event_id
        if said.material != ZERO32:
            line.material = said.material

    def _clear(self, poster: Poster, event: CustodyEvent) -> None:
        require(self.has(poster, Role.CUSTOMS), Outcome.ROLE_MISSING)
        identifier = event.lines[0].unit
        if identifier not in self.lines:
            raise Refused(Outcome.WRONG_THING if identifier in self.units else Outcome.UNKNOWN_UNIT)
        line = self.lines[identifier]
        require(line.status is not LineStatus.CANCELLED, Outcome.TERMINAL_UNIT)
        require(not line.holds, Outcome.HELD)
        cancel = event.step is Step.LINE_CANCELLED
        require(cancel or line.status is LineStatus.REGISTERED, Outcome.LINE_NOT_REGISTERED)
        require(not (cancel and line.drawn), Outcome.LINE_DRAWN)
        require(line.version == event.reference, Outcome.WRONG_VERSION)
        line.status = LineStatus.CANCELLED if cancel else LineStatus.CLEARED

    # ---- into a book

    def _check_opening(self, poster: Poster, event: CustodyEvent) -> None:
        require(self.own_book(poster, event.book).opening_open, Outcome.OPENING_CLOSED)
        for line in event.lines:
            self.new_lot(line)

    def _pending_kind(self, poster: Poster, event: CustodyEvent) -> Callable[[], None]:
        """Every check of a kind that may have to wait for approval; what it does once approved."""
        if event.kind is Kind.OPENING:
            self._check_opening(poster, event)
            return lambda: self._open(poster, event)
        if event.kind is Kind.DESTROY:
            self.own_book(poster, event.book)
            for line in event.lines:
                self.enough(self.working_lot(line.unit, event.book), line.balance, line.quantity_micro)
            return lambda: self._destroy(event)
        if event.kind is Kind.ADJUST:
            self._check_adjust(poster, event)
            return lambda: self._adjust(event)
        self._check_reassign(poster, event)
        return lambda: self._reassign(event)

    def _open(self, owner: Poster, event: CustodyEvent) -> None:
        origins = {LineRole.IMPORTED: Origin.IMPORTED, LineRole.DOMESTIC: Origin.DOMESTIC, LineRole.OWN: Origin.OWN}
        for line in event.lines:
            self.make_lot(line.unit, owner.org, Lot(
                line.material, event.book, origins[line.role], ZERO32, {line.balance: line.quantity_micro}))

    def _destroy(self, event: CustodyEvent) -> None:
        for line in event.lines:
            self.lots[line.unit].amounts[line.balance] -= line.quantity_micro

    @staticmethod
    def _adjust_key(event: CustodyEvent, line: Line) -> tuple[bytes, bytes, Balance]:
        short = line.role is LineRole.FROM_SHORT or line.balance is Balance.SHORT
        return event.reference, line.unit, Balance.SHORT if short else line.balance

    def _check_adjust(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        counted = self.counts.get(event.reference)
        require(counted is not None or event.reference in self.corrected, Outcome.UNKNOWN_REFERENCE)
        require(counted in (None, event.book), Outcome.WRONG_BOOK)
        for line in event.lines:
            unit, lot = self.known_lot(line.unit)
            require(lot.book == event.book, Outcome.WRONG_BOOK)
            self.unhindered(unit)
            require(self._adjust_key(event, line) not in self.adjusted, Outcome.ALREADY_ADJUSTED)
            require(line.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            if line.role is LineRole.INPUT:
                require(lot.amount(line.balance) >= line.quantity_micro, Outcome.NOT_ENOUGH)
                continue
            if line.role is LineRole.FROM_SHORT:
                require(lot.amount(Balance.SHORT) >= line.quantity_micro, Outcome.NOT_ENOUGH)
            fits = lot.amount(line.balance) + line.quantity_micro <= QUANTITY_MICRO_MAX
            require(fits, Outcome.QUANTITY_OVERFLOW)

    def _adjust(self, event: CustodyEvent) -> None:
        for line in event.lines:
            lot, q = self.lots[line.unit], line.quantity_micro
            if line.role is LineRole.FROM_SHORT:
                lot.amounts[Balance.SHORT] -= q
            lot.amounts[line.balance] = lot.amount(line.balance) + (-q if line.role is LineRole.INPUT else q)
            self.adjusted.add(self._adjust_key(event, line))

    def _check_reassign(self, poster: Poster, event: CustodyEvent) -> None:
        require(self.has(poster, Role.CUSTOMS), Outcome.ROLE_MISSING)
        require(event.reference in self.corrected, Outcome.UNKNOWN_REFERENCE)
        to, place = event.counterparty, event.facility
        require(not to or to in self.orgs, Outcome.UNKNOWN_PARTICIPANT)
        require(not place or place in self.places, Outcome.UNKNOWN_FACILITY)
        secure = not to or bool(self.orgs[to].roles & Role.CUSTOMS) or self.supervises(to)
        for line in event.lines:
            unit = self.known(line.unit)
            moved = bool(place) or line.role is not LineRole.NONE
            require(unit.thing is not Thing.LOT or not moved, Outcome.WRONG_THING)
            if self.is_held(unit, line.unit):
                require(line.role is not LineRole.FREE and secure, Outcome.HELD)
            becomes = {LineRole.NONE: unit.status, LineRole.FREE: UnitStatus.FREE}.get(
                line.role, UnitStatus.SUPERVISED)
            stands = place or unit.facility
            if becomes is UnitStatus.SUPERVISED and stands:
                require(self.places[stands].supervised, Outcome.FACILITY_NOT_SUPERVISED)

    def _reassign(self, event: CustodyEvent) -> None:
        for line in event.lines:
            unit = self.units[line.unit]
            unit.offer = None
            unit.custodian = event.counterparty or unit.custodian
            unit.facility = event.facility or unit.facility
            if line.role is not LineRole.NONE:
                unit.status = UnitStatus.FREE if line.role is LineRole.FREE else UnitStatus.SUPERVISED
                self._use_up(line.unit)

    def _approve(self, poster: Poster, event: CustodyEvent) -> None:
        require(self.has(poster, Role.CUSTOMS), Outcome.ROLE_MISSING)
        require(event.reference in self.pending, Outcome.NOT_PENDING)
        waiting = self.pending[event.reference]
        second = waiting.signer != poster.signer if waiting.kind is Kind.REASSIGN else waiting.org != poster.org
        require(second, Outcome.OWN_EVENT)
        del self.pending[event.reference]  # executed or failed, it is over
        require(not self.keys[waiting.signer].revoked, Outcome.SIGNER_REVOKED)
        require(not self.orgs[waiting.org].suspended, Outcome.PARTICIPANT_SUSPENDED)
        self._pending_kind(Poster(event.reference, waiting.org, waiting.signer), waiting.event)()

    def _deny(self, poster: Poster, event: CustodyEvent) -> None:
        require(self.has(poster, Role.CUSTOMS), Outcome.ROLE_MISSING)
        require(event.reference in self.pending, Outcome.NOT_PENDING)
        del self.pending[event.reference]

    def _correct(
        self, poster: Poster, event: CustodyEvent, shown: tuple[CustodyEvent, bytes | None] | None,
    ) -> None:
        assert shown is not None
        if event.lines:
            same = [x.unit for x in event.lines] == [x.unit for x in shown[0].lines]
            require(same, Outcome.UNITS_DIFFER)
        self.corrected.add(event.reference)

    def _receive_factory(self, poster: Poster, event: CustodyEvent) -> None:
        made = [x for x in event.lines if x.role is LineRole.OUTPUT]
        vehicles = [x for x in event.lines if x.role is not LineRole.OUTPUT]
        require(len(made) >= 1, Outcome.LINES_MISSING)
        require(len(made) == 1, Outcome.FIELD_NOT_ALLOWED)
        account = self.own_book(poster, event.book)
        line = self.usable_line(event.reference, {LineRole.RECEIVE}, poster.org)
        require(bool(vehicles) or not account.options & BookOption.NAME_CONTAINER, Outcome.LINES_MISSING)
        for vehicle in vehicles:
            unit = self.known(vehicle.unit)
            thing = Thing.CONTAINER if vehicle.role is LineRole.CONTAINER else Thing.CARGO
            require(unit.thing is thing, Outcome.WRONG_THING)
            require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
            self.unhindered(unit)
            require(unit.status is UnitStatus.FREE, Outcome.NOT_FREE)
        self.new_lot(made[0])
        require(made[0].material == line.material, Outcome.WRONG_MATERIAL)
        require(line.drawn + made[0].quantity_micro <= line.quantity, Outcome.LINE_EXCEEDED)
        line.drawn += made[0].quantity_micro
        self.make_lot(made[0].unit, poster.org, Lot(
            line.material, event.book, Origin.IMPORTED, event.reference, {Balance.RAW: made[0].quantity_micro}))

    def _receive_domestic(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        for line in event.lines:
            self.new_lot(line)
        for line in event.lines:
            self.make_lot(line.unit, poster.org, Lot(
                line.material, event.book, Origin.DOMESTIC, ZERO32, {Balance.RAW: line.quantity_micro}))

    def _count(self, poster: Poster, event: CustodyEvent) -> None:
        require(event.book in self.books, Outcome.UNKNOWN_BOOK)
        owner = self.books[event.book].owner == poster.org and self.has(poster, Role.PROCESSOR)
        require(owner or self.has_for(poster, event, Role.CUSTOMS), Outcome.NOT_OWNER)
        for line in event.lines:
            if line.unit == ZERO32:
                continue
            _, lot = self.known_lot(line.unit, inside_too=True)
            require(lot.book == event.book, Outcome.WRONG_BOOK)
            require(line.balance is not Balance.NONE, Outcome.WRONG_BALANCE)
        self.counts[poster.event_id] = event.book

    # ---- inside a book

    def _keeper(self, poster: Poster, unit: Unit, lot: Lot) -> None:
        keeps = poster.org in (unit.custodian, self.books[lot.book].owner)
        require(keeps, Outcome.NOT_OWNER)
        require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)

    def _split(self, poster: Poster, event: CustodyEvent) -> None:
        parents = [x for x in event.lines if x.role is LineRole.INPUT]
        outputs = [x for x in event.lines if x.role is LineRole.OUTPUT]
        require(bool(parents and outputs), Outcome.LINES_MISSING)
        require(len(parents) == 1, Outcome.FIELD_NOT_ALLOWED)
        unit = self.known(parents[0].unit)
        require(unit.thing is not Thing.CONTAINER, Outcome.WRONG_THING)
        if unit.thing is Thing.CARGO:
            require(unit.custodian == poster.org, Outcome.NOT_CUSTODIAN)
            require(self.offer_on(unit) is None, Outcome.UNDER_OFFER)
            for line in outputs:
                require(not self.exists(line.unit), Outcome.UNIT_EXISTS)
                require(line.balance is Balance.NONE, Outcome.WRONG_BALANCE)
                require(line.quantity_micro == 0, Outcome.FIELD_NOT_ALLOWED)
            for line in outputs:
                self.units[line.unit] = replace(unit, eligible=False, holds=set(unit.holds), offer=None)
            return
        lot = self.lots[parents[0].unit]
        self._keeper(poster, unit, lot)
        require(not lot.is_empty, Outcome.EMPTY_LOT)
        require(lot.loaded_total == 0, Outcome.NOT_EMPTY)
        rest = dict(lot.amounts)
        for line in outputs:
            require(not self.exists(line.unit), Outcome.UNIT_EXISTS)
            require(line.balance is not Balance.NONE, Outcome.WRONG_BALANCE)
            require(line.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            require(line.quantity_micro <= rest.get(line.balance, 0), Outcome.NOT_ENOUGH)
            rest[line.balance] -= line.quantity_micro
        lot.amounts = rest
        for line in outputs:
            made = Lot(lot.material, lot.book, lot.origin, lot.source, {line.balance: line.quantity_micro})
            self.make_lot(line.unit, unit.custodian, made, unit.holds)

    def _merge(self, poster: Poster, event: CustodyEvent) -> None:
        inputs = [x for x in event.lines if x.role is LineRole.INPUT]
        outputs = [x for x in event.lines if x.role is LineRole.OUTPUT]
        require(bool(inputs and outputs), Outcome.LINES_MISSING)
        require(len(outputs) == 1, Outcome.FIELD_NOT_ALLOWED)
        target = outputs[0].unit

        def likeness(identifier: bytes) -> tuple[object, ...]:
            if identifier not in self.lots:
                return ()
            x = self.lots[identifier]
            return x.material, x.book, x.origin, x.source, self.units[identifier].custodian

        first = likeness(inputs[0].unit)
        total: dict[Balance, int] = {}
        holds: set[int] = set()
        for line in event.lines:
            if line.unit == target and not self.exists(target):
                continue
            unit, lot = self.known_lot(line.unit)
            self._keeper(poster, unit, lot)
            require(line.unit == target or not lot.is_empty, Outcome.EMPTY_LOT)
            require(lot.loaded_total == 0, Outcome.NOT_EMPTY)
            require(likeness(line.unit) == first, Outcome.UNLIKE_LOTS)
            holds |= unit.holds
            for balance, quantity in lot.amounts.items():
                total[balance] = total.get(balance, 0) + quantity
        require(all(q <= QUANTITY_MICRO_MAX for q in total.values()), Outcome.QUANTITY_OVERFLOW)
        like = self.lots[inputs[0].unit]
        if target not in self.units:
            self.make_lot(target, self.units[inputs[0].unit].custodian, Lot(
                like.material, like.book, like.origin, like.source, {}))
        self.lots[target].amounts = total
        if self.units[target].holds != holds:
            self.units[target].holds = holds
            self.drop_expired(self.units[target])
        for line in inputs:
            self.lots[line.unit].amounts = {}

    def _move(self, poster: Poster, event: CustodyEvent, source: Balance, to: Balance) -> None:
        self.own_book(poster, event.book)
        for line in event.lines:
            lot = self.working_lot(line.unit, event.book, held_too=event.kind is Kind.RETURN_PROD)
            self.enough(lot, source, line.quantity_micro)
            require(lot.amount(to) + line.quantity_micro <= QUANTITY_MICRO_MAX, Outcome.QUANTITY_OVERFLOW)
        for line in event.lines:
            amounts = self.lots[line.unit].amounts
            amounts[source] -= line.quantity_micro
            amounts[to] = amounts.get(to, 0) + line.quantity_micro

    def _issue(self, poster: Poster, event: CustodyEvent) -> None:
        self._move(poster, event, Balance.RAW, Balance.WIP)

    def _return(self, poster: Poster, event: CustodyEvent) -> None:
        self._move(poster, event, Balance.WIP, Balance.RAW)

    def _transform(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        inputs = [x for x in event.lines if x.role is LineRole.INPUT]
        made = [x for x in event.lines if x.role is not LineRole.INPUT]
        materials = {self.lots[x.unit].material for x in inputs if x.unit in self.lots}
        custodian = None
        for line in event.lines:
            if line in made:
                self.new_lot(line)
                require(line.role is LineRole.SCRAP or line.material not in materials, Outcome.WRONG_MATERIAL)
                continue
            lot = self.working_lot(line.unit, event.book)
            self.enough(lot, Balance.WIP, line.quantity_micro)
            keeper = self.units[line.unit].custodian
            require(custodian in (None, keeper), Outcome.UNLIKE_LOTS)
            custodian = keeper
        require(bool(inputs and made), Outcome.LINES_MISSING)
        self._check_norm(event, inputs, made)
        for line in inputs:
            self.lots[line.unit].amounts[Balance.WIP] -= line.quantity_micro
        becomes = {LineRole.PRODUCT: Balance.FINISHED, LineRole.CO_PRODUCT: Balance.FINISHED,
                   LineRole.SEMI_FINISHED: Balance.RAW, LineRole.SCRAP: Balance.SCRAP}
        assert custodian is not None
        for line in made:
            self.make_lot(line.unit, custodian, Lot(
                line.material, event.book, Origin.OWN, ZERO32, {becomes[line.role]: line.quantity_micro}))

    # ---- out of a book

    def _export_load(self, poster: Poster, event: CustodyEvent) -> None:
        self._load(poster, event, LineRole.EXPORT, Balance.FINISHED)

    def _reexport(self, poster: Poster, event: CustodyEvent) -> None:
        self._load(poster, event, LineRole.RE_EXPORT, Balance.RAW)

    def _load(self, poster: Poster, event: CustodyEvent, purpose: LineRole, balance: Balance) -> None:
        export = purpose is LineRole.EXPORT
        total = 0
        for line in event.lines:
            unit, lot = self.known_lot(line.unit, inside_too=export)
            owner = self.books[lot.book].owner
            keepers = (owner, self.box_of(unit).custodian) if export else (owner,)
            require(poster.org in keepers, Outcome.NOT_OWNER)
            quota = self.usable_line(event.reference, {purpose}, owner)
            self.working_lot(line.unit, 0, inside_too=export)
            require(lot.material == quota.material, Outcome.WRONG_MATERIAL)
            self.enough(lot, balance, line.quantity_micro)
            fits = lot.loaded_total + line.quantity_micro <= QUANTITY_MICRO_MAX
            require(fits, Outcome.QUANTITY_OVERFLOW)
            total += line.quantity_micro
        quota = self.lines[event.reference]
        require(quota.drawn + total <= quota.quantity, Outcome.LINE_EXCEEDED)
        quota.drawn += total
        for line in event.lines:
            lot = self.lots[line.unit]
            lot.amounts[balance] -= line.quantity_micro
            lot.loaded[event.reference] = lot.loaded.get(event.reference, 0) + line.quantity_micro

    def _exit_confirm(self, poster: Poster, event: CustodyEvent) -> None:
        customs = self.has_for(poster, event, Role.CUSTOMS)
        for line in () if customs else event.lines:
            there = self.units.get(line.unit)
            require(there is not None and there.inside != ZERO32, Outcome.ROLE_MISSING)
            place = self.places.get(self.place_of(line.unit))
            may = place is not None and place.supervised and place.operator == poster.org
            require(may, Outcome.NOT_OPERATOR)
        quota = self.usable_line(event.reference, {LineRole.EXPORT, LineRole.RE_EXPORT}, None)
        for line in event.lines:
            lot = self.working_lot(line.unit, 0, inside_too=True)
            require(line.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            require(line.quantity_micro <= lot.loaded.get(event.reference, 0), Outcome.NOT_ENOUGH)
        for line in event.lines:
            self.lots[line.unit].loaded[event.reference] -= line.quantity_micro
            quota.exited += line.quantity_micro

    def _take_out(self, poster: Poster, event: CustodyEvent, must_cite: Callable[[Lot, Line], bool]) -> None:
        quota = None
        if event.reference != ZERO32:
            quota = self.usable_line(event.reference, {LineRole.CHANGE_OF_PURPOSE}, poster.org)
        total = 0
        for line in event.lines:
            lot = self.working_lot(line.unit, event.book)
            if quota:
                require(lot.source in (ZERO32, quota.original), Outcome.WRONG_PURPOSE)
                require(lot.material == quota.material, Outcome.WRONG_MATERIAL)
            else:
                require(not must_cite(lot, line), Outcome.UNKNOWN_REFERENCE)
            self.enough(lot, line.balance, line.quantity_micro)
            total += line.quantity_micro
        if quota:
            require(quota.drawn + total <= quota.quantity, Outcome.LINE_EXCEEDED)
            quota.drawn += total
        for line in event.lines:
            self.lots[line.unit].amounts[line.balance] -= line.quantity_micro

    def _leave(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        self._take_out(
            poster, event, lambda lot, line: not (line.balance is Balance.RAW and lot.origin is Origin.DOMESTIC))

    def _scrap_out(self, poster: Poster, event: CustodyEvent) -> None:
        needs = bool(self.own_book(poster, event.book).options & BookOption.LINE_FOR_SCRAP)
        # Scrap is never raw, so where the book asks for a line every lot needs one.
        self._take_out(poster, event, lambda lot, line: needs)

    def _unload(self, poster: Poster, event: CustodyEvent) -> None:
        require(event.reference in self.lines, Outcome.UNKNOWN_REFERENCE)
        quota = self.lines[event.reference]
        require(quota.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT), Outcome.WRONG_PURPOSE)
        back = Balance.FINISHED if quota.purpose is LineRole.EXPORT else Balance.RAW
        for line in event.lines:
            _, lot = self.known_lot(line.unit, inside_too=True)
            mine = self.books[lot.book].owner == poster.org or self.has_for(poster, event, Role.CUSTOMS)
            require(mine, Outcome.NOT_OWNER)
            self.working_lot(line.unit, 0, held_too=True, inside_too=True)
            require(line.quantity_micro > 0, Outcome.QUANTITY_ZERO)
            require(line.quantity_micro <= lot.loaded.get(event.reference, 0), Outcome.NOT_ENOUGH)
            require(lot.amount(back) + line.quantity_micro <= QUANTITY_MICRO_MAX, Outcome.QUANTITY_OVERFLOW)
        for line in event.lines:
            lot = self.lots[line.unit]
            lot.loaded[event.reference] -= line.quantity_micro
            lot.amounts[back] = lot.amount(back) + line.quantity_micro
            quota.drawn -= line.quantity_micro

    def _come_back(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        quota = self.usable_line(event.reference, {LineRole.EXPORT}, poster.org)
        line = event.lines[0]
        self.new_lot(line)
        require(line.material == quota.material, Outcome.WRONG_MATERIAL)
        require(line.quantity_micro <= quota.exited - quota.returned, Outcome.LINE_EXCEEDED)
        quota.returned += line.quantity_micro
        self.make_lot(line.unit, poster.org, Lot(
            line.material, event.book, Origin.OWN, event.reference, {Balance.FINISHED: line.quantity_micro}))

    # ---- between books

    def _transfer(self, poster: Poster, event: CustodyEvent) -> None:
        self.own_book(poster, event.book)
        require(event.counterparty in self.orgs, Outcome.UNKNOWN_PARTICIPANT)
        quota = self.usable_line(event.reference, {LineRole.TRANSFER_OUT}, poster.org)
        line = event.lines[0]
        lot = self.working_lot(line.unit, event.book)
        require(lot.material == quota.material, Outcome.WRONG_MATERIAL)
        self.enough(lot, Balance.RAW, line.quantity_micro)
        require(quota.drawn + line.quantity_micro <= quota.quantity, Outcome.LINE_EXCEEDED)
        self.units[line.unit].offer = Offer(
            poster.event_id, event.counterparty, min(event.deadline_s, FOREVER_S), transfer=True)

    def _accept_transfer(self, poster: Poster, event: CustodyEvent, offered: CustodyEvent) -> None:
        by_role = {x.role: x for x in event.lines}
        require(len(by_role) == 4, Outcome.LINES_MISSING)
        lot_line, made = by_role[LineRole.INPUT], by_role[LineRole.OUTPUT]
        into, out_of = by_role[LineRole.TRANSFER_IN].unit, by_role[LineRole.TRANSFER_OUT].unit
        self.own_book(poster, event.book)
        right = offered.kind is Kind.TRANSFER and len(offered.lines) == 1
        require(right, Outcome.OFFER_MISMATCH)
        same = (offered.lines[0].unit, offered.reference) == (lot_line.unit, out_of)
        require(same, Outcome.OFFER_MISMATCH)
        require(offered.book != event.book, Outcome.WRONG_BOOK)
        q = offered.lines[0].quantity_micro
        unit = self._under(lot_line.unit, event.reference)
        require(unit.offer is not None and unit.offer.to == poster.org, Outcome.NOT_OFFEREE)
        secure = self.has(poster, Role.CUSTOMS) or self.supervises(poster.org)
        require(secure or not self.held(unit), Outcome.HELD)
        lot, giver = self.lots[lot_line.unit], self.books[offered.book].owner
        left = self.usable_line(out_of, {LineRole.TRANSFER_OUT}, giver)
        require(lot.material == left.material, Outcome.WRONG_MATERIAL)
        self.enough(lot, Balance.RAW, q)
        entered = self.usable_line(into, {LineRole.TRANSFER_IN}, poster.org)
        self.new_lot(made)
        require(made.material == entered.material, Outcome.WRONG_MATERIAL)
        require(made.quantity_micro == q, Outcome.NOT_CONSERVED)
        for quota in (left, entered):
            require(quota.drawn + q <= quota.quantity, Outcome.LINE_EXCEEDED)
        left.drawn += q
        entered.drawn += q
        left.exited += q
        lot.amounts[Balance.RAW] -= q
        unit.offer = None
        self.make_lot(made.unit, poster.org if unit.custodian == giver else unit.custodian, Lot(
            made.material, event.book, lot.origin, lot.source, {Balance.RAW: q}), unit.holds)

    # ---- norms

    def _declare_norm(self, poster: Poster, event: CustodyEvent) -> None:
        require(event.book in self.books, Outcome.UNKNOWN_BOOK)
        mine = self.books[event.book].owner == poster.org or self.has(poster, Role.CUSTOMS)
        require(mine, Outcome.NOT_OWNER)
        terms = int.from_bytes(event.reference, "big")
        tolerance, first, last = terms & 0xFFFFFFFF, terms >> 32 & (2**64 - 1), terms >> 96 & (2**64 - 1)
        require(terms < 2**160 and tolerance <= 10**6 and first <= last, Outcome.FIELD_NOT_ALLOWED)
        require(all(x.quantity_micro for x in event.lines), Outcome.QUANTITY_ZERO)
        products = [x for x in event.lines if x.role is LineRole.PRODUCT]
        require(0 < len(products) < len(event.lines), Outcome.LINES_MISSING)
        require(len(products) == 1, Outcome.FIELD_NOT_ALLOWED)
        materials = {x.unit: x.quantity_micro for x in event.lines if x.role is LineRole.INPUT}
        self.norms[poster.event_id] = Norm(
            event.book, products[0].unit, products[0].quantity_micro, materials, tolerance, first, last)

    def _check_norm(self, event: CustodyEvent, inputs: list[Line], made: list[Line]) -> None:
        """A norm allows what it names, of its product, in its time and book, and of everything else nothing."""
        strict = self.books[event.book].options & BookOption.STRICT_NORMS
        norm = self.norms.get(event.reference)
        if norm is None:
            require(not strict, Outcome.NO_NORM)
            return
        when = event.occurred_at_ms // 1000
        applies = norm.book == event.book and norm.valid_from <= when <= norm.valid_until
        products = sum(x.quantity_micro for x in made
                       if x.role is not LineRole.SCRAP and x.material == norm.product)
        require(not strict or (applies and products > 0), Outcome.NO_NORM)
        used: dict[bytes, int] = {}
        for line in inputs:
            material = self.lots[line.unit].material
            used[material] = used.get(material, 0) + line.quantity_micro
        for material, quantity in used.items():
            share = Fraction(norm.materials.get(material, 0), norm.base) * Fraction(
                10**6 + norm.tolerance_micro, 10**6)
            allowed = math.floor(share * products) if applies else 0
            if quantity > allowed:
                require(not strict, Outcome.NORM_EXCEEDED)
                self.exceeded.append((material, allowed, quantity))
