"""Who and what the story is about: parties, places, books, materials, containers, declarations, norms.

All names of parties are invented; HS codes are HS 2022, units of measure UNECE Rec 20, places UN/LOCODE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from journey.documents import check_digit

CUSTOMS_PORT = "customs-hai-phong"
CUSTOMS_INLAND = "customs-bac-ninh"
LINE = "red-delta-line"
TERMINAL = "cat-hai-terminal"
YARD = "do-son-yard"
CFS = "an-hai-cfs"
TRUCK = "song-cam-trucking"
GARMENT = "thanh-lam-garment"
PRINTER = "phuc-hai-print"
SPORTS = "an-khe-sportswear"
AUDIT = "audit-north"

PARTICIPANTS: list[tuple[str, str, list[str], int]] = [
    (CUSTOMS_PORT, "Customs office at the port of Hai Phong", ["CUSTOMS"], 0),
    (CUSTOMS_INLAND, "Customs office of Bac Ninh", ["CUSTOMS"], 1),
    (LINE, "Red Delta Line", ["CARRIER"], 255),
    (TERMINAL, "Cat Hai Container Terminal", ["TERMINAL"], 255),
    (YARD, "Do Son Container Yard", ["YARD"], 255),
    (CFS, "An Hai CFS Warehouse", ["WAREHOUSE"], 255),
    (TRUCK, "Song Cam Trucking", ["CARRIER"], 255),
    (GARMENT, "Thanh Lam Garment Co., Ltd.", ["PROCESSOR"], 255),
    (PRINTER, "Phuc Hai Textile Printing", ["PROCESSOR"], 255),
    (SPORTS, "An Khe Sportswear Co., Ltd.", ["PROCESSOR"], 255),
    (AUDIT, "Post-clearance audit, northern region", ["AUDITOR"], 255),
]

FACILITIES: list[tuple[str, str, str, str, bool]] = [
    ("cat-hai-terminal", "VNHPH", "Cat Hai Container Terminal, Hai Phong", TERMINAL, True),
    ("do-son-yard", "VNHPH", "Do Son Container Yard, Hai Phong", YARD, True),
    ("an-hai-cfs", "VNHPH", "An Hai CFS Warehouse, Hai Phong", CFS, True),
    ("thanh-lam-factory", "VNBNH", "Thanh Lam factory, Bac Ninh", GARMENT, False),
    ("phuc-hai-workshop", "VNBNH", "Phuc Hai print works, Bac Ninh", PRINTER, False),
    ("an-khe-factory", "VNHDU", "An Khe factory, Hai Duong", SPORTS, False),
]

BOOK_GARMENT = "thanh-lam-sxxk"
BOOK_SPORTS = "an-khe-gc"
BOOKS: list[tuple[str, str, str, str, list[str]]] = [
    (BOOK_GARMENT, "Thanh Lam, material imported for export production", GARMENT, "SXXK", ["NAME_CONTAINER"]),
    (BOOK_SPORTS, "An Khe, processing for a foreign party", SPORTS, "GC", ["NAME_CONTAINER"]),
]


def uri(participant: str) -> str:
    """URI of a participant."""
    return f"https://{participant}.example/"


def place(facility: str) -> str:
    """URI of a facility, as it stands in readPoint and bizLocation."""
    code = next(f[1] for f in FACILITIES if f[0] == facility)
    return f"urn:cargoledger:place:{code}:{facility}"


AT_TERMINAL, AT_YARD, AT_CFS = place("cat-hai-terminal"), place("do-son-yard"), place("an-hai-cfs")
AT_GARMENT, AT_PRINTER, AT_SPORTS = (
    place("thanh-lam-factory"),
    place("phuc-hai-workshop"),
    place("an-khe-factory"),
)
AT_PORT_OFFICE, AT_INLAND_OFFICE = (
    "urn:cargoledger:place:VNHPH:customs-office",
    "urn:cargoledger:place:VNBNH:customs-office",
)


def directory() -> dict[str, Any]:
    """The directory that the authority publishes: numbers, ids, URIs, roles, places, books."""
    return {
        "participants": [
            {"number": i, "id": id_, "uri": uri(id_), "name": name, "roles": roles, "hold_bit": bit}
            for i, (id_, name, roles, bit) in enumerate(PARTICIPANTS, start=1)
        ],
        "facilities": [
            {
                "number": i,
                "id": id_,
                "uri": place(id_),
                "name": name,
                "operator": operator,
                "supervised": supervised,
            }
            for i, (id_, _, name, operator, supervised) in enumerate(FACILITIES, start=1)
        ],
        "books": [
            {"number": i, "id": id_, "name": name, "owner": owner, "regime": regime, "options": options}
            for i, (id_, name, owner, regime, options) in enumerate(BOOKS, start=1)
        ],
    }


@dataclass(frozen=True, slots=True)
class Goods:
    """A material or product code."""

    code: str
    uom: str
    description: str
    hs: str

    def as_material(self) -> dict[str, str]:
        """The code as `cl:lines[].material` states it."""
        return {"code": self.code, "uom": self.uom, "description": self.description, "hs": self.hs}


GOODS = {
    g.code: g
    for g in (
        Goods("FAB-PES-150", "MTR", "Woven polyester fabric, dyed, 150 g/m2, width 150 cm", "54075200"),
        Goods("LIN-PES-110", "MTR", "Polyester taffeta lining, width 150 cm", "54076190"),
        Goods("PAD-PES-100", "MTR", "Polyester wadding 100 g/m2, width 150 cm", "56012200"),
        Goods("ZIP-NY-60", "C62", "Nylon slide fastener, 60 cm", "96071900"),
        Goods("THR-PES-40", "KGM", "Polyester sewing thread 40/2", "54011020"),
        Goods("BUT-RES-20", "C62", "Resin button, 20 mm", "96062100"),
        Goods("JKT-M-01", "C62", "Men's padded jacket, woven polyester", "62014090"),
        Goods("PCH-01", "C62", "Drawstring pouch cut from jacket offcuts", "63079090"),
        Goods("TRS-M-03", "C62", "Men's trousers, woven polyester", "62034300"),
        Goods("FAB-KNT-180", "MTR", "Knitted polyester fabric, dyed, 180 g/m2", "60063200"),
        Goods("TEE-01", "C62", "Sports T-shirt, knitted polyester", "61099030"),
    )
}

# Containers: number, consignment (bill of lading), bolt seal of the carrier, gross and tare in kilograms.
A1, A2, A3 = check_digit("RDLU201170"), check_digit("RDLU201182"), check_digit("RDLU201199")
B1, C1 = check_digit("RDLU304416"), check_digit("RDLU277023")
X1, X2, X3, X4 = (check_digit(f"RDLU{n}") for n in ("415501", "415634", "415647", "420018"))
BILL_A, BILL_B, BILL_C = "RDLHPH2502117", "RDLHPH2505238", "RDLHPH2503061"
BOOKING_1, BOOKING_2, BOOKING_4 = "RDLVN25040881", "RDLVN25101442", "RDLVN25041207"
SEALS = {
    A1: "RD4471120",
    A2: "RD4471121",
    A3: "RD4471122",
    B1: "RD4503377",
    C1: "RD4480914",
    X1: "RD5500101",
    X2: "RD5510228",
    X3: "RD5510229",
    X4: "RD5500377",
}
CUSTOMS_SEAL_B = "VNHQ0091745"
GROSS_KG = {
    A1: "8120",
    A2: "9460",
    A3: "7385",
    B1: "10240",
    C1: "6930",
    X1: "9870",
    X2: "9310",
    X3: "6425",
    X4: "5260",
}
TARE_KG = "3750"
CONSIGNMENT = {
    A1: BILL_A,
    A2: BILL_A,
    A3: BILL_A,
    B1: BILL_B,
    C1: BILL_C,
    X1: BOOKING_1,
    X2: BOOKING_2,
    X3: BOOKING_2,
    X4: BOOKING_4,
}


DONG_PER_DOLLAR = 25_400


@dataclass(frozen=True, slots=True)
class DeclarationLine:
    """One line of a customs declaration, with the days on which it moved."""

    declaration: str
    line: int
    regime: str
    purpose: str
    code: str
    quantity: str
    value: str
    duty_rate: str
    partner: str
    registered: str
    cleared: str
    exited: str = ""
    original: tuple[str, int] | None = None
    origin: str = "CN"
    owner: str = GARMENT

    @property
    def taxable_value(self) -> str:
        """Value in dong, at the story's one rate of exchange; `value` is the invoice in US dollars."""
        return str(int(self.value) * DONG_PER_DOLLAR)

    @property
    def direction(self) -> str:
        """`export` for E42, E52, E62, else `import` (a change of purpose is declared anew for import)."""
        return "export" if self.purpose == "EXPORT" else "import"

    def content(self) -> dict[str, str]:
        """The line as `cl:declaration` states it."""
        goods = GOODS[self.code]
        original = self.original or ("", "")
        return {
            "declaration": self.declaration,
            "line": str(self.line),
            "direction": self.direction,
            "regime": self.regime,
            "purpose": self.purpose,
            "code": self.code,
            "description": goods.description,
            "hs": goods.hs,
            "origin": self.origin,
            "quantity": self.quantity,
            "uom": goods.uom,
            "value": self.taxable_value,
            "currency": "VND",
            "dutyRate": self.duty_rate,
            "partner": self.partner,
            "originalDeclaration": str(original[0]),
            "originalLine": str(original[1]),
            "registeredAt": f"{self.registered.replace(' ', 'T')}:00+07:00",
            "enterprise": self.owner,
        }


