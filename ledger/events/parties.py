"""The other signed fields of an event: facility, counterparty, book, reference; and its deadline.

Facility comes from `bizLocation`, counterparty from the destination's `possessing_party` (or
`cl:declarant`), book from `cl:book`, reference from `cl:reference`, `cl:normEvent` or the declaration line
in `bizTransactionList`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.directory import ParticipantEntry
from ledger.errors import InputError, NotFoundError
from ledger.events import cbv
from ledger.events.faults import Fault, pointer
from ledger.events.ids import NamedUnit, UnitType, name_unit
from ledger.events.kinds import ACCEPT_TRANSFER, Need, Reference
from ledger.events.lines import ReadLines
from ledger.events.model import ZERO32
from ledger.events.naming import Namer, NamingContext, Reading
from ledger.events.norm_numbers import terms
from ledger.events.times import unix_milliseconds
from ledger.vocabulary import Kind, LineRole

DECLARATION_LINE_TYPE = "urn:cargoledger:btt:declaration-line"
"""Type of a bizTransaction that names the declaration line an event draws from."""


@dataclass(slots=True)
class Fields:
    """Numbers and ids as signed; `book` is the short id, signed or not; `units` are named by fields only."""

    counterparty: int = 0
    facility: int = 0
    signed_book: int = 0
    book: str | None = None
    reference: bytes = ZERO32
    deadline_s: int | None = None
    units: list[NamedUnit] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: str, message: str, remedy: str = "") -> None:
        """Note what is wrong."""
        self.faults.append(Fault(place, message, remedy))


def read_fields(reading: Reading, poster: ParticipantEntry, lines: ReadLines) -> Fields:
    """The signed fields of an event. In the open profile unknown places and parties are left out.

    Args:
        reading: the event and what its kind needs.
        poster: who signs.
        lines: the lines as read.
    """
    fields = Fields()
    event, kind = reading.event, reading.kind
    _facility(reading, fields)
    if reading.customs:
        _parties(reading, poster, fields)
        _book(reading, fields)
        _reference(reading, lines, fields)
    elif kind is Kind.CORRECT:
        _resolve(event["eventID"], "/eventID", reading.ctx, fields)
    if "cl:deadline" in event and reading.customs:
        try:
            fields.deadline_s = unix_milliseconds(event["cl:deadline"]) // 1000
        except InputError as fault:
            fields.faults.append(Fault.of("/cl:deadline", fault))
    if kind is Kind.RECEIVE_DOMESTIC and not (event.get("cl:documents") or event.get("bizTransactionList")):
        fields.fault(
            "/cl:documents",
            "RECEIVE_DOMESTIC needs the document of the purchase.",
            "Name the invoice in cl:documents or bizTransactionList.",
        )
    return fields


def _facility(reading: Reading, fields: Fields) -> None:
    event, kind, rule, ctx = reading.event, reading.kind, reading.rule, reading.ctx
    if rule.facility is Need.NO:
        return
    place = event.get("bizLocation", {}).get("id")
    if place is None:
        if rule.facility is Need.MUST:
            fields.fault(
                "/bizLocation",
                f"{kind.name} needs bizLocation: the facility where the goods stand now.",
                "Name a facility of the directory.",
            )
        return
    known = _known(ctx.directory.facility, place)
    if known is not None:
        fields.facility = known.number
    elif kind is not Kind.OBSERVE:
        _unknown(ctx.directory.facility, place, "/bizLocation/id", fields)


def _parties(reading: Reading, poster: ParticipantEntry, fields: Fields) -> None:
    event, kind, rule, ctx = reading.event, reading.kind, reading.rule, reading.ctx
    if kind is Kind.DECLARE:
        if "cl:declarant" in event:
            declarant = _known(ctx.directory.participant, event["cl:declarant"])
            if declarant is None:
                _unknown(ctx.directory.participant, event["cl:declarant"], "/cl:declarant", fields)
            else:
                fields.counterparty = declarant.number
        return
    source = _party(reading, "sourceList", fields)
    destination = _party(reading, "destinationList", fields)
    if kind in (Kind.OFFER, Kind.TRANSFER) and source and source[1].number != poster.number:
        fields.fault(
            source[0],
            f"the offer is by {source[1].id}, but {poster.id} posts it.",
            "Who gives posts its own offers.",
        )
    if kind is Kind.ACCEPT and destination and destination[1].number != poster.number:
        fields.fault(
            destination[0],
            f"the goods go to {destination[1].id}, but {poster.id} posts the acceptance.",
            "Who takes over posts ACCEPT.",
        )
    if rule.counterparty is not Need.NO and destination:
        fields.counterparty = destination[1].number


def _party(reading: Reading, key: str, fields: Fields) -> tuple[str, ParticipantEntry] | None:
    """Pointer and entry of the one party of a list: `owning_party` of a transfer between books, else
    `possessing_party`. A handover must have it; where customs reassigns it may stand, and must be known."""
    event, ctx, kind = reading.event, reading.ctx, reading.kind
    part = key.removesuffix("List")
    transfer = kind is Kind.TRANSFER or reading.rule is ACCEPT_TRANSFER
    party = "owning_party" if transfer else "possessing_party"
    must = kind in (Kind.OFFER, Kind.ACCEPT, Kind.TRANSFER)
    found = [
        (pointer(key, i, part), item[part])
        for i, item in enumerate(event.get(key, ()))
        if cbv.bare(item["type"], "sourceDest") == party
    ]
    if len(found) != 1:
        if must:
            what = "a transfer" if transfer else "a handover"
            fields.fault(
                f"/{key}",
                f"{what} names one {party} in {key}, this event {len(found)}.",
                f'Add {{"type": "{party}", "{part}": <URI of the participant>}}.',
            )
        return None
    place, uri = found[0]
    entry = _known(ctx.directory.participant, uri)
    if entry is None:
        if must or kind is Kind.REASSIGN:
            _unknown(ctx.directory.participant, uri, place, fields)
        return None
    return place, entry


def _book(reading: Reading, fields: Fields) -> None:
    event, kind, rule, ctx = reading.event, reading.kind, reading.rule, reading.ctx
    if "cl:book" not in event:
        if rule.book is Need.MUST:
            fields.fault(
                "/cl:book",
                f"{kind.name} needs cl:book: the book it is entered in.",
                "Name a book of the directory.",
            )
        return
    book = _known(ctx.directory.book, event["cl:book"])
    if book is None:
        _unknown(ctx.directory.book, event["cl:book"], "/cl:book", fields)
        return
    fields.book = book.id
    # A declaration line belongs to no book on the ledger; there the book is a label of the document.
    if rule.book is not Need.NO and not (kind is Kind.DECLARE and reading.content.declaration):
        fields.signed_book = book.number


def _reference(reading: Reading, lines: ReadLines, fields: Fields) -> None:
    event, kind, rule, ctx = reading.event, reading.kind, reading.rule, reading.ctx
    cited = _cited_line(event, reading.namer, fields)
    if rule.reference is Reference.EVENT:
        # A correction repeats the wrong event, whose own cl:reference names what that one answered.
        key = "eventID" if kind is Kind.CORRECT else "cl:reference"
        if key not in event:
            fields.fault(
                "/cl:reference", f"{kind.name} needs cl:reference: the eventID of the event it answers."
            )
        else:
            _resolve(event[key], pointer(key), ctx, fields)
    elif rule.reference is Reference.NORM_OPTIONAL:
        if "cl:normEvent" in event:
            _resolve(event["cl:normEvent"], "/cl:normEvent", ctx, fields)
    elif rule.reference is Reference.EITHER:
        named = {line.unit for line, _ in lines.pairs}
        if "cl:reference" in event:
            _resolve(event["cl:reference"], "/cl:reference", ctx, fields)
        elif cited is not None and cited.unit not in named:
            fields.reference = cited.unit
    elif rule.reference in (Reference.LINE, Reference.LINE_OPTIONAL):
        if cited is not None:
            fields.reference = cited.unit
        elif rule.reference is Reference.LINE and not fields.faults:
            fields.fault(
                "/bizTransactionList",
                f"{kind.name} names the declaration line it draws from.",
                f'Add {{"type": "{DECLARATION_LINE_TYPE}", "bizTransaction": '
                '"urn:cargoledger:line:<declaration>:<line>"}.',
            )
    elif rule.reference is Reference.ORIGINAL:
        norm = reading.content.norm
        if norm is not None and norm.on_chain:
            fields.reference = terms(norm, event, fields.faults)
        else:
            _original_line(event, ctx, lines, fields)
    if "cl:reference" in event and rule.reference not in (Reference.EVENT, Reference.EITHER):
        fields.fault("/cl:reference", f"{kind.name} answers no event.", "Leave it out.")


def _cited_line(event: Mapping[str, Any], namer: Namer, fields: Fields) -> NamedUnit | None:
    """The declaration line of `bizTransactionList`; more than one is a fault."""
    found: list[NamedUnit] = []
    for i, item in enumerate(event.get("bizTransactionList", ())):
        if item.get("type") != DECLARATION_LINE_TYPE:
            continue
        place = pointer("bizTransactionList", i, "bizTransaction")
        unit = namer.unit(item["bizTransaction"], place)
        if unit is None or unit.type is not UnitType.LINE:
            fields.fault(
                place,
                f"{item['bizTransaction']!r} is no declaration line.",
                "Write urn:cargoledger:line:<declaration>:<line>.",
            )
        else:
            found.append(unit)
            fields.units.append(unit)
    if len(found) > 1:
        fields.fault(
            "/bizTransactionList",
            f"the event draws from {len(found)} declaration lines.",
            "Post one event for each line.",
        )
    return found[0] if found else None


def _original_line(event: Mapping[str, Any], ctx: NamingContext, lines: ReadLines, fields: Fields) -> None:
    declared = event.get("cl:declaration", {})
    original = (declared.get("originalDeclaration", ""), declared.get("originalLine", ""))
    if not lines.pairs or lines.pairs[0][0].role is not LineRole.CHANGE_OF_PURPOSE:
        return
    if not all(original):
        fields.fault(
            "/cl:declaration/originalLine",
            "a change of purpose cites the line under which the goods came in.",
            "Give originalDeclaration and originalLine.",
        )
        return
    unit = name_unit(ctx.network_secret, UnitType.LINE, *original)
    fields.reference = unit.unit
    fields.units.append(unit)


def _resolve(event_id: str, place: str, ctx: NamingContext, fields: Fields) -> None:
    resolved = ctx.resolve_event(event_id)
    if resolved is None:
        fields.fault(
            place, f"no event {event_id!r} is known here.", "Post or fetch it first, or correct the eventID."
        )
    else:
        fields.reference = resolved


def _known(find: Callable[[str], Any], key: str) -> Any:
    try:
        return find(key)
    except NotFoundError:
        return None


def _unknown(find: Callable[[str], Any], key: str, place: str, fields: Fields) -> None:
    try:
        find(key)
    except NotFoundError as fault:
        fields.faults.append(Fault.of(place, fault))
