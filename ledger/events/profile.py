"""From an EPCIS event to what is signed: the customs profile and, for everything else, the open profile.

`interpret` reads one event and gives the `CustodyEvent` (nonce, deadline and commitment still zero) with
the names behind its ids. Form is checked first (EPCIS schema and rules, profile schema), then meaning; the
faults of either step are collected and raised together, each with a JSON pointer. Pure: the same event and
context give the same answer, whatever the order of its lists.

*customs*: the event uses a term of `cl:`, or names units by `urn:cargoledger:` in a way that the inference
table knows. *open*: any other valid EPCIS event, recorded as OBSERVE of the units that can be told.

Format: docs/formats/event-profile.md. Source: the event model (docs/formats/events.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.errors import InputError
from ledger.events import schema
from ledger.events.content import Content, Count, Declaration, Norm, content_faults, read_content
from ledger.events.context import PROFILE_PREFIX, prefixes, uses_profile
from ledger.events.declare import read_declaration
from ledger.events.faults import Fault, refuse
from ledger.events.ids import OWN_PREFIX, NamedMaterial, NamedUnit
from ledger.events.kinds import infer, rule_of
from ledger.events.lines import LineName, read_lines
from ledger.events.model import CustodyEvent
from ledger.events.naming import Namer, NamingContext, Reading, mentions
from ledger.events.parties import read_fields
from ledger.events.times import unix_milliseconds
from ledger.vocabulary import Kind, Step

__all__ = ["Interpretation", "LineName", "NamingContext", "interpret", "is_customs", "profile_schema"]


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What an event means on the ledger, and the names that the ledger does not know.

    Attributes:
        event: to be signed; `nonce`, `deadline_s` and `commitment` are zero.
        profile: `customs` or `open`.
        epcis_event_id: the event's `eventID`, or None.
        is_correction: whether it declares an earlier event with the same `eventID` wrong.
        units: every unit and declaration line named, those of the lines first (ascending by id), each once.
        materials: every material named, each once.
        line_names: for each line of `event.lines`, what it is.
        book: short id of the book the event belongs to, signed or not, or None.
        deadline_s: `cl:deadline`, seconds since 1970 UTC, or None; the poster sets it or its own.
        content: declaration, norm, counts, losses, papers, seals.
        notes: what was pointed out but not refused (a wrong check digit, say).
    """

    event: CustodyEvent
    profile: str
    epcis_event_id: str | None
    is_correction: bool
    units: tuple[NamedUnit, ...]
    materials: tuple[NamedMaterial, ...]
    line_names: tuple[LineName, ...]
    book: str | None
    deadline_s: int | None
    content: Content
    notes: tuple[Fault, ...]

    @property
    def declaration(self) -> Declaration | None:
        """The declaration line of a DECLARE, or None."""
        return self.content.declaration

    @property
    def norm(self) -> Norm | None:
        """The norm of a DECLARE, or None."""
        return self.content.norm

    @property
    def counts(self) -> tuple[Count, ...]:
        """The stocks of a COUNT."""
        return self.content.counts


def profile_schema() -> dict[str, Any]:
    """The published JSON Schema (draft-07) of the customs profile."""
    return schema.profile_schema()


def is_customs(event: Mapping[str, Any]) -> bool:
    """Whether an event is of the customs profile rather than of the open one."""
    if _uses_terms(event):
        return True
    own = any(mention.uri.startswith(OWN_PREFIX) for mention in mentions(event))
    return own and infer(event)[0] is not Kind.OBSERVE


def _uses_terms(event: Mapping[str, Any]) -> bool:
    """Whether a term of the profile stands in the event; judges nothing else of its shape."""
    if not any(key.startswith(PROFILE_PREFIX + ":") for key in event):
        return False
    # Terms without a declared prefix are meant as ours; the rules then say what is missing. A prefix `cl`
    # that somebody else bound to another namespace is none of our business.
    return uses_profile(event.get("@context")) or PROFILE_PREFIX not in prefixes(event.get("@context"))