E31_A, E31_B, E21_C = "106550118230", "106820447110", "106611907450"
E62_1, E62_2, E52_1 = "306904471220", "307318802640", "306978120330"
A42_1, A42_2 = "107102235980", "107441190520"
SUPPLIER, BUYER, PRINCIPAL = (
    "Ruilin Textile, Shaoxing",
    "Nordfjell Outdoor AS, Oslo",
    "Kaede Sports KK, Osaka",
)
INLAND_BUYER = "Hong Ha Fashion, Ha Noi"


def _import_a(line: int, code: str, quantity: str, value: str, rate: str) -> DeclarationLine:
    return DeclarationLine(
        E31_A,
        line,
        "E31",
        "RECEIVE",
        code,
        quantity,
        value,
        rate,
        SUPPLIER,
        "2025-02-10 08:40",
        "2025-02-18 15:20",
    )


def _import_b(line: int, code: str, quantity: str, value: str, rate: str) -> DeclarationLine:
    return DeclarationLine(
        E31_B,
        line,
        "E31",
        "RECEIVE",
        code,
        quantity,
        value,
        rate,
        SUPPLIER,
        "2025-05-12 09:05",
        "2025-05-16 16:30",
    )


LINES: list[DeclarationLine] = [
    _import_a(1, "FAB-PES-150", "16000", "23200", "12"),
    _import_a(2, "LIN-PES-110", "9000", "7200", "12"),
    _import_a(3, "PAD-PES-100", "8000", "8800", "10"),
    _import_a(4, "ZIP-NY-60", "30000", "3600", "20"),
    DeclarationLine(
        E21_C,
        1,
        "E21",
        "RECEIVE",
        "FAB-KNT-180",
        "6000",
        "13200",
        "12",
        PRINCIPAL,
        "2025-03-04 10:15",
        "2025-03-06 14:00",
        origin="JP",
        owner=SPORTS,
    ),
    DeclarationLine(
        E62_1,
        1,
        "E62",
        "EXPORT",
        "JKT-M-01",
        "5500",
        "104500",
        "0",
        BUYER,
        "2025-04-07 08:30",
        "2025-04-07 10:10",
        "2025-04-11 18:00",
        origin="VN",
    ),
    DeclarationLine(
        E62_1,
        2,
        "E62",
        "EXPORT",
        "PCH-01",
        "1500",
        "1800",
        "0",
        BUYER,
        "2025-04-07 08:30",
        "2025-04-07 10:10",
        "2025-04-11 18:00",
        origin="VN",
    ),
    DeclarationLine(
        E52_1,
        1,
        "E52",
        "EXPORT",
        "TEE-01",
        "4800",
        "33600",
        "0",
        PRINCIPAL,
        "2025-04-21 09:00",
        "2025-04-21 11:30",
        "2025-04-25 17:10",
        origin="VN",
        owner=SPORTS,
    ),
    _import_b(1, "FAB-PES-150", "8000", "11760", "12"),
    _import_b(2, "LIN-PES-110", "4000", "3240", "12"),
    _import_b(3, "ZIP-NY-60", "6000", "720", "20"),
    DeclarationLine(
        A42_1,
        1,
        "A42",
        "CHANGE_OF_PURPOSE",
        "FAB-PES-150",
        "400",
        "580",
        "12",
        INLAND_BUYER,
        "2025-05-23 09:20",
        "2025-05-26 10:00",
        original=(E31_A, 1),
    ),
    DeclarationLine(
        E62_2,
        1,
        "E62",
        "EXPORT",
        "TRS-M-03",
        "5000",
        "60000",
        "0",
        BUYER,
        "2025-10-06 08:20",
        "2025-10-06 10:45",
        "2025-10-11 16:40",
        origin="VN",
    ),
    DeclarationLine(
        E62_2,
        2,
        "E62",
        "EXPORT",
        "TRS-M-03",
        "2600",
        "31200",
        "0",
        BUYER,
        "2025-10-06 08:20",
        "2025-10-06 10:45",
        "2025-10-11 16:40",
        origin="VN",
    ),
    DeclarationLine(
        E62_2,
        3,
        "E62",
        "EXPORT",
        "JKT-M-01",
        "2800",
        "53200",
        "0",
        BUYER,
        "2025-10-06 08:20",
        "2025-10-06 10:45",
        "2025-10-11 16:40",
        origin="VN",
    ),
    DeclarationLine(
        A42_2,
        1,
        "A42",
        "CHANGE_OF_PURPOSE",
        "JKT-M-01",
        "150",
        "2550",
        "20",
        INLAND_BUYER,
        "2025-11-17 09:00",
        "2025-11-18 10:30",
        original=(E31_A, 1),
    ),
]


