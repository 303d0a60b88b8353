"""movements.csv as events: rows of one act joined, lots named, quantities in the unit of their code.

A leg whose row names no lot stays without a unit; `judge` finds the lots that it draws from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.vocabulary import Balance, Kind, LineRole, Step, Thing
from tracer.beside import NOTHING_MORE, Document, More
from tracer.book import Count, Event, Leg, Loss, Weighing
from tracer.files import tables as t
from tracer.files.folder import Row
from tracer.files.records import Reference
from tracer.files.usual import BALANCE, BOXES, MADE, PLAIN, STOCK, THINGS, Lots, Usual
from tracer.labels import label
from tracer.moment import Span
from tracer.spelling import container_name

CUSTOMS = "customs"
"""Who acts where a row about holds, eligibility, exit, channel or a check by customs names nobody."""
JOINED = (Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM)
_CUSTOMS_ACTS = frozenset({Kind.HOLD, Kind.UNHOLD, Kind.ELIGIBLE, Kind.REVOKE, Kind.EXIT_CONFIRM})
_CUSTOMS_STEPS = frozenset({Step.CHANNEL, Step.DOC_CHECK, Step.INSPECT})
_KINDS = dict(Kind.__members__)
_NO_STEP = Step.NONE
_MORE = frozenset({"document", "value", "signer", "device", "volume_l", "temperature_c"})
_SEALS = ("seals", "customs_seals", "broken_seals")
_WITHOUT_QUANTITY = frozenset({*t.CUSTODY_KINDS, Kind.EXIT_CONFIRM})


class _Goods(NamedTuple):
    """What a row is about; the lot is empty where it names none."""

    unit: str
    quantity_micro: int
    code: str
    uom: str


@dataclass(slots=True)
class Movements:
    """Reads movements.csv.

    Attributes:
        events: what happened, in no order, lots not yet drawn from.
        counts: stocks that COUNT rows state.
        cited: kinds that cite each declaration line. mores: records that rows share.
    """

    reference: Reference
    lots: Lots
    book: str
    events: list[Event] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    opening: list[tuple[Row, Count, str]] = field(default_factory=list)
    cited: dict[str, set[Kind]] = field(default_factory=lambda: defaultdict(set))
    mores: dict[tuple[Any, ...], More] = field(default_factory=dict)
    _usual: Usual = field(init=False)

    def __post_init__(self) -> None:
        self._usual = Usual(self.reference, self.lots)

    def read(self, rows: Iterable[Row]) -> None:
        """Take in all rows."""
        kept = list(self._once(rows))
        for row in kept:
            get = row.values.get
            if (lot := get("lot")) and (code := get("code")):
                self.lots.codes[lot].add(self.reference.codes.get(code, code))
        joined: dict[tuple[Kind, str], list[Row]] = defaultdict(list)
        for row in kept:
            values = row.values
            kind = _KINDS[values["kind"]]
            if kind not in JOINED:
                leg = self._usual.leg(kind, values)
                if leg is None:
                    self._act(kind, values["id"], [row])
                else:
                    self.events.append(self._event_of_row(kind, values["id"], row, (leg,), ()))
            elif values.get("op"):
                joined[kind, values["op"]].append(row)
            elif kind == Kind.SPLIT:
                self._act(kind, values["id"], [row])
            else:
                self._fault(row, "op", f"{kind.name} has no op.", "Give the rows of one act the same op.")
        for (kind, op), group in joined.items():
            self._act(kind, op, group)

    def _once(self, rows: Iterable[Row]) -> Iterable[Row]:
        seen: dict[str, Row] = {}
        for row in rows:
            values = row.values
            name = values.get("id", "")
            other = seen.setdefault(name, row) if name else row
            if other is row:
                if not name:
                    values["id"] = f"{row.file}:{row.number}"
                yield row
            elif other.values == values:
                self.reference.folder.faults.note(
                    row.file, row.number, "id", f"is row {other.number} once more.", "It was counted once."
                )
            else:
                values["id"] = f"{name} ({row.file}:{row.number})"
                yield row

    def _fault(self, row: Row, column: str, message: str, remedy: str) -> None:
        self.reference.folder.faults.add(row.file, row.number, column, message, remedy)
        code = self.reference.code(row.text("code")) or self.lots.code(row.text("lot"))
        self.reference.folder.faults.incomplete |= {code} - {""}

    def _act(self, kind: Kind, name: str, rows: list[Row]) -> None:
        legs: list[Leg] = []
        losses: list[Loss] = []
        used: list[Row] = []
        for row in rows:
            usual = self._usual.leg(kind, row.values)
            if usual is not None:
                used.append(row)
                legs.append(usual)
                continue
            if not self._sound(kind, row):
                continue
            carried = self._carried(kind, row) if row.get("container") else []
            role = row.values.get("role", "")
            if role in THINGS and kind in t.CUSTODY_KINDS:
                thing = THINGS[role]
                unit = row.text("lot")
                unit = container_name(unit) if thing is Thing.CONTAINER else unit
                legs.append(Leg(unit, thing, BOXES[thing]))
                used.append(row)
                continue
            goods = self._goods(kind, row)
            if goods is None:
                continue
            used.append(row)
            if kind == Kind.TRANSFORM and role == "loss":
                losses.append(Loss(goods.code, goods.quantity_micro, goods.uom))
            else:
                legs.extend([*self._legs(kind, row, goods), *carried])
        if kind == Kind.COUNT:
            self._count(used, legs)
        elif kind == Kind.OPENING:
            self.opening += [
                (
                    row,
                    Count(
                        row["at"], STOCK[row.text("role")], leg.code, leg.quantity_micro, leg.uom, leg.unit
                    ),
                    "own" if row.text("role") == "semi" else "",
                )
                for row, leg in zip(used, legs, strict=True)
            ]
        elif used and (legs or losses):
            self.events.append(self._event(kind, name, used, tuple(_ordered(legs)), tuple(losses)))

    def _carried(self, kind: Kind, row: Row) -> list[Leg]:
        """The container that goods come or go in; none where the kind has no place for it, which is told."""
        if kind in t.CARRIED:
            return [Leg(container_name(row["container"]), Thing.CONTAINER, LineRole.CONTAINER)]
        self.reference.folder.faults.note(
            row.file, row.number, "container", f"{kind.name} names no container; it was ignored.",
            f"Name it with {', '.join(k.name for k in t.CARRIED)}; ARRIVE and its like have it in `lot`.")
        return []

    def _sound(self, kind: Kind, row: Row) -> bool:
        """Whether a row says what its kind needs; else a fault."""
        get = row.values.get
        quantity = get("quantity")
        if (
            quantity is None
            and kind not in _WITHOUT_QUANTITY
            and not (kind == Kind.MERGE or (kind == Kind.SPLIT and get("side", "") == "in"))
        ):
            self._fault(row, "quantity", f"{kind.name} needs a quantity.", "Write how much was moved.")
        elif quantity == 0 and kind not in (Kind.COUNT, Kind.OPENING):
            self._fault(
                row, "quantity", "is zero: nothing was moved.", "Leave the row out, or write how much."
            )
        elif quantity is not None and quantity < 0 and kind != Kind.ADJUST:
            self._fault(
                row,
                "quantity",
                "is below zero.",
                "Use the kind that moves goods the other way (RETURN_PROD, UNLOAD, FG_RETURN), or ADJUST.",
            )
        elif bool(get("declaration")) != bool(get("line")):
            column = "line" if get("declaration") else "declaration"
            self._fault(
                row, column, "is empty.", "A declaration line is named by both: declaration and line."
            )
        elif kind == Kind.RECEIVE_FACTORY and not get("declaration"):
            self._fault(
                row,
                "declaration",
                "RECEIVE_FACTORY names no declaration line.",
                "Name the import line, or use RECEIVE_DOMESTIC for goods bought inland.",
            )
        elif kind in (*JOINED, Kind.TRANSFER) and not (
            get("side") or get("role") or get("parent")
        ):
            self._fault(
                row,
                "side",
                f"{kind.name} does not say whether this goes in or comes out.",
                "Write in or out.",
            )
        elif not get("lot") and (not get("code") or get("role", "") in THINGS):
            if kind in (Kind.HOLD, Kind.UNHOLD) and get("declaration"):
                return True
            if kind == Kind.EXIT_CONFIRM and self._line(row) in self.reference.lines:
                return True  # customs confirms a line; what is loaded for it is of the line's code
            self._fault(row, "lot", f"{kind.name} names neither a lot nor a code.", "Name what was moved.")
        else:
            return True
        return False

    def _goods(self, kind: Kind, row: Row) -> _Goods | None:
        """Lot, quantity, code and unit of a row; None (and a fault) where unclear."""
        reference, get = self.reference, row.values.get
        lot = get("lot", "")
        code = (
            reference.code(get("code", ""))
            or self.lots.code(lot)
            or (self.lots.code(get("parent", "")) if get("parent") else "")
        )
        if not code and (line := self._line(row)) in reference.lines:
            code = reference.lines[line].code
        if not code and kind not in t.CUSTODY_KINDS:
            self._fault(row, "code", f"the code of lot {lot} cannot be told.", "Write the code.")
            return None
        quantity = get("quantity") or 0
        uom = get("uom") or reference.units.get(code, "")
        if not uom and quantity:
            self._fault(row, "uom", f"the unit of measure of {code} cannot be told.", "Write the unit.")
            return None
        if quantity:
            changed = reference.in_unit(row, code, quantity, uom)
            if changed is None:
                return None
            quantity = changed
        return _Goods(self.lots.unit(lot, code), quantity, code, reference.units.get(code, uom))

    def _legs(self, kind: Kind, row: Row, goods: _Goods) -> list[Leg]:
        """The legs that a row stands for, as the event model writes them."""

        def leg(role: LineRole = LineRole.NONE, balance: Balance = Balance.NONE) -> Leg:
            return Leg(goods.unit, Thing.LOT, role, balance, abs(goods.quantity_micro), goods.code, goods.uom)

        if kind in PLAIN:
            return [leg(*PLAIN[kind])]
        role = row.text("role")
        into = row.text("side") == "in" if row.get("side") else False
        if kind in (Kind.HOLD, Kind.UNHOLD) and not goods.unit:
            return []
        if kind == Kind.TRANSFORM:
            return [leg(LineRole.INPUT, Balance.WIP) if into else leg(MADE.get(role, LineRole.PRODUCT))]
        if kind == Kind.TRANSFER:  # in: into this book
            return [leg(LineRole.OUTPUT if into else LineRole.INPUT, Balance.RAW)]
        if kind == Kind.SPLIT and row.get("parent"):
            parent = Leg(
                self.lots.unit(row["parent"], goods.code),
                Thing.LOT,
                LineRole.INPUT,
                Balance.NONE,
                0,
                goods.code,
                goods.uom,
            )
            return [parent, leg(LineRole.OUTPUT, BALANCE.get(role, Balance.NONE))]
        if kind in (Kind.SPLIT, Kind.MERGE):
            return [leg(LineRole.INPUT if into else LineRole.OUTPUT, BALANCE.get(role, Balance.NONE))]
        if kind == Kind.ADJUST:
            less = goods.quantity_micro < 0 or row.text("side") == "out"
            return [leg(LineRole.INPUT if less else LineRole.OUTPUT, BALANCE.get(role, Balance.NONE))]
        return [leg(balance=BALANCE.get(role, Balance.NONE))]

    def _line(self, row: Row) -> str:
        declaration = row.values.get("declaration")
        return label(declaration, row.values["line"]) if declaration else ""

    def _event(
        self, kind: Kind, name: str, rows: list[Row], legs: tuple[Leg, ...], loss: tuple[Loss, ...]
    ) -> Event:
        if len(rows) == 1:
            return self._event_of_row(kind, name, rows[0], legs, loss)
        first = min(rows, key=lambda r: (r["at"], r.number))
        at = Span(first["at"].start_ms, max(r["at"].end_ms for r in rows))
        merged: dict[str, Any] = {}
        for row in rows:
            for column, value in row.values.items():
                merged.setdefault(column, value)
        if any("declaration" in r.values for r in rows):  # a line is named by one row
            named = next(r.values for r in rows if r.get("declaration"))
            merged["line"] = named["line"]
        recorded = [r["recorded_at"] for r in rows if r.get("recorded_at")]
        if recorded:
            merged["recorded_at"] = max(recorded, key=lambda span: span.end_ms)
        merged["at"], merged["id"] = at, first["id"]
        return self._event_of_row(kind, name, Row(first.file, first.number, merged), legs, loss)

    def _event_of_row(
        self, kind: Kind, name: str, row: Row, legs: tuple[Leg, ...], loss: tuple[Loss, ...]
    ) -> Event:
        get = row.values.get
        at: Span = row.values["at"]
        line = self._line(row)
        if line:
            self.cited[line].add(kind)
        known = self.reference.lines
        if line and known and line not in known:
            self.reference.folder.faults.note(
                row.file,
                row.number,
                "declaration",
                f"{line} is not in declarations.",
                "Add the line, or correct its number.",
            )
        recorded: Span = get("recorded_at") or at
        product = get("product", "")
        more = self._more(row) if not _MORE.isdisjoint(row.values) else NOTHING_MORE
        gross: int | None = get("gross_kg")
        named: str = get("step", "")
        step = Step[named] if named else _NO_STEP
        by_customs = kind in _CUSTOMS_ACTS or step in _CUSTOMS_STEPS
        return Event(
            id=name or row.values["id"],
            seq=0,
            kind=kind,
            occurred=at,
            recorded_ms=recorded.end_ms,
            actor=get("actor") or (CUSTOMS if by_customs else self.lots.enterprise),
            legs=legs,
            counterparty=get("partner", ""),
            place=get("place", ""),
            book=self.book,
            line=line if kind != Kind.ELIGIBLE else "",
            cited=(line,) if line and kind == Kind.ELIGIBLE else (),
            product=self.reference.code(product) if product else "",
            loss=loss,
            reason=get("reason", ""),
            step=step,
            seals=tuple(dict.fromkeys(
                seal for column in _SEALS if column in row.values for seal in row.text(column).split())),
            customs_seals=tuple(get("customs_seals", "").split()),
            broken_seals=tuple(get("broken_seals", "").split()),
            weighing=None if gross is None else Weighing(gross, get("tare_kg")),
            more=more,
        )

    def _more(self, row: Row) -> More:
        """What only some rules ask of a row; equal records are one."""
        get = row.values.get
        document = get("document", "")
        said = (document, get("value"), get("currency", ""), get("signer", ""), get("device", ""),
                get("volume_l"), get("temperature_c"))
        known = self.mores.get(said)
        if known is None:
            _, value, currency, signer, device, volume, temperature = said
            known = self.mores[said] = More(
                documents=(Document(document),) if document else (), value=value, currency=currency,
                signer=signer, device=device, volume=volume, temperature=temperature)
        return known

    def _count(self, rows: list[Row], legs: list[Leg]) -> None:
        for row, leg in zip(rows, legs, strict=True):
            self.counts.append(
                Count(
                    row["at"],
                    STOCK[row.text("role")],
                    leg.code,
                    leg.quantity_micro,
                    leg.uom,
                    leg.unit,
                    row.text("place"),
                    row["id"],
                )
            )


def _ordered(legs: list[Leg]) -> list[Leg]:
    """Legs as the ledger has them: what goes in before what comes out, each unit once."""
    if len(legs) < 2:
        return legs
    result: list[Leg] = []
    seen: set[tuple[str, LineRole]] = set()
    for leg in sorted(legs, key=lambda x: (x.role != LineRole.INPUT, x.unit, x.role, x.code)):
        key = (leg.unit, leg.role)
        if leg.unit and leg.role == LineRole.INPUT and not leg.quantity_micro and key in seen:
            continue
        seen.add(key)
        result.append(leg)
    return result