def interpret(event: dict[str, Any], ctx: NamingContext) -> Interpretation:
    """What an EPCIS event means on the ledger.

    Args:
        event: one event with its effective `@context`, numbers as int or Decimal (`document.read_document`).
        ctx: who posts it, and where names come from.

    Returns:
        The event to sign and the names behind its ids.

    Raises:
        InvalidEventError: the event is not valid, or does not say what its kind needs; carries every fault
        found. NotFoundError: the poster is not in the directory.
    """
    poster = ctx.directory.participant(ctx.poster)
    customs = _uses_terms(event)
    faults = schema.check_event(event, strict=customs)
    if not customs:
        refuse(faults)
        customs = is_customs(event)
        faults = schema.check_event(event, strict=True) if customs else faults
    if customs:
        faults += [*schema.profile_faults(event), *content_faults(event)]
    notes = list(refuse(faults))
    kind, step = _kind(event, customs=customs)
    correction = "errorDeclaration" in event
    if correction:
        if ctx.resolve_event(event.get("eventID", "")) is None and not customs:
            notes.append(
                Fault(
                    "/eventID",
                    "the event declared wrong is not known here; kept as an observation.",
                    refuses=False,
                )
            )
            kind, step = Kind.OBSERVE, Step.NONE
        else:
            kind, step = Kind.CORRECT, Step.NONE
    found = [*_rule_faults(event, kind, step, correction=correction)]
    rule = rule_of(kind, event)
    lenient = kind is Kind.OBSERVE or (kind is Kind.CORRECT and not customs)
    namer = Namer(event, ctx, lenient=lenient)
    content = read_content(event) if customs else Content()
    reading = Reading(event, kind, rule, namer, ctx, content, customs)
    lines = read_declaration(reading) if kind is Kind.DECLARE else read_lines(reading)
    fields = read_fields(reading, poster, lines)
    occurred_at_ms = _occurred(event, found)
    found += [*lines.faults, *fields.faults, *namer.faults]
    notes += refuse(dict.fromkeys(found))
    signed = CustodyEvent(
        kind=kind,
        step=step,
        lines=tuple(line for line, _ in lines.pairs),
        counterparty=fields.counterparty,
        facility=fields.facility,
        book=fields.signed_book,
        reference=fields.reference,
        occurred_at_ms=occurred_at_ms,
    )
    signed.check()
    units = [named.unit for _, named in lines.pairs if named.unit is not None]
    materials = [named.material for _, named in lines.pairs if named.material is not None]
    return Interpretation(
        event=signed,
        profile="customs" if customs else "open",
        epcis_event_id=event.get("eventID"),
        is_correction=correction,
        units=tuple(dict.fromkeys([*units, *fields.units])),
        materials=tuple(dict.fromkeys([*materials, *lines.other_materials])),
        line_names=tuple(named for _, named in lines.pairs),
        book=fields.book,
        deadline_s=fields.deadline_s,
        content=content,
        notes=tuple(dict.fromkeys(notes)),
    )


def _kind(event: Mapping[str, Any], *, customs: bool) -> tuple[Kind, Step]:
    """Kind and step of an event: as it says, else as the inference table says. Open events only observe."""
    stated = event.get("cl:kind")
    if customs and stated and (stated != Kind.OBSERVE.name or "cl:step" in event):
        return Kind[stated], Step[event.get("cl:step", Step.NONE.name)]  # nothing is left to infer
    inferred_kind, inferred_step = infer(event)
    if not customs:
        return Kind.OBSERVE, inferred_step if inferred_kind is Kind.OBSERVE else Step.NONE
    kind = Kind[stated] if stated else inferred_kind
    if "cl:step" in event:
        return kind, Step[event["cl:step"]]
    return kind, inferred_step if kind is inferred_kind is Kind.OBSERVE else Step.NONE


def _rule_faults(event: Mapping[str, Any], kind: Kind, step: Step, *, correction: bool) -> list[Fault]:
    """Faults of the event as a whole: kind, EPCIS type, step."""
    faults: list[Fault] = []
    rule = rule_of(kind, event)
    if kind is Kind.CORRECT and not correction:
        faults.append(
            Fault(
                "/errorDeclaration",
                "CORRECT repeats the wrong event with an errorDeclaration.",
                "Add errorDeclaration with declarationTime and reason.",
            )
        )
    if event["type"] not in rule.types and ":" not in event["type"]:
        faults.append(
            Fault(
                "/type",
                f"{kind.name} cannot be said by a {event['type']}.",
                f"Use {' or '.join(rule.types)}.",
            )
        )
    elif ":" in event["type"] and kind not in (Kind.OBSERVE, Kind.CORRECT):
        faults.append(
            Fault("/type", f"{kind.name} cannot be said by an extension event.", f"Use {rule.types[0]}.")
        )
    if rule.steps is not None and step not in rule.steps:
        faults.append(
            Fault(
                "/cl:step",
                f"{kind.name} has no step {step.name}.",
                f"Use {' or '.join(s.name for s in rule.steps if s)}, or leave it out.",
            )
        )
    if step is Step.LINE_CANCELLED and kind is not Kind.CLEAR:
        faults.append(Fault("/cl:step", "LINE_CANCELLED is a step of CLEAR only."))
    return faults


def _occurred(event: Mapping[str, Any], faults: list[Fault]) -> int:
    try:
        return unix_milliseconds(event["eventTime"])
    except InputError as fault:
        faults.append(Fault.of("/eventTime", fault))
        return 0