@dataclass(frozen=True, slots=True)
class NormLine:
    """Material used per unit of product. `loss_rate` is the share that becomes scrap or is lost."""

    product: str
    material: str
    norm: str
    loss_rate: str
    flag: str = ""


NORMS: list[NormLine] = [
    NormLine("JKT-M-01", "FAB-PES-150", "1.6", "0.05"),
    NormLine("JKT-M-01", "LIN-PES-110", "1.2", "0.04"),
    NormLine("JKT-M-01", "PAD-PES-100", "0.9", "0.03"),
    NormLine("JKT-M-01", "ZIP-NY-60", "3", "0"),
    NormLine("JKT-M-01", "THR-PES-40", "0.012", "0", "X"),
    NormLine("JKT-M-01", "BUT-RES-20", "4", "0", "X"),
    NormLine("PCH-01", "FAB-PES-150", "0.1", "0.05"),
    NormLine("PCH-01", "THR-PES-40", "0.001", "0", "X"),
    NormLine("TRS-M-03", "FAB-PES-150", "1.25", "0.05"),
    NormLine("TRS-M-03", "LIN-PES-110", "0.25", "0.04"),
    NormLine("TRS-M-03", "ZIP-NY-60", "1", "0"),
    NormLine("TRS-M-03", "THR-PES-40", "0.008", "0", "X"),
    NormLine("TRS-M-03", "BUT-RES-20", "1", "0", "X"),
    NormLine("TEE-01", "FAB-KNT-180", "1.1", "0.04"),
]
NORM_OWNER = {"JKT-M-01": GARMENT, "PCH-01": GARMENT, "TRS-M-03": GARMENT, "TEE-01": SPORTS}
