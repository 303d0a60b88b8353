"""One payload: opened, checked against its commitment and against the lines that were signed, then made rows.

Not a field of a payload becomes a row before three things hold: its content opens the commitment on the
ledger, the participant whose key signed the event submitted it, and its meaning, interpreted again here, is
what was signed. What fails is kept as a fault; the content with it only where it is proven to be of the
participant that signed. Nothing here asks the network;
`opening` does the fetching.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from indexer.models import (
    MISMATCH,
    OPEN,
    SEALED,
    ZERO_ID,
    CountEntry,
    DeclarationLine,
    Event,
    Material,
    Norm,
    UnitName,
)
from indexer.readings import project_readings
from indexer.store import Row, Rows
from ledger.directory import Directory
from ledger.errors import InvariantError, NotFoundError, TrustError
from ledger.events.content import Declaration
from ledger.events.ids import NamedMaterial
from ledger.events.model import ZERO32, CustodyEvent
from ledger.events.profile import Interpretation, NamingContext, interpret
from ledger.events.quantity import canonical, to_micro
from ledger.events.strict_json import dump_json, parse_json
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import Opened, SealedPayload, check_opened, open_sealed, open_with_content_key
from ledger.proofs.commitment import commit
from ledger.vocabulary import Kind, Role

NOT_OPENED = "NOT_OPENED"        # what a store gave does not decrypt: a fault of the store
NOT_COMMITTED = "NOT_COMMITTED"  # decrypts, but is not what was committed to
NOT_POSTER = "NOT_POSTER"        # committed to by another participant than the one that signed
NOT_READABLE = "NOT_READABLE"    # committed, but its meaning cannot be worked out here
NOT_SIGNED = "NOT_SIGNED"        # committed, but it says something else than was signed
ID_TAKEN = "ID_TAKEN"            # another content of its poster stands under its eventID
RETRIED = (NOT_OPENED, NOT_COMMITTED)
"""Faults of whoever keeps the payload: the right content may come later, so it is asked for again."""

_FAULT_LENGTH_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Lens:
    """With what an index opens and reads payloads."""

    reading_keys: tuple[ReadingKey, ...]
    directory: Directory
    network_secret: bytes
    enterprise_keys: Mapping[str, bytes]

    def fingerprint(self) -> str:
        """Two SHA-256 in hex, with a dot between: over the keys that open payloads, and over all by which
        content is read. Where one differs, payloads must be opened or read again: by keys added they may
        say more, by keys taken away less.
        """
        read_by = [self.directory.to_json(), hashlib.sha256(self.network_secret).hexdigest(),
                   sorted((name, hashlib.sha256(key).hexdigest())
                          for name, key in self.enterprise_keys.items())]
        return ".".join(hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
                        for held in (sorted(key.public.hex() for key in self.reading_keys), read_by))


@dataclass(frozen=True, slots=True)
class Signed:
    """An event as the ledger has it: its row and its lines' rows in order."""

    event: Row
    lines: list[Row]

    @property
    def refused(self) -> bool:
        """Whether the ledger refused the act."""
        return int(self.event["outcome"]) >= 100


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of a payload.

    Attributes:
        status, fault: as they stand in the table; the fault is `CODE: sentence`.
        opened: the content, also where it does not match; None if it did not open.
        proven: whether the content is what this event commits to, by the participant that signed it. Nothing
            of other content is kept: it may be somebody else's, whose commitment was copied.
        meaning: only if `status` is open.
        missing: what the content refers to and no open payload has named yet, as `event:<eventID>` or
            `container:<number>`; it is examined again when one does.
        needed: what it was read with the help of: ids of events, and numbers of containers whose consignment
            it leaves to their names.
        asked: all that it refers to by another's word, found or not, in the form of `missing`: when the
            answer to one changes, it is examined again.
    """

    status: str
    fault: str | None = None
    opened: Opened | None = None
    meaning: Interpretation | None = None
    missing: str | None = None
    proven: bool = True
    needed: tuple[bytes | str, ...] = ()
    asked: tuple[str, ...] = ()


class Known(Protocol):
    """What opened payloads have named already."""

    def events(self, epcis_event_id: str) -> Sequence[bytes]:
        """Ids of the events whose open payload carries this eventID."""
        ...

    def unread(self, event: bytes) -> bool:
        """Whether this is an event on the ledger whose payload is not open here."""
        ...

    def consignments(self, container: str, units: Sequence[str]) -> Sequence[str]:
        """Consignments on which a container of that number is one of these units."""
        ...


def examine(
    sealed: SealedPayload, signed: Signed, lens: Lens, granted: Iterable[bytes], known: Known,
) -> Examined:
    """Open a payload and hold it to commitment, poster and signed lines.

    Args:
        sealed: what a store gave.
        signed: the event on the ledger.
        lens: keys and names.
        granted: content keys that grants give for this commitment.
        known: what it may refer to.
    """
    commitment = bytes.fromhex(signed.event["commitment"][2:])
    # 1. it opens with a key of ours
    try:
        opened = _open(sealed, commitment, lens, granted)
    except TrustError as fault:
        return Examined(MISMATCH, fault_text(NOT_OPENED, fault.message))
    if opened is None:
        return Examined(SEALED)
    # 2. the content is what was committed to
    try:
        check_opened(opened, commitment)
    except TrustError as fault:
        return Examined(MISMATCH, fault_text(NOT_COMMITTED, fault.message), opened, proven=False)
    # 3. by the participant whose key signed
    try:
        poster = lens.directory.participant(int(signed.event["participant"])).id
    except NotFoundError as fault:
        return Examined(MISMATCH, fault_text(NOT_READABLE, fault.message), opened, proven=False)
    if opened.submitter != poster:
        said = f"committed to by {opened.submitter!r}, signed for {poster!r}."
        return Examined(MISMATCH, fault_text(NOT_POSTER, said), opened, proven=False)
    # 4. it means what was signed
    return _read(opened, signed, lens, poster, known)


def _open(
    sealed: SealedPayload, commitment: bytes, lens: Lens, granted: Iterable[bytes],
) -> Opened | None:
    """The content, by the first key that opens it; None if none does.

    Raises:
        TrustError: it is another payload, or does not open with a key that it is said to be sealed to.
    """
    if sealed.commitment != commitment:
        raise TrustError("the store gave the payload of another commitment.")
    failed: TrustError | None = None
    for key in lens.reading_keys:
        try:
            return open_sealed(sealed, key)
        except NotFoundError:
            continue
        except TrustError as fault:
            failed = fault
    for content_key in granted:
        try:
            return open_with_content_key(sealed, content_key)
        except TrustError as fault:
            failed = fault
    if failed is not None:
        raise failed
    return None


def _read(opened: Opened, signed: Signed, lens: Lens, poster: str, known: Known) -> Examined:
    """Interpret the content again and compare it with what was signed."""
    asked = _Asked([], [], [])
    context = NamingContext(
        lens.network_secret, lens.directory, lens.enterprise_keys, poster,
        _event_resolver(signed, known, asked), _consignment_resolver(signed, known, asked))
    meaning: Interpretation | None = None
    try:
        meaning = interpret(opened.event, context)
        different = differences(signed, meaning)
        fault_said = fault_text(NOT_SIGNED, "; ".join(different)) if different else None
    except Exception as fault:  # noqa: BLE001 - whoever holds a key writes content; none may stop the index
        said = getattr(fault, "message", None) or f"{type(fault).__name__}: {fault}"
        fault_said = fault_text(NOT_READABLE, said)
    return Examined(
        OPEN if fault_said is None else MISMATCH, fault_said, opened, meaning if fault_said is None else None,
        asked.missing[0] if asked.missing else None, needed=tuple(asked.needed),
        asked=tuple(dict.fromkeys(asked.keys)))


def read_again(document: str, signed: Signed, lens: Lens, known: Known) -> Examined:
    """Interpret content that was opened and checked before, from its row."""
    try:
        poster = lens.directory.participant(int(signed.event["participant"])).id
    except NotFoundError as fault:
        return Examined(MISMATCH, fault_text(NOT_READABLE, fault.message), proven=False)
    return _read(Opened(parse_json(document.encode()), b"", poster, b""), signed, lens, poster, known)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What reading one content asked of others: what nobody answered, who answered, and all of it."""

    missing: list[str]
    needed: list[bytes | str]
    keys: list[str]


