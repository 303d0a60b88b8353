"""The movements of a book as events.jsonl: the same acts, said as EPCIS events of the customs profile.

Every other file of the folder stays what it is. An event has a moment where a row may have a day: `Minutes`
gives each row the one that counts for it, so that both say the same. What the profile has no place for
(where a lot was issued, who bought the scrap) is not in the events.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from journey.documents import CONTEXT, Event, box, drawn_from, make, moment, number, parties

from ledger.events.ids import UnitType, identifier
from ledger.events.strict_json import dump_json
from ledger.vocabulary import Balance, Kind
from tracer.files.faults import Faults
from tracer.files.folder import EVENTS
from tracer.files.judge import EARLIEST
from tracer.files.movements import CUSTOMS, JOINED
from tracer.files.settings import read_settings
from tracer.files.usual import BALANCE, MADE

Row = dict[str, str]
MOVEMENTS = "movements.csv"
_NEW = frozenset({Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.FG_RETURN})
_HANDED = frozenset({Kind.OFFER, Kind.ACCEPT})
_BY_CUSTOMS = frozenset({Kind.HOLD, Kind.UNHOLD, Kind.ELIGIBLE, Kind.REVOKE})
_NO_BOOK = frozenset({Kind.ARRIVE, Kind.GATE_OUT, *_HANDED, *_BY_CUSTOMS})
_SAID = frozenset({
    "id", "at", "kind", "op", "side", "role", "code", "lot", "parent", "quantity", "uom", "declaration",
    "line", "product", "place", "actor", "partner", "document", "recorded_at", "reason"})
"""Columns that an event can say, or that no finding of these kinds looks at."""


class Minutes:
    """Gives each row of a day the minute that counts for it: the first for what brings goods or rights, the
    last for all else. Of one lot's rows of a kind each is two minutes further in, or they would look like one
    act told twice (L8).
    """

    def __init__(self) -> None:
        self._rows: Counter[tuple[str, ...]] = Counter()

    def __call__(self, row: Row) -> Row:
        """The row with its minute; one with a time as it is."""
        if "T" in row["at"]:
            return row
        told = (row["at"], row["kind"], row.get("lot", ""))
        self._rows[told] += Kind[row["kind"]] not in JOINED
        minute = 2 * max(self._rows[told] - 1, 0)
        at = f"{minute // 60:02d}:{minute % 60:02d}" if Kind[row["kind"]] in EARLIEST else \
            f"{23 - minute // 60:02d}:{59 - minute % 60:02d}"
        return {**row, "at": f"{row['at']}T{at}"}


def as_events(source: Path, target: Path) -> int:
    """Copy a book folder, with events.jsonl in place of its movements; how many events that are.

    Raises:
        ValueError: a row says what no event says, or the rows of an act do not stand together.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(MOVEMENTS))
    settings = read_settings(source, Faults())
    composer, written = Composer(settings.id, settings.enterprise), 0
    with (source / MOVEMENTS).open(encoding="utf-8", newline="") as rows, \
            (target / EVENTS).open("w", encoding="utf-8") as file:
        for envelope in composer.events(csv.DictReader(rows)):
            file.write(dump_json(envelope) + "\n")
            written += 1
    return written


