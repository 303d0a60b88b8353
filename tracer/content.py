"""What an event's EPCIS document says beyond its signed lines: the parts that the rules read.

One reading for the index's opened payloads and for files, so that both give the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ledger.vocabulary import MICRO, Balance, LineRole
from tracer.beside import NOTHING_MORE, Document, More
from tracer.book import Leg, Loss, Weighing
from tracer.labels import line_label
from tracer.quantity import micro, nearest, number

_PIECE = ":sgtin:"
"""Identifiers of single pieces of trade items (GS1)."""


@dataclass(frozen=True, slots=True)
class Content:
    """Parts of a document.

    Attributes:
        epcis_id: its eventID, empty if it has none.
        seals, customs_seals, broken_seals: numbers of the seals named, of those that are of customs, and of
            those found broken or tampered with.
        loss: declared process losses. cited: keys of the declaration lines that it names as transactions.
        weighing: the first mass that a scale reported. more: what only some rules ask.
    """

    epcis_id: str = ""
    seals: tuple[str, ...] = ()
    customs_seals: tuple[str, ...] = ()
    broken_seals: tuple[str, ...] = ()
    loss: tuple[Loss, ...] = ()
    cited: tuple[str, ...] = ()
    reason: str = ""
    product: str = ""
    weighing: Weighing | None = None
    more: More = NOTHING_MORE


def content_of(document: Mapping[str, Any]) -> Content:
    """The parts of an EPCIS event of the customs profile; its decimals are no floats."""
    seals = document.get("cl:seals") or ()
    transactions = document.get("bizTransactionList") or ()
    return Content(
        epcis_id=str(document.get("eventID") or ""),
        seals=tuple(str(s["number"]) for s in seals),
        customs_seals=tuple(str(s["number"]) for s in seals if s.get("source") == "CUS"),
        broken_seals=tuple(str(s["number"]) for s in seals if s.get("condition")),
        loss=tuple(Loss(x["code"], micro(x["quantity"]), x["uom"]) for x in document.get("cl:loss") or ()),
        cited=tuple(filter(None, (line_label(str(t.get("bizTransaction", ""))) for t in transactions))),
        reason=str(document.get("cl:reason") or ""), product=str(document.get("cl:product") or ""),
        weighing=_weighing(document),
        more=_more(document))


def _more(document: Mapping[str, Any]) -> More:
    """Papers, amounts, single pieces, and what devices reported beside a mass."""
    amount = document.get("cl:amount") or {}
    volume = temperature = None
    device = alarm = ""
    for element in document.get("sensorElementList") or ():
        device = device or _device(element)
        for report in element.get("sensorReport") or ():
            device = device or str(report.get("deviceID") or "")
            alarm = alarm or str(report.get("exception") or "").rpartition(":")[2]
            value = report.get("value")
            kind = str(report.get("type", "")).rpartition(":")[2].rpartition("-")[2]
            if kind == "Volume" and report.get("uom") == "LTR" and value is not None:
                volume = number(value)
            elif kind == "Temperature" and report.get("uom") == "CEL" and value is not None:
                temperature = number(value)
    more = More(
        documents=tuple(Document(str(d["number"]), str(d["type"]), str(d.get("sha256", "")).lower())
                        for d in document.get("cl:documents") or ()),
        value=None if amount.get("value") is None else number(amount["value"]),
        currency=str(amount.get("currency") or ""), device=device, volume=volume, temperature=temperature,
        channel=str(document.get("cl:channel") or "").lower(),
        serials=tuple(str(epc) for epc in document.get("epcList") or () if _PIECE in str(epc)), alarm=alarm)
    return NOTHING_MORE if more == NOTHING_MORE else more


def _device(element: Mapping[str, Any]) -> str:
    reading = element.get("cl:reading")
    if isinstance(reading, dict) and reading.get("device"):
        return str(reading["device"])
    return str((element.get("sensorMetadata") or {}).get("deviceID") or "")


def _weighing(document: Mapping[str, Any]) -> Weighing | None:
    """The first mass in kilograms that a scale reported, with the tare stated beside it."""
    for element in document.get("sensorElementList") or ():
        for report in element.get("sensorReport") or ():
            kind = str(report.get("type", "")).rpartition(":")[2].rpartition("-")[2]
            if kind == "Mass" and report.get("uom") == "KGM" and report.get("value") is not None:
                tare = document.get("cl:tareKg")
                return Weighing(nearest(number(report["value"]) * MICRO),
                                None if tare is None else nearest(number(tare) * MICRO))
    return None


def moved(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """Lots of an accepted transfer: the event states what the new one has, the old one loses as much."""
    own = [leg for leg in legs if leg.role in (LineRole.INPUT, LineRole.OUTPUT)]
    quantity_micro = sum(leg.quantity_micro for leg in own if leg.role == LineRole.OUTPUT)
    return tuple(replace(leg, balance=Balance.RAW, quantity_micro=quantity_micro) for leg in own)