def _event_resolver(signed: Signed, known: Known, asked: _Asked) -> Callable[[str], bytes | None]:
    """The ledger id that an eventID in the content stands for.

    Where no payload with that eventID is open here,
    the signed id is all there is; it is checked when one opens. The
    same content may have been signed twice (again,
                                             after a refusal for its deadline): then the signed one is meant.
    """
    reference = bytes.fromhex(signed.event["reference"][2:])
    # a correction of an event that its poster did not know is signed as a mere observation
    unknown_to_poster = signed.event["kind"] == Kind.OBSERVE.name and reference == ZERO32

    def resolve(event_id: str) -> bytes | None:
        if unknown_to_poster:
            return None
        asked.keys.append(f"event:{event_id}")
        found = known.events(event_id)
        if reference in found:
            asked.needed.append(reference)
            return reference
        unread = known.unread(reference)
        if unread:
            asked.needed.append(reference)
        if not found or unread:  # others may use the same eventID
            asked.missing.append(f"event:{event_id}")
            return reference
        asked.needed.append(found[0])
        return found[0]

    return resolve


def _consignment_resolver(signed: Signed, known: Known, asked: _Asked) -> Callable[[str], str | None]:
    """The consignment of a container whose event gives none: the one under which it is a unit that was
    signed.
    """
    units = [row["unit"] for row in signed.lines]

    def resolve(container: str) -> str | None:
        asked.keys.append(f"container:{container}")
        found = known.consignments(container, units)
        if not found:
            asked.missing.append(f"container:{container}")
        else:
            asked.needed.append(container)
        return found[0] if found else None

    return resolve


def differences(signed: Signed, meaning: Interpretation) -> list[str]:
    """Where the content, interpreted here, differs from what was signed; empty if nowhere.

    A material id that cannot be computed for want of the enterprise's key is left to the poster's word.
    """
    said, event = meaning.event, signed.event
    found = [
        f"{name}: signed {event[name]}, content says {value}" for name, value in signed_values(said).items()
        if event[name] != value]
    if len(said.lines) != len(signed.lines):
        return [*found, f"lines: signed {len(signed.lines)}, content says {len(said.lines)}"]
    for place, (row, line) in enumerate(zip(signed.lines, said.lines, strict=True)):
        values = {"unit": _hex(line.unit), "material": _hex(line.material), "balance": line.balance.name,
                  "quantity_micro": line.quantity_micro, "role": line.role.name}
        if line.material == ZERO32 and row["material"] != ZERO_ID and _unnamed(meaning, place):
            del values["material"]
        found += [f"line {place} {name}: signed {row[name]}, content says {value}"
                  for name, value in values.items() if row[name] != value]
    return found


def signed_values(event: CustodyEvent) -> dict[str, Any]:
    """The fields of a signed event that its content must repeat, as they stand in the table."""
    return {
        "kind": event.kind.name, "step": event.step.name, "counterparty": event.counterparty,
        "facility": event.facility, "book": event.book, "reference": _hex(event.reference),
        "occurred_at_ms": event.occurred_at_ms}


def project_content(rows: Rows, signed: Signed, examined: Examined, lens: Lens) -> None:
    """Rows of an open payload: names always; declarations, norms and counts of acts that were not refused."""
    meaning, event = examined.meaning, signed.event
    if meaning is None:
        raise InvariantError("only an open payload has content rows.")
    content = meaning.content
    for unit in meaning.units:
        if unit.unit != ZERO32:
            _name_unit(rows, int(event["seq"]), {
                "unit": _hex(unit.unit), "type": str(unit.type), "scope": unit.scope, "number": unit.number})
    _materials(rows, signed, meaning, lens.directory)
    project_readings(rows, event["event_id"], examined.opened.event if examined.opened else {})
    if signed.refused:
        return
    book = _book(lens.directory, meaning, int(event["book"]))
    event_id, kind = event["event_id"], event["kind"]
    if kind == Kind.DECLARE.name and content.declaration is not None and signed.lines:
        rows.put(DeclarationLine, _declaration(signed, content.declaration, book))
    if kind == Kind.DECLARE.name and content.norm is not None:
        norm = content.norm
        for place, item in enumerate(norm.lines):
            rows.put(Norm, {
                "event_id": event_id, "position": place, "book": book, "enterprise": norm.enterprise,
                "product": norm.product, "product_uom": norm.product_uom, "material": item.material,
                "material_uom": item.material_uom, "norm": _text(item.norm), "flag": item.flag,
                "loss_rate": _text(item.loss_rate), "valid_from": norm.valid_from, "valid_to": norm.valid_to})
    if kind == Kind.COUNT.name:
        for place, count in enumerate(content.counts):
            rows.put(CountEntry, {
                "event_id": event_id, "position": place, "book": book, "at": count.at, "stock": count.stock,
                "code": count.code, "lot": count.lot, "quantity_micro": to_micro(count.quantity),
                "uom": count.uom, "place": count.place})


def _declaration(signed: Signed, said: Declaration, book: str) -> Row:
    return {
        "event_id": signed.event["event_id"], "unit": signed.lines[0]["unit"],
        "declaration": said.declaration, "line": said.line,
        "direction": said.direction, "regime": said.regime, "book": book, "purpose": said.purpose.name,
        "enterprise": said.enterprise, "material": signed.lines[0]["material"], "code": said.code,
        "description": said.description, "hs": said.hs, "origin": said.origin,
        "quantity_micro": to_micro(said.quantity), "uom": said.uom, "value": _text(said.value),
        "currency": said.currency, "duty_rate": _text(said.duty_rate), "partner": said.partner,
        "original_declaration": said.original_declaration, "original_line": said.original_line,
        "registered_at": said.registered_at}


def _materials(rows: Rows, signed: Signed, meaning: Interpretation, directory: Directory) -> None:
    """What material ids stand for: computed with the enterprise's key, or as the enterprise itself posted.

    The key proves enterprise, code and unit of measure, whoever names them. Description and HS code are
    words: those of the enterprise or customs count, in an act that was not refused and is no OBSERVE.
    """
    poster = directory.participant(int(signed.event["participant"]))
    act = not signed.refused and signed.event["kind"] != Kind.OBSERVE.name
    customs = Role.CUSTOMS in poster.roles
    for named in meaning.materials:
        if named.material is not None:
            trusted = act and (customs or named.enterprise == poster.id)
            said = named if trusted else replace(named, description="", hs="")
            _name_material(rows, signed, _hex(named.material), said, checked=True)
    for row, line in zip(signed.lines, meaning.line_names, strict=True):
        own = line.material
        if not act or own is None or own.material is not None or row["material"] == ZERO_ID:
            continue
        if customs or own.enterprise == poster.id:
            _name_material(rows, signed, row["material"], own, checked=False)


def _name_unit(rows: Rows, seq: int, row: Row) -> None:
    """Write what a unit id stands for. It can stand for one thing only; it is known from the first event on
    that names it, whichever was read first.
    """
    chain = rows.versions(UnitName, row["unit"])
    if not chain:
        if rows.get(UnitName, row["unit"]) is None:
            rows.set_versions(UnitName, (row["unit"],), [(seq, row)])
    elif seq < chain[0][0]:
        rows.set_versions(UnitName, (row["unit"],), [(seq, row)])


def _name_material(rows: Rows, signed: Signed, material: str, named: NamedMaterial, *, checked: bool) -> None:
    """Write what an id stands for: computed wins over posted, described over bare, earlier over later.

    It must not depend on which was read first, so the versions are put in the order of their events: each
    is worth more than all before it, the last is the present one.
    """
    event, seq = signed.event, int(signed.event["seq"])
    row = {
        "material": material, "enterprise": named.enterprise, "code": named.code, "uom": named.uom,
        "description": named.description, "hs": named.hs, "checked": checked, "named_by": event["event_id"]}
    chain = rows.versions(Material, material)
    before = rows.get(Material, material)
    if before is not None and not chain:  # of an index that did not keep versions yet
        namer = rows.get(Event, before["named_by"])
        chain = [(int(namer["seq"]) if namer else -1, before)]
    if chain and chain[-1][0] < seq and _worth(chain[-1][1]) >= _worth(row):
        return
    candidates = {**dict(chain), seq: row}
    best: list[tuple[int, Row]] = []
    for place in sorted(candidates):
        if not best or _worth(candidates[place]) > _worth(best[-1][1]):
            best.append((place, candidates[place]))
    if best != chain:
        rows.set_versions(Material, (material,), best)


def _worth(material: Row) -> tuple[bool, bool]:
    """Of two names of a material the one worth more is kept, of equals what the ledger has earlier.

    Described is worth more than bare where the key proves whose it is. The time of occurrence counts
    nothing: it is the poster's to choose.
    """
    checked = bool(material["checked"])
    return checked, checked and bool(material["description"])


def _unnamed(meaning: Interpretation, place: int) -> bool:
    """Whether the content names a material on this line whose id we cannot compute."""
    named = meaning.line_names[place].material
    return named is not None and named.material is None


def content_digest(opened_event: Mapping[str, Any], submitter: str) -> bytes:
    """What 'the same content' means: the commitment's own notion of it, with a secret that hides nothing."""
    return commit(dict(opened_event), bytes(32), submitter=submitter).root


def document_of(opened: Opened) -> str:
    """The event as JSON text, numbers with the digits they were committed with."""
    return dump_json(opened.event)


def fault_text(code: str, sentence: str) -> str:
    """A fault as it stands in the table."""
    return f"{code}: {sentence}"[:_FAULT_LENGTH_MAX]


def _book(directory: Directory, meaning: Interpretation, number: int) -> str:
    """Short id of the book: as the content says it, else of the one that was signed."""
    if meaning.book is not None or number == 0:
        return meaning.book or ""
    try:
        return directory.book(number).id
    except NotFoundError:
        return ""


def _text(number: Decimal | None) -> str:
    return "" if number is None else canonical(number)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