@dataclass(slots=True)
class Composer:
    """Says rows of movements.csv as events; remembers which lots are products or scrap, and open offers."""

    book: str
    enterprise: str
    _kept: dict[str, Balance] = field(default_factory=dict)
    _offers: dict[str, str] = field(default_factory=dict)
    _acts: set[tuple[str, str]] = field(default_factory=set)

    def events(self, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
        """Lines of events.jsonl: poster, time of recording where it is told, event."""
        told = ({k: v for k, v in row.items() if v} for row in rows)
        for (kind, _), group in groupby(map(Minutes(), told), key=_act):
            act = list(group)
            for row in act:
                if row.keys() - _SAID:
                    raise ValueError(f"no event says {', '.join(sorted(row.keys() - _SAID))} of {kind}")
            if Kind[kind] is Kind.ADJUST:
                raise ValueError("an event that adjusts names the event that it answers, a row need not")
            poster = act[0].get("actor") or (CUSTOMS if Kind[kind] in _BY_CUSTOMS else self.enterprise)
            event = self._event(Kind[kind], act, poster)
            recorded = max((row["recorded_at"] for row in act if "recorded_at" in row), default="")
            yield {"as": poster, **({"recordedAt": recorded} if recorded else {}), "event": event}

    def _event(self, kind: Kind, rows: list[Row], poster: str) -> Event:
        first = rows[0]
        name = first.get("op") or first["id"]
        if first.get("op"):
            if (kind.name, name) in self._acts:
                raise ValueError(f"the rows of {name} do not stand together")
            self._acts.add((kind.name, name))
        place = f"https://{self.enterprise}.example/places/{first.get('place', 'factory')}"
        fields: dict[str, Any] = {} if kind in _NO_BOOK else {"cl_book": self.book}
        if "document" in first:
            fields["cl_documents"] = [{"type": "slip", "number": first["document"]}]
        cited = next((r for r in rows if "declaration" in r), None)
        if cited is not None:
            fields["bizTransactionList"] = drawn_from(cited["declaration"], cited["line"])
        if first.get("role") == "container":
            fields |= self._box(kind, first, place)
        elif kind is Kind.TRANSFORM:
            fields |= self._made(rows)
        elif kind in (Kind.SPLIT, Kind.MERGE):
            fields |= self._regrouped(kind, rows)
        else:
            fields |= self._lot(kind, first, poster)
        event = make(
            kind.name, name, first["at"][:16], place, cl_product=first.get("product"),
            cl_reason=first.get("reason"), type_="TransformationEvent" if kind is Kind.TRANSFORM
            else "ObjectEvent", **fields)
        del event["label"]
        if len(first["at"]) > 16:
            event["eventTime"] = moment(first["at"][:16])[:16] + first["at"][16:] + moment("")[3:]
        return {"@context": CONTEXT, "eventID": self._id(name), **event}

    def _id(self, name: str) -> str:
        return f"https://{self.enterprise}.example/events/{name}"

    def _urn(self, lot: str) -> str:
        return identifier(UnitType.LOT, self.enterprise, lot)

    def _quantity(self, row: Row) -> dict[str, Any]:
        named: dict[str, Any] = {"epcClass": self._urn(row["lot"])}
        if "quantity" in row:
            named |= {"quantity": number(row["quantity"]), "uom": row["uom"]}
        return named

    def _box(self, kind: Kind, row: Row, place: str) -> dict[str, Any]:
        consignment, _, name = row["lot"].rpartition("/")
        return {"epcList": [box(name)], "cl_consignment": consignment,
                **({"bizLocation": place} if kind is Kind.ARRIVE else {})}

    def _lot(self, kind: Kind, row: Row, poster: str) -> dict[str, Any]:
        line: dict[str, Any] = {"id": self._urn(row["lot"])}
        if kind in _NEW:
            line |= {"role": "OUTPUT", "material": {"code": row["code"], "uom": row["uom"]}}
        elif kind in _HANDED or kind in (Kind.SELL_INLAND, Kind.REPURPOSE, Kind.DESTROY):
            line["balance"] = self._balance(row).name
        said: dict[str, Any] = {"quantityList": [self._quantity(row)], "cl_lines": [line]}
        if kind in _HANDED:
            pair = (poster, row["partner"]) if kind is Kind.OFFER else (row["partner"], poster)
            said |= parties(*(f"https://{who}.example" for who in pair))
        if kind is Kind.OFFER:
            self._offers[row["lot"]] = self._id(row["id"])
        elif kind is Kind.ACCEPT:
            said |= {"cl_reference": self._offers.pop(row["lot"]), "bizLocation": said.get("readPoint")}
        return said

    def _balance(self, row: Row) -> Balance:
        return BALANCE.get(row.get("role", "")) or self._kept.get(row["lot"], Balance.RAW)

    def _regrouped(self, kind: Kind, rows: list[Row]) -> dict[str, Any]:
        inputs = [r for r in rows if r.get("side") == "in"]
        outputs = [r for r in rows if r.get("side") != "in"]
        parents = [r["parent"] for r in rows if "parent" in r] + [r["lot"] for r in inputs]
        stated = [self._quantity(r) for r in inputs] if kind is Kind.MERGE else \
            [{"epcClass": self._urn(p)} for p in parents]
        lines = [{"id": self._urn(p), "role": "INPUT"} for p in parents]
        for row in outputs:
            self._kept[row["lot"]] = self._balance(row)
            balance = {"balance": self._balance(row).name} if kind is Kind.SPLIT else {}
            lines.append({"id": self._urn(row["lot"]), "role": "OUTPUT", **balance})
        return {"quantityList": [*stated, *map(self._quantity, outputs)], "cl_lines": lines}

    def _made(self, rows: list[Row]) -> dict[str, Any]:
        inputs = [r for r in rows if r["side"] == "in"]
        outputs = [r for r in rows if r["side"] == "out" and r.get("role") != "loss"]
        lines: list[dict[str, Any]] = [{"id": self._urn(r["lot"]), "role": "INPUT"} for r in inputs]
        for row in outputs:
            role = row.get("role", "product")
            self._kept[row["lot"]] = {
                "semi": Balance.RAW, "scrap": Balance.SCRAP}.get(role, Balance.FINISHED)
            lines.append({"id": self._urn(row["lot"]), "role": MADE[role].name,
                          "material": {"code": row["code"], "uom": row["uom"]}})
        return {
            "inputQuantityList": [self._quantity(r) for r in inputs],
            "outputQuantityList": [self._quantity(r) for r in outputs], "cl_lines": lines,
            "cl_loss": [{"code": r["code"], "quantity": Decimal(r["quantity"]), "uom": r["uom"]}
                        for r in rows if r.get("role") == "loss"]}


def _act(row: Row) -> tuple[str, str]:
    return row["kind"], row.get("op", "") if Kind[row["kind"]] in JOINED and "op" in row else row["id"]
