"""The trades: which materials they take, what they make of them, in which steps.

Norms, losses and weights are decimals chosen so that quantities come out exact to the millionth of a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Material:
    """Something bought: tariff code, unit, weight of a unit in kg, price in VND, duty in per cent."""

    key: str
    name: str
    hs: str
    uom: str
    kg: str
    price: int
    duty: int = 0
    domestic: bool = False
    tank: bool = False


@dataclass(frozen=True)
class Need:
    """What one unit of output takes of an input; `loss` and `scrap` are shares of the norm."""

    key: str
    norm: str
    loss: str = "0"
    scrap: str = "0"


@dataclass(frozen=True)
class Step:
    """One production step.

    Attributes:
        key, name, hs, uom: what it makes. needs: by style; a step that is not the last has one.
        co: a co-product: its key, name, tariff code, how many for how many of the main, needs.
        outside: whether a sub-contractor does it, in a place of its own.
    """

    key: str
    name: str
    hs: str
    uom: str
    needs: tuple[tuple[Need, ...], ...]
    co: tuple[str, str, str, int, int, tuple[Need, ...]] | None = None
    outside: bool = False


@dataclass(frozen=True)
class Archetype:
    """A trade. The last of its `steps` makes the product, those before semi-finished goods."""

    name: str
    regime: tuple[str, str]
    materials: tuple[Material, ...]
    steps: tuple[Step, ...]
    returns: bool = False
    re_exports: bool = False


def _styles(*needs: Need) -> tuple[tuple[Need, ...], ...]:
    """The same bill of materials in four sizes; what is counted in pieces stays."""
    sizes = (Fraction(1), Fraction("1.05"), Fraction("0.95"), Fraction("1.1"))
    return tuple(
        tuple(
            n if "." not in n.norm else Need(n.key, _text(Fraction(n.norm) * size), n.loss, n.scrap)
            for n in needs
        )
        for size in sizes
    )


def _text(value: Fraction) -> str:
    micro = value * 1_000_000
    if micro.denominator != 1:
        raise ValueError(f"{value} has more than six decimals")
    return f"{int(micro) // 1_000_000}.{int(micro) % 1_000_000:06d}".rstrip("0").rstrip(".")


GARMENTS = Archetype(
    "garments",
    ("E31", "E62"),
    (
        Material("FAB", "woven polyester fabric", "54075200", "MTR", "0.225", 38_000, 12),
        Material("LIN", "polyester lining", "54076190", "MTR", "0.165", 20_000, 12),
        Material("ZIP", "nylon slide fastener", "96071900", "C62", "0.02", 3_000, 20),
        Material("BTN", "plastic buttons", "96062100", "C62", "0.001", 400, 15),
        Material("THR", "sewing thread", "54011000", "KGM", "1", 90_000, domestic=True),
    ),
    (
        Step(
            "JKT",
            "men's jacket",
            "62014090",
            "C62",
            _styles(
                Need("FAB", "1.6", "0.02", "0.03"),
                Need("LIN", "1.2", "0", "0.05"),
                Need("ZIP", "1"),
                Need("BTN", "6"),
                Need("THR", "0.012"),
            ),
            co=("PCH", "pouch", "63079090", 2, 5, (Need("FAB", "0.1", "0.05"), Need("THR", "0.001"))),
        ),
    ),
    returns=True,
)
ELECTRONICS = Archetype(
    "electronics",
    ("E31", "E62"),
    (
        Material("PCB", "bare printed circuit board", "85340090", "C62", "0.04", 60_000),
        Material("CHP", "integrated circuit", "85423900", "C62", "0.002", 45_000),
        Material("CAP", "ceramic capacitor", "85322400", "C62", "0.0002", 150, 3),
        Material("SLD", "solder paste", "38101000", "KGM", "1", 900_000, 5),
        Material("CAS", "plastic case", "39269099", "C62", "0.11", 15_000, 12),
        Material("CBL", "power cable", "85444299", "C62", "0.06", 12_000, 10),
        Material("BOX", "printed carton", "48191000", "C62", "0.09", 6_000, domestic=True),
    ),
    (
        Step(
            "PBA",
            "populated board",
            "85177929",
            "C62",
            ((Need("PCB", "1"), Need("CHP", "4"), Need("CAP", "60"), Need("SLD", "0.004", "0.1")),),
        ),
        Step(
            "MOD",
            "radio module",
            "85177921",
            "C62",
            ((Need("PBA", "1"), Need("CHP", "2"), Need("CAP", "12")),),
        ),
        Step(
            "RTR",
            "router",
            "85176251",
            "C62",
            tuple((Need("MOD", n), Need("CAS", "1"), Need("CBL", "1"), Need("BOX", "1")) for n in ("1", "2")),
        ),
    ),
    re_exports=True,
)
SEAFOOD = Archetype(
    "seafood",
    ("E31", "E62"),
    (
        Material("SHR", "raw shrimp, frozen", "03061722", "KGM", "1", 120_000, 5),
        Material("OIL", "soybean oil", "15079090", "KGM", "1", 28_000, 15, tank=True),
        Material("BAG", "printed bag", "39232990", "C62", "0.008", 1_500, 12),
        Material("SLT", "refined salt", "25010092", "KGM", "1", 5_000, domestic=True),
    ),
    (
        Step(
            "PSH",
            "shrimp, peeled and fried",
            "16052100",
            "KGM",
            tuple(
                (
                    Need("SHR", "1.5", "0.1", "0.3"),
                    Need("OIL", oil, "0.25"),
                    Need("BAG", "2"),
                    Need("SLT", salt),
                )
                for oil, salt in (("0.08", "0.024"), ("0.1", "0.009"), ("0.072", "0.03"), ("0.06", "0.039"))
            ),
        ),
    ),
)
FURNITURE = Archetype(
    "furniture",
    ("E31", "E62"),
    (
        Material("OAK", "oak boards, sawn", "44079190", "MTQ", "720", 14_000_000),
        Material("LAC", "wood lacquer", "32082090", "KGM", "1", 110_000, 10),
        Material("FIT", "steel fittings", "83024290", "C62", "0.15", 9_000, 15),
        Material("CTN", "carton", "48191000", "C62", "1.2", 14_000, domestic=True),
    ),
    (
        Step("PNL", "cut panel", "44129990", "C62", ((Need("OAK", "0.02", "0.05", "0.15"),),)),
        Step(
            "LPN",
            "lacquered panel",
            "44129991",
            "C62",
            ((Need("PNL", "1"), Need("LAC", "0.4", "0.25")),),
            outside=True,
        ),
        Step(
            "TBL",
            "dining table",
            "94036090",
            "C62",
            tuple(
                (Need("LPN", panels), Need("FIT", fittings), Need("CTN", "1"))
                for panels, fittings in (("4", "12"), ("6", "16"), ("5", "14"))
            ),
        ),
    ),
)
ARCHETYPES = {a.name: a for a in (GARMENTS, ELECTRONICS, SEAFOOD, FURNITURE)}
