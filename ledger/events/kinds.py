"""What each kind asks of an event, and which kind is meant where an event does not say.

Two tables, both printed in docs/formats/event-profile.md and tested against it: `RULES` (fields and lines
by kind, matching what the ledger takes) and the inference table `schemas/kind-inference.json` (from event
type, action, bizStep and disposition). Nothing here decides who may do what; that is the ledger's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.events import cbv
from ledger.events.ids import UnitType
from ledger.vocabulary import Balance, Kind, LineRole, Step


class Need(Enum):
    """Whether something is said in an event of a kind."""

    NO = "-"
    MAY = "may"
    MUST = "must"
    STATED = "stated"
    """It may stand in the document as evidence, but is not signed."""


class Reference(Enum):
    """What the signed `reference` of a kind is."""

    NONE = "-"
    EVENT = "event (cl:reference)"
    LINE = "declaration line (bizTransactionList)"
    LINE_OPTIONAL = "declaration line (bizTransactionList), or none"
    NORM_OPTIONAL = "norm's event (cl:normEvent), or none"
    EITHER = "event (cl:reference) or declaration line (bizTransactionList), or none"
    ORIGINAL = "original line (cl:declaration) for CHANGE_OF_PURPOSE"


@dataclass(frozen=True, slots=True)
class LineRule:
    """What a line says of one type of unit in one role."""

    balances: tuple[Balance, ...] = ()
    quantity: Need = Need.NO
    material: Need = Need.NO
    zero: bool = False
    """Whether a quantity of zero means something."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """What an event of one kind carries.

    Attributes:
        lines: (type of unit, role) -> what the line says.
        count: fewest and most lines.
        facility, counterparty, book: whether they are signed. `cl:book` may stand in any event as a label.
        reference: what the signed reference is.
        types: EPCIS event types that can say it.
        foreign: whether identifiers that are no units may stand in the event.
        default_role: role of a unit for which the event names none, where several are possible.
    """

    lines: Mapping[tuple[UnitType, LineRole], LineRule]
    count: tuple[int, int] = (1, 64)
    facility: Need = Need.NO
    counterparty: Need = Need.NO
    book: Need = Need.NO
    reference: Reference = Reference.NONE
    types: tuple[str, ...] = ("ObjectEvent", "TransactionEvent")
    foreign: bool = False
    default_role: LineRole | None = None
    steps: tuple[Step, ...] | None = None


_BOX, _CARGO, _LOT, _LINE = UnitType.CONTAINER, UnitType.CARGO, UnitType.LOT, UnitType.LINE
_NONE = LineRole.NONE
STOCK = (Balance.RAW, Balance.WIP, Balance.FINISHED, Balance.SCRAP)
EVERY_BALANCE = (*STOCK, Balance.SHORT, Balance.LOADED)
ALL_TYPES = ("ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent")
_GROUPING = ("ObjectEvent", "TransactionEvent", "TransformationEvent")
_PACKING = ("AggregationEvent", "ObjectEvent", "TransactionEvent")


def _plain(*types: UnitType) -> dict[tuple[UnitType, LineRole], LineRule]:
    return {(unit_type, _NONE): LineRule() for unit_type in types}


def _drawn(*balances: Balance) -> dict[tuple[UnitType, LineRole], LineRule]:
    return {(_LOT, _NONE): LineRule(balances, Need.MUST)}


def _new(role: LineRole, *balances: Balance) -> dict[tuple[UnitType, LineRole], LineRule]:
    return {(_LOT, role): LineRule(balances, Need.MUST, Need.MUST)}


_WHOLE = LineRule(quantity=Need.STATED)
_HANDED = {**_plain(_BOX, _CARGO), (_LOT, _NONE): LineRule(EVERY_BALANCE, Need.MAY)}
_PRODUCED = (LineRole.PRODUCT, LineRole.CO_PRODUCT, LineRole.SCRAP, LineRole.SEMI_FINISHED)

ANCHOR_STEPS = (Step.MANIFEST, Step.NORM, Step.CONTRACT, Step.DOCUMENT)

RULES: Mapping[Kind, KindRule] = {
    Kind.ARRIVE: KindRule(
        {
            (_BOX, LineRole.CONTAINER): LineRule(),
            (_BOX, LineRole.EMPTY_CONTAINER): LineRule(),
            (_CARGO, LineRole.CARGO): LineRule(),
        },
        facility=Need.MUST,
        default_role=LineRole.CONTAINER,
    ),
    Kind.OBSERVE: KindRule(
        {}, (0, 64), Need.MAY, Need.MAY, Need.MAY, Reference.EITHER, ALL_TYPES, foreign=True
    ),
    Kind.OFFER: KindRule(_HANDED, counterparty=Need.MUST),
    Kind.ACCEPT: KindRule(_HANDED, facility=Need.MAY, reference=Reference.EVENT),
    Kind.REFUSE: KindRule(_plain(_BOX, _CARGO, _LOT), reference=Reference.EVENT),
    Kind.CANCEL: KindRule(_plain(_BOX, _CARGO, _LOT), (0, 64), reference=Reference.EVENT, foreign=True),
    Kind.HOLD: KindRule(_plain(_BOX, _CARGO, _LOT, _LINE)),
    Kind.UNHOLD: KindRule(_plain(_BOX, _CARGO, _LOT, _LINE)),
    Kind.ELIGIBLE: KindRule(_plain(_BOX, _CARGO)),
    Kind.REVOKE: KindRule(_plain(_BOX, _CARGO)),
    Kind.GATE_OUT: KindRule(_plain(_BOX, _CARGO)),
    Kind.CLOSE: KindRule({**_plain(_BOX, _CARGO), (_LOT, LineRole.INPUT): _WHOLE}),
    Kind.STUFF: KindRule(
        {
            (_BOX, LineRole.CONTAINER): LineRule(),
            (_CARGO, LineRole.INPUT): LineRule(),
            (_LOT, LineRole.INPUT): _WHOLE,
        },
        (2, 64),
        types=_PACKING,
    ),
    Kind.STRIP: KindRule(
        {
            (_BOX, LineRole.CONTAINER): LineRule(),
            (_CARGO, LineRole.INPUT): LineRule(),
            (_CARGO, LineRole.OUTPUT): LineRule(),
            (_LOT, LineRole.INPUT): _WHOLE,
        },
        (2, 64),
        types=_PACKING,
        default_role=LineRole.INPUT,
    ),
    Kind.DECLARE: KindRule(
        {}, (0, 1), counterparty=Need.MAY, book=Need.MAY, reference=Reference.ORIGINAL, foreign=True
    ),
    Kind.CLEAR: KindRule(
        _plain(_LINE), (1, 1), reference=Reference.EVENT, steps=(Step.NONE, Step.LINE_CANCELLED)
    ),
    Kind.OPENING: KindRule(
        {**_new(LineRole.IMPORTED, *STOCK), **_new(LineRole.DOMESTIC, *STOCK), **_new(LineRole.OWN, *STOCK)},
        book=Need.MUST,
    ),
    Kind.RECEIVE_FACTORY: KindRule(
        {
            **_new(LineRole.OUTPUT, Balance.RAW),
            (_BOX, LineRole.CONTAINER): LineRule(),
            (_CARGO, LineRole.CARGO): LineRule(),
        },
        (1, 2),
        book=Need.MUST,
        reference=Reference.LINE,
    ),
    Kind.RECEIVE_DOMESTIC: KindRule(_new(LineRole.OUTPUT, Balance.RAW), book=Need.MUST),
    Kind.SPLIT: KindRule(
        {
            (_LOT, LineRole.INPUT): LineRule(),
            (_LOT, LineRole.OUTPUT): LineRule(STOCK, Need.MUST),
            (_CARGO, LineRole.INPUT): LineRule(),
            (_CARGO, LineRole.OUTPUT): LineRule(),
        },
        (2, 64),
        types=_GROUPING,
    ),
    Kind.MERGE: KindRule(
        {
            (_LOT, LineRole.INPUT): LineRule(quantity=Need.STATED),
            (_LOT, LineRole.OUTPUT): LineRule(quantity=Need.STATED),
        },
        (2, 64),
        types=_GROUPING,
    ),
    Kind.ISSUE_PROD: KindRule(_drawn(Balance.RAW), book=Need.MUST),
    Kind.RETURN_PROD: KindRule(_drawn(Balance.WIP), book=Need.MUST),
    Kind.TRANSFORM: KindRule(
        {
            (_LOT, LineRole.INPUT): LineRule((Balance.WIP,), Need.MUST),
            **{(_LOT, role): LineRule((), Need.MUST, Need.MUST) for role in _PRODUCED},
        },
        (2, 64),
        book=Need.MUST,
        reference=Reference.NORM_OPTIONAL,
        types=("TransformationEvent",),
    ),
    Kind.EXPORT_LOAD: KindRule(_drawn(Balance.FINISHED), reference=Reference.LINE),
    Kind.REEXPORT: KindRule(_drawn(Balance.RAW), reference=Reference.LINE),
    Kind.UNLOAD: KindRule(_drawn(Balance.LOADED), reference=Reference.LINE),
    Kind.EXIT_CONFIRM: KindRule(_drawn(Balance.LOADED), reference=Reference.LINE),
    Kind.FG_RETURN: KindRule(
        _new(LineRole.OUTPUT, Balance.FINISHED), (1, 1), book=Need.MUST, reference=Reference.LINE
    ),
    Kind.REPURPOSE: KindRule(
        _drawn(Balance.RAW, Balance.FINISHED), book=Need.MUST, reference=Reference.LINE_OPTIONAL
    ),
    Kind.SELL_INLAND: KindRule(
        _drawn(Balance.RAW, Balance.FINISHED), book=Need.MUST, reference=Reference.LINE_OPTIONAL
    ),
    Kind.SCRAP_OUT: KindRule(_drawn(Balance.SCRAP), book=Need.MUST, reference=Reference.LINE_OPTIONAL),
    Kind.DESTROY: KindRule(_drawn(*STOCK), book=Need.MUST),
    Kind.TRANSFER: KindRule(
        _drawn(Balance.RAW), (1, 1), counterparty=Need.MUST, book=Need.MUST, reference=Reference.LINE
    ),
    Kind.ADJUST: KindRule(
        {
            (_LOT, LineRole.INPUT): LineRule((*STOCK, Balance.SHORT), Need.MUST),
            (_LOT, LineRole.OUTPUT): LineRule(STOCK, Need.MUST),
            (_LOT, LineRole.FROM_SHORT): LineRule(STOCK, Need.MUST),
        },
        book=Need.MUST,
        reference=Reference.EVENT,
    ),
    Kind.REASSIGN: KindRule(
        {
            (unit_type, role): LineRule()
            for unit_type, roles in (
                (_BOX, (_NONE, LineRole.SUPERVISED, LineRole.FREE)),
                (_CARGO, (_NONE, LineRole.SUPERVISED, LineRole.FREE)),
                (_LOT, (_NONE,)),
            )
            for role in roles
        },
        facility=Need.MAY,
        counterparty=Need.MAY,
        reference=Reference.EVENT,
        default_role=_NONE,
    ),
    Kind.COUNT: KindRule(
        {(_LOT, _NONE): LineRule(EVERY_BALANCE, Need.MUST, Need.MAY, zero=True)},
        (0, 64),
        book=Need.MUST,
        foreign=True,
    ),
    Kind.APPROVE: KindRule({}, (0, 0), reference=Reference.EVENT, foreign=True),
    Kind.DENY: KindRule({}, (0, 0), reference=Reference.EVENT, foreign=True),
    Kind.CORRECT: KindRule({}, (0, 64), reference=Reference.EVENT, types=ALL_TYPES, foreign=True),
}
"""What each kind carries; ACCEPT of a TRANSFER carries more (`ACCEPT_TRANSFER`)."""

ACCEPT_TRANSFER = KindRule(
    {
        (_LOT, LineRole.INPUT): _WHOLE,
        **_new(LineRole.OUTPUT, Balance.RAW),
        (_LINE, LineRole.TRANSFER_IN): LineRule(),
        (_LINE, LineRole.TRANSFER_OUT): LineRule(),
    },
    (4, 4),
    book=Need.MUST,
    reference=Reference.EVENT,
    types=_GROUPING,
)
"""ACCEPT that answers a TRANSFER: the lot, the new lot in the accepting book, and the declaration line of
either side."""


DECLARE_NORM = replace(RULES[Kind.DECLARE], count=(2, 64))
"""DECLARE of a norm with its numbers: a line for the product, one for each material."""


def takes_transfer(event: Mapping[str, Any]) -> bool:
    """Whether an ACCEPT answers a TRANSFER: it makes a lot."""
    return any(line.get("role") == LineRole.OUTPUT.name for line in event.get("cl:lines", ()))


def rule_of(kind: Kind, event: Mapping[str, Any]) -> KindRule:
    """What an event of that kind carries. Every kind has a rule.

    Args:
        event: tells what an ACCEPT answers, and whether a norm has numbers.
    """
    norm = event.get("cl:norm") if kind is Kind.DECLARE else None
    if isinstance(norm, Mapping) and norm.get("onChain"):
        return DECLARE_NORM
    return ACCEPT_TRANSFER if kind is Kind.ACCEPT and takes_transfer(event) else RULES[kind]


@dataclass(frozen=True, slots=True)
class Inference:
    """One row of the inference table; an empty tuple means that anything matches."""

    kind: Kind
    step: Step
    types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    biz_steps: tuple[str, ...] = ()
    dispositions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    note: str = field(default="", compare=False)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the row speaks of this event."""
        biz_step = cbv.bare(event.get("bizStep", ""), "bizStep")
        disposition = cbv.bare(event.get("disposition", ""), "disposition")
        return (
            _in(event.get("type"), self.types)
            and _in(event.get("action"), self.actions)
            and _in(biz_step, self.biz_steps)
            and _in(disposition, self.dispositions)
            and all(need in event for need in self.needs)
        )


def infer(event: Mapping[str, Any]) -> tuple[Kind, Step]:
    """Kind and step of an event that names none: the first row of the table that matches, else OBSERVE.

    Args:
        event: a valid EPCIS event.
    """
    for row in inference_table():
        if row.matches(event):
            return row.kind, row.step
    return Kind.OBSERVE, Step.NONE


@cache
def inference_table() -> tuple[Inference, ...]:
    """The rows of `schemas/kind-inference.json`, in order."""
    text = files("ledger.events").joinpath("schemas", "kind-inference.json").read_text("utf-8")
    return tuple(
        Inference(
            Kind[row["kind"]],
            Step[row.get("step", "NONE")],
            tuple(row.get("type", ())),
            tuple(row.get("action", ())),
            tuple(row.get("bizStep", ())),
            tuple(row.get("disposition", ())),
            tuple(row.get("needs", ())),
            row.get("note", ""),
        )
        for row in json.loads(text, parse_float=Decimal)["rows"]
    )


def _in(value: Any, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted
