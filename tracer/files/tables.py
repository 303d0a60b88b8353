"""The files of a book folder: which there are, their columns, and what each is good for.

This is the format itself as data: the reader works from it and docs/formats/book.md is written from it.
"""

from __future__ import annotations

from ledger.vocabulary import Kind, Step
from tracer.files.beside_tables import BESIDE
from tracer.files.columns import FORMS, VALID_FROM, VALID_TO, Column, Form, Table

__all__ = ["BESIDE", "FORMS", "TABLES", "Column", "Form", "Table"]

STOCKS = ("material", "wip", "product", "scrap")
_FROM, _TO = VALID_FROM, VALID_TO


def _stock(at: str) -> tuple[Column, ...]:
    return (
        Column("at", "moment", at, required=True),
        Column(
            "stock",
            "choice",
            "which stock; semi-finished goods are material, or wip on the line",
            required=True,
            choices=STOCKS,
        ),
        Column("code", "name", "material or product code", required=True),
        Column("lot", "name", "lot number; empty: stock of the code without lots"),
        Column("quantity", "quantity", "how much", required=True),
        Column("uom", "uom", "its unit of measure", required=True),
        Column("place", "name", "where it is"),
    )


DECLARATIONS = Table(
    "declarations",
    "A line of an import or export declaration.",
    (
        Column("declaration", "name", "declaration number", required=True),
        Column("line", "name", "its line number", required=True),
        Column("direction", "choice", "import or export", required=True, choices=("import", "export")),
        Column("regime", "name", "regime code: E31, E62, A42, B13 ...", required=True),
        Column("registered_at", "moment", "when it was registered"),
        Column("cleared_at", "moment", "when customs cleared it; empty: not cleared"),
        Column(
            "exit_confirmed_at",
            "moment",
            "when customs confirmed that the goods left; used where no EXIT_CONFIRM movement names the line; "
            "of a line of an earlier period on which nothing is loaded here, all of it left",
        ),
        Column("code", "name", "material or product code as declared", required=True),
        Column("description", "text", "name of the goods"),
        Column("hs", "tariff", "tariff code"),
        Column("origin", "country", "country of origin"),
        Column("quantity", "quantity", "quantity declared", required=True),
        Column("uom", "uom", "its unit of measure", required=True),
        Column("value", "amount", "customs value of the whole line in `currency`"),
        Column("currency", "currency", "ISO 4217 code"),
        Column("duty_rate", "percent", "rate of import duty: 12 is 12 %"),
        Column("partner", "text", "seller or buyer"),
        Column("original_declaration", "name", "declaration that this one changes (A42, B13)"),
        Column("original_line", "name", "its line"),
        Column("certificate", "name", "number of the certificate of origin that goes with it"),
        Column("destination", "country", "country that exported goods go to"),
        Column("contract", "name", "processing contract that it belongs to"),
        Column("channel", "choice", "channel that customs gave", choices=("", "green", "yellow", "red")),
        Column("mode", "choice", "way of transport", choices=("", "sea", "air", "road", "rail", "river")),
    ),
    ("B4", "D5", "D6", "L3", "L4", "N6", "O2", "O4", "O6", "O7", "O8", "T1", "T4", "T5", "U1", "U2", "X4",
     "X6", "X8"),
    "Duty, claims, exits and clearance cannot be judged.",
)
NORMS = Table(
    "norms",
    "Material actually used for one unit of a product (form 16).",
    (
        Column("product", "name", "product code", required=True),
        Column("material", "name", "material or semi-finished code", required=True),
        Column("norm", "decimal", "material for one unit of product", required=True),
        Column("product_uom", "uom", "unit of measure of the product", required=True),
        Column("material_uom", "uom", "unit of measure of the material", required=True),
        Column(
            "flag",
            "choice",
            "form 16 column 9: empty imported, X bought inland, KXDDM no norm can be set, TH, SPTN",
            choices=("", "X", "KXDDM", "TH", "SPTN"),
        ),
        _FROM,
        _TO,
        Column("loss_rate", "decimal", "process loss as a share of what is used: 0.03 is 3 %"),
    ),
    ("B6", "N1", "N2", "N3", "N5", "N6", "N7", "N9", "P6", "X2"),
    "Form 16, consumption and exemption cannot be worked out.",
)
OPENING = Table(
    "opening",
    "Stock at the beginning of the period.",
    (
        *_stock("first day of the period, or the last day of the one before"),
        Column(
            "origin",
            "choice",
            "where the goods come from; empty: a material with norm flag X, or in no norm and only "
            "ever bought inland, is domestic, any other imported",
            choices=("", "imported", "domestic", "own"),
        ),
    ),
    ("B1", "B3", "B6", "X1"),
    "The period begins with empty stores.",
)
COUNTS = Table(
    "counts",
    "A stock found by a stock-take.",
    _stock("when it was counted"),
    ("B2", "B6", "B8", "B9", "N1"),
    "What is in the store is not known: closing stock is taken from the books alone.",
)
PREVIOUS = Table(
    "previous",
    "Last period's closing stock, as it was reported.",
    _stock("last day of that period, or the first of this one"),
    ("B3",),
    "Opening stock cannot be compared with last period's closing.",
)
CONVERSIONS = Table(
    "conversions",
    "A factor between two units of measure: one `from_uom` is `factor` `to_uom`.",
    (
        Column("code", "name", "material or product it holds for; empty: any"),
        Column("from_uom", "uom", "unit", required=True),
        Column("to_uom", "uom", "unit", required=True),
        Column("factor", "decimal", "how many `to_uom` one `from_uom` is", required=True),
        Column("source", "text", "document that says so"),
        _FROM,
        _TO,
        Column("uncertainty", "amount", "standard uncertainty of the factor"),
    ),
    ("B5", "O5", "U1", "U4", "U5", "W2", "X5"),
    "Quantities in different units are not compared, never taken 1:1.",
)
CODES = Table(
    "codes",
    "An internal code and the code it is declared under; both may be the same, to give a name.",
    (
        Column("internal", "name", "code in the enterprise's own books", required=True),
        Column("declared", "name", "code on declarations and forms", required=True),
        Column("description", "text", "name of the goods, for forms; declarations have theirs"),
    ),
    ("B3",),
    "Codes are taken as they are written.",
)
CLAIMS = Table(
    "claims",
    "The exempt quantity claimed for a material.",
    (
        Column("material", "name", "material code", required=True),
        Column("quantity", "quantity", "quantity claimed as used in exported goods", required=True),
        Column("uom", "uom", "its unit of measure"),
    ),
    ("N6",),
    "The claim (of a material without a row too) is taken to be the declared norm times what left, or what "
    "another yield basis gives.",
)
PLACES = Table(
    "places",
    "A place that was notified to customs for the goods.",
    (
        Column("place", "name", "as movements and counts name it", required=True),
        Column("name", "text", "for people"),
        Column(
            "kind",
            "choice",
            "what it is",
            choices=(
                "",
                "factory",
                "warehouse",
                "bonded",
                "bonded_tax",
                "cfs",
                "yard",
                "port",
                "air",
                "rail",
                "subcontractor",
                "other",
            ),
        ),
        Column("custodian", "name", "who keeps the goods there; empty: the enterprise"),
        _FROM,
        _TO,
        Column("latitude", "decimal", "in degrees, north above zero: -90 to 90"),
        Column("longitude", "decimal", "in degrees, east above zero: -180 to 180"),
    ),
    ("C4", "T1", "T3"),
    "Clocks of storage cannot be judged where the kind of place decides.",
)
CAPACITY = Table(
    "capacity",
    "What a group of machines can make of one product.",
    (
        Column("product", "name", "product code", required=True),
        Column("uom", "uom", "unit of measure of the rate", required=True),
        Column("machines", "amount", "how many machines", required=True),
        Column("rate", "amount", "output of one machine in an hour", required=True),
        Column("hours_per_day", "amount", "hours worked a day, over all shifts", required=True),
        Column("place", "name", "where they stand"),
        _FROM,
        _TO,
    ),
    ("X3",),
    "Output cannot be compared with what the machines can make.",
)
GROUPS = Table(
    "groups",
    "A code in a registered group of substitutes. Norms of a group count in the mix that production took.",
    (
        Column("group", "name", "name of the group", required=True),
        Column("code", "name", "material code", required=True),
        Column("ratio", "amount", "units of the group that one unit of the code does the work of; empty: 1"),
        _FROM,
        _TO,
    ),
    ("B6", "N1", "N2", "N6", "P6", "X2"),
    "No material can stand in for another.",
)
RATES = Table(
    "rates",
    "An exchange rate into the book's own currency: VND, in the EU EUR, the UK GBP, the US USD.",
    (
        Column("currency", "currency", "ISO 4217 code", required=True),
        Column("rate", "decimal", "price of one unit of it", required=True),
        _FROM,
        _TO,
    ),
    ("O4",),
    "Values in other currencies are shown in their own.",
)
PEERS = Table(
    "peers",
    "A norm of another firm, as customs gives it out: without a name.",
    (
        Column("product_hs", "tariff", "tariff code of the product, six digits or more", required=True),
        Column("material_hs", "tariff", "tariff code of the material, six digits or more", required=True),
        Column("product_uom", "uom", "unit of measure of the product", required=True),
        Column("material_uom", "uom", "unit of measure of the material", required=True),
        Column("norm", "decimal", "material for one unit of product", required=True),
    ),
    ("N4",),
    "Norms cannot be compared with those of other firms.",
)
ROLES = ("", "product", "co-product", "scrap", "semi", "loss", "material", "wip", "container", "cargo")
STOCK_KINDS = (
    Kind.OPENING,
    Kind.RECEIVE_FACTORY,
    Kind.RECEIVE_DOMESTIC,
    Kind.SPLIT,
    Kind.MERGE,
    Kind.ISSUE_PROD,
    Kind.RETURN_PROD,
    Kind.TRANSFORM,
    Kind.EXPORT_LOAD,
    Kind.REEXPORT,
    Kind.UNLOAD,
    Kind.EXIT_CONFIRM,
    Kind.FG_RETURN,
    Kind.REPURPOSE,
    Kind.SELL_INLAND,
    Kind.SCRAP_OUT,
    Kind.DESTROY,
    Kind.TRANSFER,
    Kind.COUNT,
    Kind.ADJUST,
)
"""Kinds that a movement of stock can have."""
CUSTODY_KINDS = (
    Kind.ARRIVE,
    Kind.OFFER,
    Kind.ACCEPT,
    Kind.REFUSE,
    Kind.CANCEL,
    Kind.HOLD,
    Kind.UNHOLD,
    Kind.ELIGIBLE,
    Kind.REVOKE,
    Kind.GATE_OUT,
    Kind.STRIP,
    Kind.STUFF,
    Kind.OBSERVE,
)
"""Kinds about who has the goods, and whether they may go."""
STEPS = (
    Step.DISCHARGE,
    Step.GATE_IN,
    Step.STORE,
    Step.MOVE,
    Step.WEIGH,
    Step.SEAL_APPLY,
    Step.SEAL_BREAK,
    Step.INSPECT,
    Step.CHANNEL,
    Step.DOC_CHECK,
    Step.REPACK,
    Step.SENSOR,
)
"""Steps that an OBSERVE of a folder may have."""
CARRIED = (Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.EXPORT_LOAD, Kind.REEXPORT)
"""Kinds whose goods come or go in a container that a row may name."""
MOVEMENTS = Table(
    "movements",
    "A movement of goods, or one side of one. Rows of one SPLIT, MERGE or TRANSFORM share `op`.",
    (
        Column("id", "name", "number of the row in the enterprise's books; empty: file and row"),
        Column("at", "moment", "when it happened", required=True),
        Column(
            "kind",
            "choice",
            "what happened: a kind of the event model",
            required=True,
            choices=tuple(kind.name for kind in STOCK_KINDS + CUSTODY_KINDS),
        ),
        Column("op", "name", "what joins the rows of one act"),
        Column("side", "choice", "in: goes into the act; out: comes out of it", choices=("", "in", "out")),
        Column(
            "role",
            "choice",
            "what comes out of a TRANSFORM; which stock an OPENING, COUNT, ADJUST, DESTROY or "
            "sale is about; that a thing is a container or cargo",
            choices=ROLES,
        ),
        Column("code", "name", "material or product code; empty: that of the lot"),
        Column("lot", "name", "lot number; empty: stock of the code without lots"),
        Column("parent", "name", "lot that a SPLIT takes from, where its rows share no op"),
        Column("quantity", "signed", "how much; below zero only for ADJUST"),
        Column("uom", "uom", "its unit of measure; empty: that of the code"),
        Column("declaration", "name", "declaration it draws from or is loaded for"),
        Column("line", "name", "its line"),
        Column("product", "name", "what an issue to production is for"),
        Column("place", "name", "where"),
        Column("actor", "name", "who; empty: the enterprise, or customs where it is an act of customs"),
        Column("partner", "name", "who is on the other side of a handover or sale"),
        Column("document", "name", "number of the paper behind it"),
        Column("recorded_at", "moment", "when it was entered in the books; empty: when it happened"),
        Column("reason", "text", "why"),
        Column("step", "choice", "what an OBSERVE saw", choices=("", *(s.name for s in STEPS))),
        Column("seals", "text", "numbers of seals read or set, separated by spaces"),
        Column("customs_seals", "text", "those of customs among them"),
        Column("broken_seals", "text", "those found broken or tampered with"),
        Column("gross_kg", "quantity", "what a scale showed, in kilograms"),
        Column("tare_kg", "quantity", "vehicle and container without goods"),
        Column("volume_l", "amount", "volume that was measured, in litres"),
        Column("temperature_c", "decimal", "temperature at that, in degrees Celsius"),
        Column("value", "amount", "price of what was sold, for all of it"),
        Column("currency", "currency", "its currency; empty: the book's own (`rates`)"),
        Column("signer", "name", "key or user that entered it"),
        Column("device", "name", "device that measured"),
        Column(
            "container",
            "name",
            "container that goods are received out of or loaded into, `consignment/number`, the number with "
            "blanks and dashes or without; of "
            + ", ".join(kind.name for kind in CARRIED),
        ),
    ),
)
TABLES = (
    DECLARATIONS,
    NORMS,
    OPENING,
    COUNTS,
    PREVIOUS,
    CONVERSIONS,
    CODES,
    CLAIMS,
    PLACES,
    CAPACITY,
    GROUPS,
    RATES,
    PEERS,
    *BESIDE,
    MOVEMENTS,
)
