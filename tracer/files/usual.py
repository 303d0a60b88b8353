"""Legs of movements: the tables that rows are read by, how lots are called, and the leg of the usual row.

Nearly every row of a large book is alike: one quantity of a coded lot, in the unit of its code. `Usual` reads
those in one go; all others go the long way of `movements`, which says the same of the usual ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ledger.vocabulary import Balance, Kind, LineRole, Thing
from tracer.book import Leg
from tracer.files.records import Reference
from tracer.labels import label

MADE = {
    "": LineRole.PRODUCT,
    "product": LineRole.PRODUCT,
    "co-product": LineRole.CO_PRODUCT,
    "scrap": LineRole.SCRAP,
    "semi": LineRole.SEMI_FINISHED,
}
BALANCE = {
    "material": Balance.RAW,
    "semi": Balance.RAW,
    "wip": Balance.WIP,
    "product": Balance.FINISHED,
    "scrap": Balance.SCRAP,
}
STOCK = {
    "": "material",
    "semi": "material",
    "material": "material",
    "wip": "wip",
    "product": "product",
    "co-product": "product",
    "scrap": "scrap",
}
THINGS = {"container": Thing.CONTAINER, "cargo": Thing.CARGO}
BOXES = {Thing.CONTAINER: LineRole.CONTAINER, Thing.CARGO: LineRole.CARGO}
PLAIN = {
    Kind.RECEIVE_FACTORY: (LineRole.OUTPUT, Balance.RAW),
    Kind.RECEIVE_DOMESTIC: (LineRole.OUTPUT, Balance.RAW),
    Kind.FG_RETURN: (LineRole.OUTPUT, Balance.FINISHED),
    Kind.ISSUE_PROD: (LineRole.NONE, Balance.RAW),
    Kind.RETURN_PROD: (LineRole.NONE, Balance.WIP),
    Kind.EXPORT_LOAD: (LineRole.NONE, Balance.FINISHED),
}
"""Kinds whose one leg is always the same: its role and balance."""
_STATED = frozenset({
    Kind.REEXPORT, Kind.UNLOAD, Kind.REPURPOSE, Kind.SELL_INLAND, Kind.SCRAP_OUT, Kind.DESTROY})
"""Kinds whose one leg is of the balance that its row names."""
_USED = (LineRole.INPUT, Balance.WIP)


@dataclass(slots=True)
class Lots:
    """Names of lots. One number used for several codes (as ERPs do) stands for as many lots.

    Attributes:
        enterprise: lots are called `enterprise/number`.
        codes: codes by lot number.
    """

    enterprise: str
    codes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def unit(self, lot: str, code: str) -> str:
        """How the lot is called; empty for none."""
        if not lot:
            return ""
        several = len(self.codes.get(lot, ())) > 1
        return label(self.enterprise, f"{lot} ({code})" if several else lot)

    def code(self, lot: str) -> str:
        """The one code of a lot number; empty where there is none or more than one."""
        known = self.codes.get(lot, set())
        return next(iter(known)) if len(known) == 1 else ""


@dataclass(slots=True)
class Usual:
    """Reads the one leg of a usual row."""

    reference: Reference
    lots: Lots
    _units: dict[tuple[str, str], str] = field(default_factory=dict)

    def leg(self, kind: Kind, values: dict[str, Any]) -> Leg | None:
        """The leg of a sound row that names code and unit; None for what needs a closer look.

        Asked once the codes of all lots are known.
        """
        get = values.get
        role, quantity, uom, declaration = get("role", ""), get("quantity"), get("uom"), get("declaration")
        code = get("code", "")
        code = self.reference.codes.get(code, code)
        if not quantity or quantity < 0 or not code or not uom or role in THINGS or "container" in values:
            return None
        if (not declaration) is not (not get("line")):
            return None
        if kind in PLAIN:
            if kind is Kind.RECEIVE_FACTORY and not declaration:
                return None
            part, balance = PLAIN[kind]
        elif kind is Kind.TRANSFORM:
            side = get("side")
            if role == "loss" or not (side or role):
                return None
            part, balance = _USED if side == "in" else (MADE.get(role, LineRole.PRODUCT), Balance.NONE)
        elif kind in _STATED:
            part, balance = LineRole.NONE, BALANCE.get(role, Balance.NONE)
        else:
            return None
        if self.reference.units.setdefault(code, uom) != uom:
            return None
        lot = get("lot", "")
        unit = self._units.get((lot, code))
        if unit is None:
            unit = self._units[lot, code] = self.lots.unit(lot, code)
        return Leg(unit, Thing.LOT, part, balance, quantity, code, uom)
